//! What was achieved, one finding for each measure.

use std::fmt;

/// How far a measure got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// In full.
    Achieved,
    /// All that this kernel can do, which is less than newer ones.
    Partial,
    /// Not at all, or not what the configuration asks for.
    Missing,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Achieved, Self::Partial, Self::Missing];

    /// As it is written in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Achieved => "achieved",
            Self::Partial => "partial",
            Self::Missing => "missing",
        }
    }
}

/// One measure's outcome.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The measure, such as `landlock`.
    pub measure: &'static str,
    /// How far it got.
    pub outcome: Outcome,
    /// What holds now, or why it does not and what to do.
    pub detail: String,
}

impl Finding {
    pub(super) fn achieved(measure: &'static str, detail: impl Into<String>) -> Self {
        Self { measure, outcome: Outcome::Achieved, detail: detail.into() }
    }

    pub(super) fn partial(measure: &'static str, detail: impl Into<String>) -> Self {
        Self { measure, outcome: Outcome::Partial, detail: detail.into() }
    }

    pub(super) fn missing(measure: &'static str, detail: impl Into<String>) -> Self {
        Self { measure, outcome: Outcome::Missing, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}: {}", self.measure, self.outcome.name(), self.detail)
    }
}

/// Every measure's outcome.
#[derive(Clone, Debug)]
pub struct Report(pub Vec<Finding>);

impl Report {
    /// One log line for each measure; a warning where it is missing.
    pub fn log(&self) {
        for Finding { measure, outcome, detail } in &self.0 {
            let outcome = outcome.name();
            if outcome == Outcome::Missing.name() {
                tracing::warn!(measure, outcome, detail, "hardening");
            } else {
                tracing::info!(measure, outcome, detail, "hardening");
            }
        }
    }

    /// What is missing, a line each; none when everything that this kernel can
    /// do was achieved.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let missing = self.0.iter().filter(|finding| finding.outcome == Outcome::Missing);
        let lines: Vec<String> = missing.map(|finding| format!("{}: {}", finding.measure, finding.detail)).collect();
        (!lines.is_empty()).then(|| lines.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partial_is_not_missing() {
        let mut report = Report(vec![Finding::achieved("a", "x"), Finding::partial("b", "y")]);
        assert_eq!(report.missing(), None);
        report.0.push(Finding::missing("c", "set z"));
        report.0.push(Finding::missing("d", "set w"));
        assert_eq!(report.missing().unwrap(), "c: set z\n  d: set w");
    }
}
