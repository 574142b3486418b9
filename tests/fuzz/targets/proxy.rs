//! What a balancer sends before TLS: a PROXY protocol header and what follows.

use futures_util::FutureExt;
use std::io::Cursor;
use vezne::server::proxy_protocol::{Origin, ProxyFault, parse, read};

/// The fixed part, and the longest rest.
const FIXED: usize = 16;
const LONGEST: usize = 1024;

/// Reads a header, whole and from a stream.
pub fn check(data: &[u8]) {
    let parsed = parse(data);
    let mut stream = Cursor::new(data);
    let streamed = read(&mut stream).now_or_never().expect("bytes that are there are not waited for");
    let consumed = usize::try_from(stream.position()).unwrap();
    assert!(consumed <= data.len().min(FIXED + LONGEST));
    let Ok((origin, end)) = parsed else {
        assert!(streamed.is_err());
        return;
    };
    assert_eq!(streamed.unwrap(), origin);
    assert_eq!(consumed, end, "not one byte behind the header is read");
    assert!((FIXED..=FIXED + LONGEST).contains(&end) && data.starts_with(b"\r\n\r\n\0\r\nQUIT\n"));
    assert_eq!(parse(&data[..end]), Ok((origin, end)), "what follows changes nothing");
    for cut in [0, FIXED - 1, end - 1] {
        assert_eq!(parse(&data[..cut]), Err(ProxyFault::Length), "cut at {cut}");
    }
    if let Origin::Client(client) = origin {
        assert_eq!(data[12], 0x21);
        assert_eq!(client.ip(), client.ip().to_canonical());
        let port = if data[13] == 0x11 { &data[24..26] } else { &data[48..50] };
        assert_eq!(client.port().to_be_bytes(), port);
    }
}
