//! Requests as the upstream reads them: calls of the card-token service
//! (docs/protocols/card-token.md) and callbacks.

use tokio::io::{AsyncRead, AsyncReadExt};
use uuid::Uuid;

/// One request's bytes.
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
}

/// Reads a request's head from a connection whose earlier bytes are in
/// `buffer`; nothing when it has ended.
pub async fn read_head(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|end| end == b"\r\n\r\n") {
            let rest = buffer.split_off(end + 4);
            return String::from_utf8(std::mem::replace(buffer, rest)).ok();
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Reads the body that belongs to a head.
pub async fn read_body(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, head: String) -> Option<Received> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let rest = buffer.split_off(length);
    Some(Received { head, body: std::mem::replace(buffer, rest) })
}

/// A call of the card-token service.
pub struct Call {
    pub number: String,
    pub public_key: String,
    pub nonce: String,
    pub signature: String,
    pub conversation_id: String,
    /// The token that a success gives.
    pub token: String,
    pub body: Vec<u8>,
}

impl Call {
    /// Nothing when a field is missing.
    pub fn read(received: Received) -> Option<Self> {
        let body = String::from_utf8(received.body).ok()?;
        let field = |name: &str| {
            let rest = body.split_once(&format!("name=\"{name}\"\r\n\r\n"))?.1;
            Some(rest.split_once("\r\n")?.0.to_owned())
        };
        Some(Self {
            number: field("CardNumber")?,
            public_key: field("PublicKey")?,
            nonce: field("Nonce")?,
            signature: field("Signature")?,
            conversation_id: field("ConversationId")?,
            token: format!("token-{}", Uuid::now_v7()),
            body: body.into_bytes(),
        })
    }
}
