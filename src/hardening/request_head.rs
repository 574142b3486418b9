//! Request heads, cut loose from the buffer that they were read into.
//!
//! actix-http's header values are slices of the connection's read buffer, which
//! a form's body passes through as well, and two pools keep the heads of
//! requests that are over: 128 per thread of its own, 128 per application of
//! actix-web. One kept head keeps a whole buffer, card included. So a head
//! becomes deep copies of the few headers that somebody reads, and nothing that
//! looks like a card number stays in it.

use super::leave_out::{Part, is_in};
use crate::card::{holds_card_number, url_holds_card_number};
use actix_http::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    TRANSFER_ENCODING,
};
use actix_http::uri::PathAndQuery;
use actix_http::{HttpMessage as _, Message, Request, RequestHead, Uri};

/// Every header that this service reads. Host, User-Agent, Referer, cookies and
/// the rest do not come past this place.
const READ: [HeaderName; 9] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    AUTHORIZATION,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    ORIGIN,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("sec-fetch-site"),
    TRANSFER_ENCODING,
];

/// How many heads actix-http's pool holds per thread.
const POOL: usize = 128;

/// Among a request's data: its head held a card number.
#[derive(Clone, Copy)]
pub struct CardInHead;

/// Cuts a request's head loose. True, and [`CardInHead`] in the request's data,
/// when it held a card number: then the connection must end with the answer,
/// for the number is still in its read buffer.
pub fn cut_loose(request: &mut Request) -> bool {
    if !is_in(Part::Heads) {
        return false;
    }
    let head = request.head_mut();
    let in_headers = head.headers.iter().any(|(_, value)| value.to_str().is_ok_and(holds_card_number));
    let in_target = url_holds_card_number(&head.uri.to_string());
    head.headers = copies(&head.headers);
    if in_target {
        head.uri = masked(&head.uri);
    }
    let found = in_headers || in_target;
    if found {
        request.extensions_mut().insert(CardInHead);
    }
    found
}

fn copies(headers: &HeaderMap) -> HeaderMap {
    let mut copies = HeaderMap::with_capacity(READ.len());
    for name in READ {
        for value in headers.get_all(&name) {
            let text = value.to_str().unwrap_or_default();
            if holds_card_number(text) {
                continue;
            }
            // From bytes: a clone of the value would be another slice of the buffer.
            if let Ok(copy) = HeaderValue::from_bytes(value.as_bytes()) {
                copies.append(name.clone(), copy);
            }
        }
    }
    copies
}

/// The same path with an `x` for every character of the segments that hold a
/// card number, so that it leads to the same route; without a query.
fn masked(target: &Uri) -> Uri {
    let mask = |segment: &str| {
        if url_holds_card_number(segment) { "x".repeat(segment.len()) } else { segment.to_owned() }
    };
    let segments: Vec<_> = target.path().split('/').map(mask).collect();
    PathAndQuery::try_from(segments.join("/")).map(Uri::from).unwrap_or_default()
}

/// Empties the pooled heads of this thread. Those of requests that failed to
/// parse never came past [`cut_loose`], and are only emptied when they are used
/// again: so all are taken out, which empties them, and put back. To be called
/// when a connection ends, whatever way.
pub fn empty_pool() {
    if is_in(Part::PoolScrub) {
        let heads: [Message<RequestHead>; POOL + 1] = std::array::from_fn(|_| Message::new());
        drop(heads);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_http::test::TestRequest;
    use actix_web::web::Bytes;
    use std::sync::Arc;

    const PAN: &str = "4355093000777068";

    fn request(target: &str, headers: &[(&str, &str)]) -> Request {
        headers
            .iter()
            .fold(TestRequest::with_uri(target), |mut request, header| {
                request.append_header(*header);
                request
            })
            .finish()
    }

    #[test]
    fn what_nobody_reads_is_dropped_and_what_is_read_is_copied() {
        let mut request = request(
            "/c/abc?x=1",
            &[
                ("accept-language", "tr"),
                ("cookie", "a=b"),
                ("referer", "https://shop.example/"),
                ("content-type", "multipart/form-data; boundary=abc"),
                ("origin", "https://a.example"),
                ("origin", "https://b.example"),
            ],
        );
        let place = request.headers().get(ACCEPT_LANGUAGE).map(|value| value.as_bytes().as_ptr());
        assert!(!cut_loose(&mut request));
        let headers = request.headers();
        assert_eq!(headers.len(), 4);
        assert_eq!(headers.get_all(ORIGIN).count(), 2);
        assert_eq!(headers.get(ACCEPT_LANGUAGE).unwrap(), "tr");
        assert_ne!(headers.get(ACCEPT_LANGUAGE).map(|value| value.as_bytes().as_ptr()), place);
        assert_eq!(request.uri(), "/c/abc?x=1");
        assert!(request.extensions().get::<CardInHead>().is_none());
    }

    #[test]
    fn a_card_number_does_not_stay_in_a_head() {
        for (target, headers, uri) in [
            (format!("/c/{PAN}/done"), vec![], "/c/xxxxxxxxxxxxxxxx/done"),
            (format!("/c/abc?pan={PAN}&x=1"), vec![], "/c/abc"),
            ("/c/abc?pan=4355+0930%200077-7068".to_owned(), vec![], "/c/abc"),
            ("/c/4355%2d0930-0077-7068".to_owned(), vec![], "/c/xxxxxxxxxxxxxxxxxxxxx"),
            ("/c/abc".to_owned(), vec![("cookie", PAN)], "/c/abc"),
            ("/c/abc".to_owned(), vec![("accept-language", PAN)], "/c/abc"),
        ] {
            let mut request = request(&target, &headers);
            assert!(cut_loose(&mut request), "{target} {headers:?}");
            assert_eq!(request.uri(), uri);
            assert!(request.headers().is_empty());
            assert!(request.extensions().get::<CardInHead>().is_some());
        }
    }

    #[test]
    fn a_head_that_came_past_nobody_leaves_the_pool() {
        let buffer = Arc::new(PAN.as_bytes().to_vec());
        let slice = Bytes::from_owner(Buffer(Arc::clone(&buffer)));
        let mut head = Message::<RequestHead>::new();
        head.headers.insert(ACCEPT, HeaderValue::from_maybe_shared(slice).unwrap());
        drop(head);
        assert_eq!(Arc::strong_count(&buffer), 2, "the pool keeps the buffer");
        empty_pool();
        assert_eq!(Arc::strong_count(&buffer), 1);
    }

    struct Buffer(Arc<Vec<u8>>);

    impl AsRef<[u8]> for Buffer {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
}
