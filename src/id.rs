//! Prefixed ids: `mer_`, `ses_`, `evt_`, `key_`, `req_` and 26 characters that
//! sort by time of creation (a version 7 UUID, RFC 9562). An id opens nothing.

use crate::hardening::secret::BASE32;
use serde::Serialize;
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// A new id.
            #[must_use]
            pub fn generate() -> Self {
                Self(generate($prefix))
            }

            /// Reads an id; `None` when it cannot be one of this kind.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                fits($prefix, text).then(|| Self(text.to_owned()))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A merchant.
    MerchantId, "mer_"
);
id!(
    /// A session: one cardholder at the window.
    SessionId, "ses_"
);
id!(
    /// An event: something a merchant is told.
    EventId, "evt_"
);
id!(
    /// An API key or another secret of a merchant, by name.
    KeyId, "key_"
);
id!(
    /// A request, in answers and logs.
    RequestId, "req_"
);

const TEXT_BYTES: usize = 26;

fn generate(prefix: &str) -> String {
    let mut text = String::with_capacity(prefix.len() + TEXT_BYTES);
    text.push_str(prefix);
    BASE32.encode_append(uuid::Uuid::now_v7().as_bytes(), &mut text);
    text
}

fn fits(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        rest.len() == TEXT_BYTES && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'v'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_one_kind_and_read_back() {
        let id = SessionId::generate();
        assert_eq!(SessionId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(EventId::parse(id.as_str()), None);
        for text in ["", "ses_", "ses_0", &format!("{id}0"), &id.as_str().to_uppercase()] {
            assert_eq!(SessionId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn later_ids_sort_later() {
        let ids: Vec<_> = (0..100).map(|_| SessionId::generate()).collect();
        assert!(ids.is_sorted());
    }
}
