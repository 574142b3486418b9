//! A token in every rendered form: a submit without one did not come from a
//! page that we rendered for this session (CWE-352). Stateless and without a
//! cookie: frames of other sites do not keep cookies.

use crate::hardening::secret::fill_random;
use crate::hardening::{Mac, MasterKeyError, MasterKeys};
use crate::id::SessionId;
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;

const TIME_BYTES: usize = 8;
const NONCE_BYTES: usize = 8;
const MAC_BYTES: usize = 32;

/// How long a rendered form can be sent, in seconds.
const LIFE: i64 = 60 * 60;
/// How far another node's clock may be ahead, in seconds.
const SKEW: i64 = 5 * 60;

/// Issues and checks the tokens.
pub struct FormTokens {
    mac: Mac,
}

impl FormTokens {
    /// Tokens under a key of their own, the same on every node. Forms that were
    /// rendered under the previous master key count as well.
    ///
    /// # Errors
    /// As [`MasterKeys::mac`].
    pub fn new(keys: &MasterKeys) -> Result<Self, MasterKeyError> {
        Ok(Self { mac: keys.mac(b"form token")? })
    }

    /// A token for one rendering of a session's form.
    #[must_use]
    pub fn issue(&self, session: &SessionId, now: Timestamp) -> String {
        let mut token = [0; TIME_BYTES + NONCE_BYTES + MAC_BYTES];
        let (claims, mac) = token.split_at_mut(TIME_BYTES + NONCE_BYTES);
        claims[..TIME_BYTES].copy_from_slice(&now.as_second().to_be_bytes());
        fill_random(&mut claims[TIME_BYTES..]);
        mac.copy_from_slice(self.mac.sign(&message(session, claims)).as_ref());
        BASE64URL_NOPAD.encode(&token)
    }

    /// Whether a token was issued for this session, lately.
    #[must_use]
    pub fn accepts(&self, session: &SessionId, token: &[u8], now: Timestamp) -> bool {
        let Ok(token) = BASE64URL_NOPAD.decode(token) else { return false };
        let Some((claims, mac)) = token.split_at_checked(TIME_BYTES + NONCE_BYTES) else { return false };
        let Some(time) = claims.first_chunk() else { return false };
        let age = now.as_second().saturating_sub(i64::from_be_bytes(*time));
        self.mac.verifies(&message(session, claims), mac) && (-SKEW..=LIFE).contains(&age)
    }
}

fn message(session: &SessionId, claims: &[u8]) -> Vec<u8> {
    [session.as_str().as_bytes(), b"\n", claims].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardening::MasterKey;

    fn tokens() -> FormTokens {
        FormTokens::new(&MasterKeys::from(MasterKey::parse(MasterKey::generate().expose()).unwrap())).unwrap()
    }

    #[test]
    fn a_token_opens_its_own_session_for_an_hour() {
        let (tokens, session) = (tokens(), SessionId::generate());
        let at = |second| Timestamp::from_second(second).unwrap();
        let token = tokens.issue(&session, at(10_000));
        for (second, accepted) in [(10_000, true), (13_600, true), (13_601, false), (9_700, true), (9_699, false)] {
            assert_eq!(tokens.accepts(&session, token.as_bytes(), at(second)), accepted, "{second}");
        }
        assert!(!tokens.accepts(&SessionId::generate(), token.as_bytes(), at(10_000)));
        assert!(!self::tokens().accepts(&session, token.as_bytes(), at(10_000)));
    }

    #[test]
    fn a_changed_or_cut_token_is_refused() {
        let (tokens, session, now) = (tokens(), SessionId::generate(), Timestamp::now());
        let token = tokens.issue(&session, now);
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert!(!tokens.accepts(&session, &changed, now), "{place}");
            assert!(!tokens.accepts(&session, &token.as_bytes()[..place], now), "{place}");
        }
    }
}
