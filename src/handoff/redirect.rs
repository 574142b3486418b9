//! The signed redirect: the result as a query on the merchant's own URL.

use super::SignedResult;
use crate::merchant::Merchant;
use crate::session::Session;
use url::Url;

/// Where the browser goes with an ended session's result. The token itself
/// travels only where the merchant asked for it; otherwise the merchant asks
/// for it with the session's id.
#[must_use]
pub fn destination(session: &Session, merchant: &Merchant, result: &SignedResult) -> Url {
    let mut url = session.destination().url().clone();
    let signed = result.signed_fields();
    let mine = |name: &str| name == "cardToken" || signed.iter().any(|(field, _)| *field == name);
    let kept: Vec<(String, String)> =
        url.query_pairs().filter(|(name, _)| !mine(name)).map(|(name, value)| (name.into(), value.into())).collect();
    let mut query = url.query_pairs_mut();
    query.clear().extend_pairs(kept).extend_pairs(signed);
    if let Some(token) = result.card_token().filter(|_| merchant.token_in_redirect) {
        query.append_pair("cardToken", token);
    }
    drop(query);
    url
}
