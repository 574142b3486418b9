//! The nine fields of a card-token call, read from a bounded multipart body.

use actix_multipart::{Field as Part, Multipart};
use futures_util::TryStreamExt as _;
use thiserror::Error;
use zeroize::Zeroizing;

/// Longest value taken; a signature has 44 characters.
const MAX_VALUE: usize = 512;
/// Most parts taken, unknown ones included.
const MAX_PARTS: usize = 32;
/// Largest sum of all parts' contents.
const MAX_TOTAL: usize = 16 * 1024;

/// A field of the form, by the name that the protocol's table gives it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Field {
    /// The card's number, digits only.
    CardNumber,
    /// `01` to `12`.
    ExpireMonth,
    /// Two digits.
    ExpireYear,
    /// Three digits, four for American Express.
    Cvv,
    /// Names the merchant.
    PublicKey,
    /// Milliseconds since 1970.
    Nonce,
    /// See [`super::signature`].
    Signature,
    /// The merchant's value for this call.
    ConversationId,
    /// The merchant's number.
    MerchantNumber,
}

impl Field {
    /// Every field, in the protocol's order.
    pub const ALL: [Self; 9] = [
        Self::CardNumber,
        Self::ExpireMonth,
        Self::ExpireYear,
        Self::Cvv,
        Self::PublicKey,
        Self::Nonce,
        Self::Signature,
        Self::ConversationId,
        Self::MerchantNumber,
    ];

    /// The name in the protocol's table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CardNumber => "cardNumber",
            Self::ExpireMonth => "expireMonth",
            Self::ExpireYear => "expireYear",
            Self::Cvv => "cvv",
            Self::PublicKey => "publicKey",
            Self::Nonce => "nonce",
            Self::Signature => "signature",
            Self::ConversationId => "conversationId",
            Self::MerchantNumber => "merchantNumber",
        }
    }

    /// Takes `CardNumber`, `cardNumber` and any other capitals.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name))
    }
}

/// Why a body is not a usable form. Always the caller's to mend.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FormError {
    /// Not `multipart/form-data`, cut off, or without field names.
    #[error("the body is not multipart/form-data")]
    NotMultipart,
    /// More bytes or parts than nine short fields need.
    #[error("the body is too large")]
    TooLarge,
    /// A field given twice.
    #[error("{} is given twice", _0.name())]
    Twice(Field),
    /// A field not given, or empty.
    #[error("{} is missing", _0.name())]
    Missing(Field),
    /// A field of the wrong form: not text, not a number, too long.
    #[error("{} is malformed", _0.name())]
    Malformed(Field),
}

/// The fields that were sent. Unknown ones are passed over. Wiped when dropped.
pub struct Form {
    values: [Option<Zeroizing<Vec<u8>>>; Field::ALL.len()],
}

impl Form {
    /// Reads a body to its end.
    ///
    /// # Errors
    /// [`FormError`], without anything of the body.
    pub async fn read(mut body: Multipart) -> Result<Self, FormError> {
        let mut form = Self { values: [const { None }; Field::ALL.len()] };
        let (mut parts, mut room) = (0, MAX_TOTAL);
        while let Some(mut part) = body.try_next().await.map_err(|_| FormError::NotMultipart)? {
            parts += 1;
            if parts > MAX_PARTS {
                return Err(FormError::TooLarge);
            }
            let field = part.name().ok_or(FormError::NotMultipart).map(Field::named)?;
            let value = read_value(&mut part, &mut room).await?;
            let Some(field) = field else { continue };
            let value = value.ok_or(FormError::Malformed(field))?;
            if form.values[field as usize].replace(value).is_some() {
                return Err(FormError::Twice(field));
            }
        }
        Ok(form)
    }

    /// A field's bytes.
    ///
    /// # Errors
    /// [`FormError::Missing`] when it was not sent or is empty.
    pub fn bytes(&self, field: Field) -> Result<&[u8], FormError> {
        match &self.values[field as usize] {
            Some(value) if !value.is_empty() => Ok(value),
            _ => Err(FormError::Missing(field)),
        }
    }

    /// A field's text.
    ///
    /// # Errors
    /// As [`Form::bytes`], and [`FormError::Malformed`] when it is not UTF-8.
    pub fn text(&self, field: Field) -> Result<&str, FormError> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| FormError::Malformed(field))
    }

    /// A field of ASCII digits, with a number of them in `lengths`.
    ///
    /// # Errors
    /// As [`Form::text`], and [`FormError::Malformed`] for anything else.
    pub fn digits(&self, field: Field, lengths: std::ops::RangeInclusive<usize>) -> Result<&[u8], FormError> {
        let value = self.bytes(field)?;
        let plain = lengths.contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
        if plain { Ok(value) } else { Err(FormError::Malformed(field)) }
    }
}

/// A part's content to its end; `None` when it is longer than any value may be.
async fn read_value(part: &mut Part, room: &mut usize) -> Result<Option<Zeroizing<Vec<u8>>>, FormError> {
    let mut value = Some(Zeroizing::new(Vec::with_capacity(MAX_VALUE)));
    while let Some(chunk) = part.try_next().await.map_err(|_| FormError::NotMultipart)? {
        *room = room.checked_sub(chunk.len()).ok_or(FormError::TooLarge)?;
        value = value.filter(|value| value.len() + chunk.len() <= MAX_VALUE);
        if let Some(value) = &mut value {
            value.extend_from_slice(&chunk);
        }
    }
    Ok(value)
}
