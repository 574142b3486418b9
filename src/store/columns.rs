//! How values are written in columns, whichever database has them.

use super::StoreError;
use crate::merchant::Mode;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A moment from Unix milliseconds.
pub(super) fn timestamp(milliseconds: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(milliseconds).map_err(|_| StoreError::Corrupt { what: "time" })
}

/// A duration in whole milliseconds, as the store counts.
pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// `test` or `live`.
pub(super) fn mode(name: &str) -> Option<Mode> {
    [Mode::Test, Mode::Live].into_iter().find(|mode| mode.name() == name)
}

/// The name that serde gives a plain enum, for a text column.
pub(super) fn name_of<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => Ok(name),
        _ => Err(StoreError::Corrupt { what: "name" }),
    }
}

/// The plain enum of such a name.
pub(super) fn named<T: DeserializeOwned>(name: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_value(name.into()).map_err(|_| StoreError::Corrupt { what })
}

/// A value as JSON.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt { what: "value" })
}

/// A value from JSON.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &'static str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { what })
}
