//! Places where the crash tests end this process as `kill -9` would:
//! `VEZNE_FAILPOINT=after-claim vezne serve`, in builds with the emulator only,
//! never with `live`. A production build has neither the variable nor the question.

/// A place between two steps of a card's way (docs/sessions.md).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Point {
    /// The session is claimed, the card has not left.
    AfterClaim,
    /// The provider has answered, nothing is committed.
    AfterProvider,
    /// The outcome and its event are committed, the cardholder is not answered.
    AfterCommit,
    /// The merchant's endpoint has answered, nothing is recorded of it.
    AfterCallback,
}

#[cfg(feature = "sandbox")]
mod armed {
    use super::Point;
    use std::sync::OnceLock;

    const VARIABLE: &str = "VEZNE_FAILPOINT";
    const POINTS: [(&str, Point); 4] = [
        ("after-claim", Point::AfterClaim),
        ("after-provider", Point::AfterProvider),
        ("after-commit", Point::AfterCommit),
        ("after-callback", Point::AfterCallback),
    ];

    static ARMED: OnceLock<Point> = OnceLock::new();

    /// Reads the variable; says which place was named. Once, before serving.
    ///
    /// # Errors
    /// What is wrong with the variable.
    pub fn arm() -> Result<Option<&'static str>, String> {
        let Ok(wanted) = std::env::var(VARIABLE) else { return Ok(None) };
        let (name, point) = POINTS
            .into_iter()
            .find(|(name, _)| *name == wanted)
            .ok_or_else(|| format!("{VARIABLE}: one of {}", POINTS.map(|(name, _)| name).join(", ")))?;
        ARMED.get_or_init(|| point);
        Ok(Some(name))
    }

    /// Ends the process if this place was named.
    pub fn reach(point: Point) {
        if ARMED.get() == Some(&point) {
            std::process::abort();
        }
    }
}

#[cfg(feature = "sandbox")]
pub use armed::{arm, reach};

/// Nothing: a production build has no such places.
#[cfg(not(feature = "sandbox"))]
#[inline]
pub const fn reach(_point: Point) {}
