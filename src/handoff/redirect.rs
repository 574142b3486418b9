//! The signed redirect: the result as a query on the merchant's own URL.

use super::SignedResult;
use crate::session::Session;
use url::Url;

/// Where the browser goes with an ended session's result. The token itself
/// travels only where the merchant asked for it; otherwise the merchant asks
/// for it with the session's id.
#[must_use]
pub fn destination(session: &Session, result: &SignedResult, with_token: bool) -> Url {
    let mut url = session.destination().url().clone();
    let signed = result.signed_fields();
    // A parameter of the merchant's with one of our names would shadow ours.
    let ours = |name: &str| name == "cardToken" || signed.iter().any(|(field, _)| *field == name);
    let theirs: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| !ours(name)).map(|(name, value)| (name.into(), value.into())).collect();
    let mut query = url.query_pairs_mut();
    query.clear().extend_pairs(theirs).extend_pairs(signed);
    if let Some(token) = result.card_token().filter(|_| with_token) {
        query.append_pair("cardToken", token);
    }
    drop(query);
    url
}
