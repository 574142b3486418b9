//! The checks that come before a card's behaviour, in the order in which the
//! service makes them, with the sandbox's own codes `9001` to `9007`.

use super::form::{Field, Form, FormError};
use super::merchant::KnownMerchant;
use super::signature::SignedCall;
use crate::card::{Cvv, Expiry, ExpiryError, Month, Pan, PanError};
use jiff::Timestamp;

/// How far a nonce may be from the sandbox's clock, either way.
const NONCE_WINDOW_MS: u64 = 5 * 60 * 1000;

/// A refusal as the caller reads it. Nothing of the card is in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// `errorCode`.
    pub code: &'static str,
    /// `errorMessage`.
    pub message: String,
}

impl Refusal {
    /// A refusal with a message.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Self {
        Self::new("9001", error.to_string())
    }
}

/// A call whose form, merchant, signature and nonce are right.
pub(super) struct Authentic<'a> {
    /// Who calls.
    pub merchant: &'a KnownMerchant,
    /// The signature as sent.
    pub signature: &'a str,
    /// The conversation as sent.
    pub conversation_id: &'a str,
}

/// Checks who calls: every field there, merchant known (`0001`), signature
/// (`9002`), nonce within five minutes (`9003`). The signature comes before the
/// nonce, so that only a merchant learns what the clock says.
///
/// # Errors
/// The first [`Refusal`].
pub(super) fn authenticate<'a>(
    form: &'a Form,
    merchants: &'a [KnownMerchant],
    now: Timestamp,
) -> Result<Authentic<'a>, Refusal> {
    for field in Field::ALL {
        form.text(field)?;
    }
    form.digits(Field::Nonce, 1..=19)?;
    let (public_key, number) = (form.text(Field::PublicKey)?, form.text(Field::MerchantNumber)?);
    let merchant = merchants
        .iter()
        .find(|merchant| merchant.public_key == public_key && merchant.number == number)
        .ok_or_else(|| Refusal::new("0001", "Geçersiz üye iş yeri bilgisi"))?;
    let (nonce, conversation_id) = (form.text(Field::Nonce)?, form.text(Field::ConversationId)?);
    let signature = form.text(Field::Signature)?;
    if !merchant.signing_key.verify(&SignedCall { public_key, nonce, conversation_id }, signature) {
        return Err(Refusal::new("9002", "signature does not fit"));
    }
    let sent: u64 = nonce.parse().map_err(|_| FormError::Malformed(Field::Nonce))?;
    let now = u64::try_from(now.as_millisecond()).unwrap_or(0);
    if sent.abs_diff(now) > NONCE_WINDOW_MS {
        return Err(Refusal::new("9003", "nonce is more than five minutes from the service's clock"));
    }
    Ok(Authentic { merchant, signature, conversation_id })
}

/// Checks the card: digits and lengths (`9001`), check digit (`9005`), expiry
/// (`9006`), length of the security code (`9007`).
///
/// # Errors
/// The first [`Refusal`], which holds no digit of the card.
pub fn card(form: &Form, now: Timestamp) -> Result<Pan, Refusal> {
    let pan = Pan::parse(form.digits(Field::CardNumber, 12..=19)?).map_err(|error| match error {
        PanError::Luhn => Refusal::new("9005", error.to_string()),
        _ => FormError::Malformed(Field::CardNumber).into(),
    })?;
    let (month, year) = (form.digits(Field::ExpireMonth, 2..=2)?, form.digits(Field::ExpireYear, 2..=2)?);
    let today = now.to_zoned(jiff::tz::TimeZone::UTC);
    let this_month = u16::try_from(today.year())
        .ok()
        .zip(u8::try_from(today.month()).ok())
        .and_then(|(year, month)| Month::new(year, month))
        .ok_or(FormError::Malformed(Field::ExpireYear))?;
    Expiry::from_parts(month, year, this_month).map_err(|error| match error {
        ExpiryError::Past | ExpiryError::TooFar => Refusal::new("9006", error.to_string()),
        ExpiryError::Empty | ExpiryError::Format => FormError::Malformed(Field::ExpireMonth).into(),
    })?;
    let fits = |cvv: Cvv| cvv.check_length(pan.brand());
    Cvv::parse(form.digits(Field::Cvv, 1..=19)?)
        .and_then(fits)
        .map_err(|error| Refusal::new("9007", error.to_string()))?;
    Ok(pan)
}
