//! What a card becomes.

use zeroize::Zeroizing;

/// Longest token taken over; the published ones have 44 characters.
const MAX_LENGTH: usize = 512;

/// The provider's token for a card: whoever has it and the merchant's keys can
/// charge the card. No `Debug`, no `Display`; wiped on drop.
pub struct CardToken(Zeroizing<String>);

impl CardToken {
    /// Takes 1 to 512 visible ASCII characters, without copying them.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        let fits = (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(Self(text))
    }

    /// The token, for the places that hand it to its merchant.
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
        assert!(CardToken::new("+oc6jxS0ABueLM+QuJnQFrZyV+B4HMHYiMx8yBH/Z90=".to_owned()).is_some());
        assert!(CardToken::new("a".repeat(512)).is_some());
        for bad in ["", " ", "a b", "a\n", "türk", &"a".repeat(513)] {
            assert!(CardToken::new(bad.to_owned()).is_none(), "{bad:?}");
        }
    }
}
