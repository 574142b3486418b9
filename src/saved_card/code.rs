//! The provider's name for a saved card.

/// What a saved card is charged and deleted by. The provider changes it from
/// time to time, so it is good for what follows a listing and for nothing later.
/// No `Debug`, no `Display`.
#[derive(Clone, Eq, PartialEq)]
pub struct UniqueCode(String);

impl UniqueCode {
    /// The longest code, in characters.
    pub const LONGEST: usize = 128;

    /// Takes 1 to 128 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The code, for its merchant and the provider.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        for good in ["a", "5d1c3b1e-8f53-4b9e-9d0c-2f6f6a1f7c11", "q/+=="] {
            assert!(UniqueCode::parse(good).is_some_and(|code| code.expose() == good), "{good}");
        }
        for bad in ["", "a b", "a\r\nb", "kodü", &"a".repeat(129)] {
            assert!(UniqueCode::parse(bad).is_none(), "{bad:?}");
        }
    }
}
