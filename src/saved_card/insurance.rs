//! A card that an insurer saves: without its number.

use super::{IdentityError, IdentityNumber, Mistake};
use crate::card::{Month, holds_card_number};
use crate::hardening::SecretText;

/// The longest nickname and holder's name, in characters.
const LONGEST_NAME: usize = 60;

/// The fields as they were given; `None` for one that was not.
#[derive(Clone, Copy, Default)]
pub struct InsuranceFields<'a> {
    /// What the customer calls it.
    pub nickname: Option<&'a str>,
    /// Whose name is on it.
    pub holder_name: Option<&'a str>,
    /// The number's first six or eight digits.
    pub bin: Option<&'a str>,
    /// The number's last four.
    pub last_four: Option<&'a str>,
    /// The holder's national identity or tax number.
    pub identity: Option<&'a str>,
    /// 1 to 12.
    pub expire_month: Option<u16>,
    /// Four digits.
    pub expire_year: Option<u16>,
}

/// A card to be saved for insurance, valid in every field. No `Debug`; its texts
/// are wiped on drop.
pub struct NewInsuranceCard {
    /// What the customer calls it.
    pub nickname: SecretText,
    /// Whose name is on it.
    pub holder_name: SecretText,
    /// The number's first six or eight digits.
    pub bin: String,
    /// The number's last four.
    pub last_four: String,
    /// Whose it is.
    pub identity: IdentityNumber,
    /// The month after which it is refused.
    pub expiry: Month,
}

impl NewInsuranceCard {
    /// Checks every field; a card whose month is over everywhere on earth `now` is refused.
    ///
    /// # Errors
    /// A mistake for each field that cannot be accepted.
    pub fn parse(given: InsuranceFields<'_>, now: Month) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut note = |field, message| mistakes.push(Mistake { field, message });
        let nickname = name(given.nickname).map_err(|message| note("nickname", message)).ok();
        let holder_name = name(given.holder_name).map_err(|message| note("holderName", message)).ok();
        let bin = digits(given.bin, &[6, 8]);
        if bin.is_none() {
            note("bin", "must be the number's first 6 or 8 digits");
        }
        let last_four = digits(given.last_four, &[4]);
        if last_four.is_none() {
            note("lastFour", "must be the number's last 4 digits");
        }
        let identity = identity(given.identity).map_err(|message| note("identity", message)).ok();
        let expiry =
            expiry(given.expire_month, given.expire_year, now).map_err(|(field, message)| note(field, message));
        let all = (nickname, holder_name, bin, last_four, identity, expiry.ok());
        match all {
            (Some(nickname), Some(holder_name), Some(bin), Some(last_four), Some(identity), Some(expiry)) => {
                Ok(Self { nickname, holder_name, bin, last_four, identity, expiry })
            }
            _ => Err(mistakes),
        }
    }
}

fn name(text: Option<&str>) -> Result<SecretText, &'static str> {
    let text = text.unwrap_or_default().trim();
    if !(1..=LONGEST_NAME).contains(&text.chars().count()) || text.contains(char::is_control) {
        return Err("must have 1 to 60 characters on one line");
    }
    if holds_card_number(text) {
        return Err("must not hold a card number");
    }
    Ok(SecretText::new(text.to_owned()))
}

fn digits(text: Option<&str>, lengths: &[usize]) -> Option<String> {
    let text = text?;
    (lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}

fn identity(text: Option<&str>) -> Result<IdentityNumber, &'static str> {
    IdentityNumber::parse(text.unwrap_or_default()).map_err(IdentityError::message)
}

fn expiry(month: Option<u16>, year: Option<u16>, now: Month) -> Result<Month, (&'static str, &'static str)> {
    let month = month.and_then(|month| u8::try_from(month).ok()).filter(|month| (1..=12).contains(month));
    let month = month.ok_or(("expireMonth", "must be 1 to 12"))?;
    let year = year.filter(|year| (2000..=2099).contains(year));
    let year = year.ok_or(("expireYear", "must have four digits, from 2000 to 2099"))?;
    let expiry = Month::new(year, month).ok_or(("expireMonth", "must be 1 to 12"))?;
    if expiry < now { Err(("expireYear", "must not be over: the card has expired")) } else { Ok(expiry) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> InsuranceFields<'static> {
        InsuranceFields {
            nickname: Some("Yüksek limitli kartım :)"),
            holder_name: Some("Şule Çağ"),
            bin: Some("43550930"),
            last_four: Some("7068"),
            identity: Some("10000000146"),
            expire_month: Some(11),
            expire_year: Some(2040),
        }
    }

    fn refused(given: InsuranceFields<'_>) -> Vec<&'static str> {
        let now = Month::new(2026, 11).unwrap();
        let mistakes = NewInsuranceCard::parse(given, now).err().unwrap_or_default();
        mistakes.into_iter().map(|mistake| mistake.field).collect()
    }

    #[test]
    fn a_good_card_keeps_what_was_given() {
        let card = NewInsuranceCard::parse(good(), Month::new(2026, 11).unwrap()).ok().unwrap();
        assert_eq!((card.nickname.expose(), card.holder_name.expose()), ("Yüksek limitli kartım :)", "Şule Çağ"));
        assert_eq!((card.bin.as_str(), card.last_four.as_str()), ("43550930", "7068"));
        assert_eq!((card.expiry.year(), card.expiry.month(), card.identity.expose()), (2040, 11, "10000000146"));
        assert_eq!(refused(InsuranceFields { bin: Some("435509"), identity: Some("1234567890"), ..good() }).len(), 0);
        assert_eq!(refused(InsuranceFields { expire_year: Some(2026), ..good() }).len(), 0, "this month is not over");
    }

    #[test]
    fn every_field_is_needed_and_every_mistake_is_told() {
        let none = InsuranceFields::default();
        assert_eq!(refused(none), ["nickname", "holderName", "bin", "lastFour", "identity", "expireMonth"]);
        assert_eq!(refused(InsuranceFields { expire_year: None, ..good() }), ["expireYear"]);
    }

    #[test]
    fn each_field_has_bounds() {
        let long = "x".repeat(61);
        for bad in ["", "  ", "a\nb", "4355093000777068", &long] {
            assert_eq!(refused(InsuranceFields { nickname: Some(bad), ..good() }), ["nickname"], "{bad:?}");
            assert_eq!(refused(InsuranceFields { holder_name: Some(bad), ..good() }), ["holderName"], "{bad:?}");
        }
        for bad in ["", "43550", "4355093", "435509300", "4355093000777068", "43550a", "٤٣٥٥٠٩"] {
            assert_eq!(refused(InsuranceFields { bin: Some(bad), ..good() }), ["bin"], "{bad:?}");
            assert_eq!(refused(InsuranceFields { last_four: Some(bad), ..good() }), ["lastFour"], "{bad:?}");
        }
        assert_eq!(refused(InsuranceFields { identity: Some("10000000145"), ..good() }), ["identity"]);
        for bad in [0, 13, 300] {
            assert_eq!(refused(InsuranceFields { expire_month: Some(bad), ..good() }), ["expireMonth"], "{bad}");
        }
        for bad in [40, 1999, 2100, 2025] {
            assert_eq!(refused(InsuranceFields { expire_year: Some(bad), ..good() }), ["expireYear"], "{bad}");
        }
        assert_eq!(
            refused(InsuranceFields { expire_month: Some(10), expire_year: Some(2026), ..good() }),
            ["expireYear"]
        );
    }
}
