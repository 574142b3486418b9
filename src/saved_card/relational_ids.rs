//! Whose saved cards: the merchant's own names for its customer.

use super::Mistake;
use crate::card::holds_card_number;
use crate::hardening::SecretText;

/// Why a text cannot be a relational id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RelationalIdError {
    /// Empty, or longer than 64 characters.
    Length,
    /// A space, a control character, a letter outside ASCII.
    Characters,
    /// A card number.
    CardNumber,
}

impl RelationalIdError {
    /// What would be right.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Length => "must have 1 to 64 characters",
            Self::Characters => "must have visible ASCII characters only: no spaces, no letters such as ş or ü",
            Self::CardNumber => "must not hold a card number",
        }
    }
}

/// One value that a customer's cards are saved under. It travels in a body when
/// a card is saved and in a header when cards are listed, and headers have no
/// agreed encoding beyond ASCII (RFC 9110 section 5.5): a Turkish letter could
/// name another customer at the other end, so it is refused. What is left
/// cannot end a header either. No `Debug`, no `Display`; wiped on drop.
pub struct RelationalId(SecretText);

impl RelationalId {
    /// The longest id, in characters.
    pub const LONGEST: usize = 64;

    /// Takes 1 to 64 visible ASCII characters that hold no card number.
    ///
    /// # Errors
    /// [`RelationalIdError`].
    pub fn parse(text: &str) -> Result<Self, RelationalIdError> {
        if !(1..=Self::LONGEST).contains(&text.chars().count()) {
            return Err(RelationalIdError::Length);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RelationalIdError::Characters);
        }
        if holds_card_number(text) {
            return Err(RelationalIdError::CardNumber);
        }
        Ok(Self(SecretText::new(text.to_owned())))
    }

    /// The value, for the provider.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The one to three values that a customer's cards are saved under. All that
/// were given at saving must be given at listing, or nothing is found.
pub struct RelationalIds {
    first: RelationalId,
    second: Option<RelationalId>,
    third: Option<RelationalId>,
}

impl RelationalIds {
    /// The names of the three in the merchants' API.
    pub const FIELDS: [&str; 3] = ["relationalId1", "relationalId2", "relationalId3"];

    /// Checks the three values as they were given.
    ///
    /// # Errors
    /// A mistake for each that cannot be accepted.
    pub fn parse(given: [Option<&str>; 3]) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut parsed = given.into_iter().zip(Self::FIELDS).map(|(text, field)| {
            let id = RelationalId::parse(text?);
            id.map_err(|error| mistakes.push(Mistake { field, message: error.message() })).ok()
        });
        let (first, second, third) = (parsed.next().flatten(), parsed.next().flatten(), parsed.next().flatten());
        drop(parsed);
        if given[0].is_none() {
            mistakes.push(Mistake { field: Self::FIELDS[0], message: "is needed: whose cards they are" });
        }
        match first.filter(|_| mistakes.is_empty()) {
            Some(first) => Ok(Self { first, second, third }),
            None => Err(mistakes),
        }
    }

    /// The three, in order.
    #[must_use]
    pub fn all(&self) -> [Option<&RelationalId>; 3] {
        [Some(&self.first), self.second.as_ref(), self.third.as_ref()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_name_a_customer() {
        let longest = "x".repeat(64);
        for good in ["003", "deniz@example.com", "a/b:c;d,e=\"f\"", &longest] {
            assert!(RelationalId::parse(good).is_ok_and(|id| id.expose() == good), "{good}");
        }
    }

    #[test]
    fn nothing_that_a_header_could_misread_is_taken() {
        use RelationalIdError::{CardNumber, Characters, Length};
        let cases = [
            ("", Length),
            (&"x".repeat(65), Length),
            ("müşteri", Characters),
            ("a b", Characters),
            (" a", Characters),
            ("a\r\nrelationalid2: b", Characters),
            ("a\nb", Characters),
            ("a\0", Characters),
            ("a\tb", Characters),
            ("a\u{7f}", Characters),
            ("4355093000777068", CardNumber),
            ("card-4355-0930-0077-7068", CardNumber),
        ];
        for (text, expected) in cases {
            assert_eq!(RelationalId::parse(text).err(), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn the_first_is_needed_and_every_mistake_is_told() {
        let fields = |given| {
            let mistakes = RelationalIds::parse(given).err().unwrap_or_default();
            mistakes.into_iter().map(|mistake| mistake.field).collect::<Vec<_>>()
        };
        assert_eq!(fields([Some("a"), None, Some("c")]), Vec::<&str>::new());
        assert_eq!(fields([None, Some("b"), None]), ["relationalId1"]);
        assert_eq!(fields([Some(""), Some(" "), Some("ş")]), RelationalIds::FIELDS);
        let ids = RelationalIds::parse([Some("a"), None, Some("c")]).ok().unwrap();
        assert_eq!(ids.all().map(|id| id.map(RelationalId::expose)), [Some("a"), None, Some("c")]);
    }
}
