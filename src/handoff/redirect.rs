//! The signed redirect: the result as a query on the merchant's own URL.

use super::SignedResult;
use crate::session::Session;
use url::Url;
use url::form_urlencoded::Serializer;

/// Where the browser goes with an ended session's result. The merchant's own
/// query stays as it is, byte for byte; none of its parameters has a name of
/// ours, which was checked when the session was created. The token itself
/// travels only where the merchant asked for it; otherwise the merchant asks
/// for it with the session's id.
#[must_use]
pub fn destination(session: &Session, result: &SignedResult, with_token: bool) -> Url {
    let mut url = session.destination().url().clone();
    let mut ours = Serializer::new(String::new());
    ours.extend_pairs(result.signed_fields());
    if let Some(token) = result.card_token().filter(|_| with_token) {
        ours.append_pair("cardToken", token);
    }
    let ours = ours.finish();
    let query = match url.query().filter(|query| !query.is_empty()) {
        Some(theirs) => format!("{theirs}&{ours}"),
        None => ours,
    };
    url.set_query(Some(&query));
    url
}
