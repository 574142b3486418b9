//! Customers whose calls go wrong, one way each: there is no card number to tell
//! by, so `RelationalId1` does.

/// What happens to a call of such a customer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Drill {
    /// Done, and answered after 30 seconds.
    Slow,
    /// HTTP 500 with HTML; not done.
    ServerError,
    /// Done, and answered with JSON that is cut off.
    Malformed,
    /// Done, and the connection ends without an answer.
    HangUp,
    /// Done, and answered with a number where a text belongs.
    OtherTypes,
    /// Done, and answered in two megabytes.
    Oversized,
    /// HTTP 302 to another address of the sandbox.
    Redirect,
    /// Done, and answered with the card's fields below `Card`.
    Nested,
    /// Done, and answered with a whole card number in number and nickname.
    Unmasked,
    /// Every listing changes all codes.
    CodesChange,
    /// Every deletion is refused with 21, as if the code had just changed.
    Stale,
    /// Refused with this code; not done.
    Refuse(i32),
}

/// Every drill that has a name of its own: `vezne-slow` and so on.
pub const DRILLS: [(&str, Drill); 11] = [
    ("vezne-slow", Drill::Slow),
    ("vezne-500", Drill::ServerError),
    ("vezne-malformed", Drill::Malformed),
    ("vezne-hang-up", Drill::HangUp),
    ("vezne-other-types", Drill::OtherTypes),
    ("vezne-oversized", Drill::Oversized),
    ("vezne-redirect", Drill::Redirect),
    ("vezne-nested", Drill::Nested),
    ("vezne-unmasked", Drill::Unmasked),
    ("vezne-codes-change", Drill::CodesChange),
    ("vezne-stale", Drill::Stale),
];

/// Refuses with the code that follows: `vezne-code-13`.
const REFUSES: &str = "vezne-code-";

impl Drill {
    /// What a customer's first value makes of its calls.
    #[must_use]
    pub fn of(first: &str) -> Option<Self> {
        let named = DRILLS.iter().find(|(name, _)| *name == first).map(|(_, drill)| *drill);
        named.or_else(|| first.strip_prefix(REFUSES)?.parse().ok().map(Self::Refuse))
    }

    /// The name in journals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Refuse(_) => "cardwall_refused",
            other => DRILLS.iter().find(|(_, drill)| *drill == other).map_or("cardwall", |(name, _)| name),
        }
    }
}
