//! Cardholders, and what is no cardholder: the ways in which a card comes in.

use super::client::{Answer, Client, Stream, exchange};
use serde_json::{Value, json};
use std::io::{self, Error, ErrorKind, Write};
use std::thread::sleep;
use std::time::Duration;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

const BOUNDARY: &str = "----vezne-doctor-7MA4YWxkTrZu0gW";
/// Over the form's bound.
const OVERSIZE: usize = 9 * 1024;
/// How often a limit is waited for.
const TRIES: usize = 3;

/// How a card is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// The page's form, as a browser without scripts sends it.
    Form,
    /// The same by the page's script.
    Script,
    /// A wrong check digit: refused by the window itself.
    Refused,
    /// No final delimiter.
    Malformed,
    /// Not multipart.
    Urlencoded,
    /// The connection ends after the card.
    Cut,
    /// Over the bound.
    Oversized,
    /// In the URL, the Referer and a cookie, where no browser puts it.
    Stray,
}

impl Way {
    /// In turn: most cards come as they should.
    pub const ROUND: [Self; 10] = [
        Self::Form,
        Self::Script,
        Self::Refused,
        Self::Form,
        Self::Malformed,
        Self::Cut,
        Self::Script,
        Self::Urlencoded,
        Self::Oversized,
        Self::Stray,
    ];
    /// Each once, for lists.
    pub const ALL: [Self; 8] = [
        Self::Form,
        Self::Script,
        Self::Refused,
        Self::Malformed,
        Self::Urlencoded,
        Self::Cut,
        Self::Oversized,
        Self::Stray,
    ];

    /// What people read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Script => "form, by the page's script",
            Self::Refused => "wrong check digit",
            Self::Malformed => "cut multipart",
            Self::Urlencoded => "not multipart",
            Self::Cut => "connection cut in the body",
            Self::Oversized => "too large",
            Self::Stray => "in URL, Referer and cookie",
        }
    }
}

/// A card as it is typed.
pub struct Typed {
    pub number: Zeroizing<Vec<u8>>,
    pub code: Zeroizing<Vec<u8>>,
}

/// A merchant with sessions for cardholders.
pub struct Merchant<'a> {
    pub client: &'a Client,
    pub api_key: &'a str,
    pub return_url: &'a str,
}

/// A page that a cardholder has open.
pub struct OpenPage {
    stream: Box<dyn Stream>,
    path: String,
    form_token: String,
}

impl Merchant<'_> {
    /// Sends a card; the answer's status, or nothing where none is waited for.
    pub fn send(&self, way: Way, card: &Typed) -> io::Result<Option<u16>> {
        if way == Way::Stray {
            return self.stray(card).map(Some);
        }
        let mut page = self.open_page()?;
        let body = match way {
            Way::Urlencoded => urlencoded(&page.form_token, card),
            _ => multipart(&page.form_token, card),
        };
        let padding = OVERSIZE.saturating_sub(body.len());
        let (sent, declared) = match way {
            Way::Malformed => (body.len() - 8, body.len() - 8),
            Way::Cut => (body.len() - 8, body.len()),
            Way::Oversized => (body.len(), body.len() + padding),
            _ => (body.len(), body.len()),
        };
        let mut request = self.head(way, &page.path, declared);
        request.extend_from_slice(&body[..sent]);
        request.extend(std::iter::repeat_n(b' ', if way == Way::Oversized { padding } else { 0 }));
        if way == Way::Cut {
            page.stream.write_all(&request)?;
            return page.stream.flush().map(|()| None);
        }
        exchange(&mut *page.stream, &request).map(|answer| Some(answer.status))
    }

    /// Sends all of a form but its end, and gives the connection: the card is with the server now.
    pub fn hold_back(&self, card: &Typed) -> io::Result<Box<dyn Stream>> {
        let mut page = self.open_page()?;
        let body = multipart(&page.form_token, card);
        let mut request = self.head(Way::Form, &page.path, body.len());
        request.extend_from_slice(&body[..body.len() - 8]);
        page.stream.write_all(&request)?;
        page.stream.flush()?;
        Ok(page.stream)
    }

    fn head(&self, way: Way, path: &str, length: usize) -> Zeroizing<Vec<u8>> {
        let accept = if way == Way::Script { "application/json" } else { "text/html" };
        let kind = match way {
            Way::Urlencoded => "application/x-www-form-urlencoded".to_owned(),
            _ => format!("multipart/form-data; boundary={BOUNDARY}"),
        };
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nOrigin: {}\r\nSec-Fetch-Site: same-origin\r\nAccept: {accept}\r\n\
             Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n",
            self.client.authority(),
            self.client.origin()
        );
        Zeroizing::new(head.into_bytes())
    }

    fn stray(&self, card: &Typed) -> io::Result<u16> {
        let number = str::from_utf8(&card.number).map_err(Error::other)?;
        let (path, host) = (self.create_session()?, self.client.authority());
        let request = Zeroizing::new(format!(
            "GET {path}?cardNumber={number} HTTP/1.1\r\nHost: {host}\r\nReferer: https://{host}/{number}\r\n\
             Cookie: card={number}\r\nConnection: close\r\n\r\n"
        ));
        exchange(&mut *self.client.connect()?, request.as_bytes()).map(|answer| answer.status)
    }

    fn open_page(&self) -> io::Result<OpenPage> {
        let path = self.create_session()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n\r\n", self.client.authority());
        let (stream, answer) = self.patiently(&request)?;
        let form_token =
            answer.body.split_once(r#"name="formToken" value=""#).and_then(|(_, rest)| rest.split_once('"'));
        match (answer.status, form_token) {
            (200, Some((token, _))) => Ok(OpenPage { stream, path, form_token: token.to_owned() }),
            (status, _) => Err(Error::other(format!("the page was answered {status}, without a form"))),
        }
    }

    /// A session's path, through the API.
    fn create_session(&self) -> io::Result<String> {
        let id = Uuid::now_v7().simple().to_string();
        let body = json!({
            "purpose": "tokenize", "conversationId": format!("doctor-{id}"), "returnUrl": self.return_url, "handoff": "redirect",
        })
        .to_string();
        let request = format!(
            "POST /v1/sessions HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.client.authority(),
            self.api_key,
            body.len()
        );
        let (_, answer) = self.patiently(&request)?;
        if answer.status != 201 {
            return Err(Error::other(format!("creating a session was answered {}: {}", answer.status, answer.body)));
        }
        let session: Value = serde_json::from_str(&answer.body)?;
        let url = session["url"].as_str().and_then(|url| Url::parse(url).ok()).ok_or(ErrorKind::InvalidData)?;
        Ok(url.path().to_owned())
    }

    /// Asks again where a limit says when.
    fn patiently(&self, request: &str) -> io::Result<(Box<dyn Stream>, Answer)> {
        let mut tries = 1;
        loop {
            let mut stream = self.client.connect()?;
            let answer = exchange(&mut *stream, request.as_bytes())?;
            match answer.retry_after {
                Some(seconds) if tries < TRIES => sleep(Duration::from_secs(seconds.min(60))),
                _ => return Ok((stream, answer)),
            }
            tries += 1;
        }
    }
}

fn fields<'a>(token: &'a str, card: &'a Typed) -> [(&'static str, &'a [u8]); 4] {
    [("formToken", token.as_bytes()), ("cardNumber", &card.number), ("expiry", b"12 / 39"), ("cvv", &card.code)]
}

/// As a browser sends it (RFC 7578).
fn multipart(token: &str, card: &Typed) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(1024));
    for (name, value) in fields(token, card) {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

fn urlencoded(token: &str, card: &Typed) -> Zeroizing<Vec<u8>> {
    let mut body = Zeroizing::new(Vec::with_capacity(512));
    for (name, value) in fields(token, card) {
        body.extend_from_slice(name.as_bytes());
        body.push(b'=');
        body.extend_from_slice(value);
        body.push(b'&');
    }
    body
}
