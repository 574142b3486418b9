//! Behind a balancer at layer 4, which says whose connection it brings.

use crate::harness::{Setup, TestApp, keep_log, logged};
use std::net::SocketAddr;

fn header(client: &str) -> Vec<u8> {
    let SocketAddr::V4(client) = client.parse().unwrap() else { panic!("an IPv4 address") };
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    bytes.extend(client.ip().octets());
    bytes.extend([198, 51, 100, 1]);
    bytes.extend(client.port().to_be_bytes());
    bytes.extend(443_u16.to_be_bytes());
    bytes
}

fn behind_loopback() -> Setup {
    TestApp::with("server.proxy_protocol_from", "127.0.0.0/8").set("limits.page_per_minute", "3").watched()
}

#[tokio::test]
async fn limits_and_logs_see_the_clients_own_address() {
    keep_log();
    let app = behind_loopback().in_this_process().start().await;
    let (one, other) = (header("192.0.2.77:50000"), header("192.0.2.78:50000"));
    let page = async |preamble: &[u8]| app.client.behind(preamble).request("GET", "/c/none").send().await;
    for _ in 0..3 {
        page(&one).await.expect(404);
    }
    let refused = page(&one).await.expect(429);
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    page(&other).await.expect(404);
    assert!(logged().contains("peer_prefix=192.0.2.77"), "{}", logged());
    assert_eq!(app.metric(r#"vezne_rate_limited_total{limit="page"}"#).await, Some(1.0));
}

#[tokio::test]
async fn what_a_balancer_does_not_announce_is_refused() {
    let app = behind_loopback().start().await;
    let v1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n";
    for preamble in [&b""[..], v1, &header("192.0.2.7:1")[..27]] {
        assert!(app.client.behind(preamble).try_connect().await.is_none(), "{preamble:?}");
    }
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    app.client.behind(local).request("GET", "/livez").send().await.expect(200);
    let refused = app.metric(r#"vezne_connections_refused_total{reason="proxy_protocol"}"#).await;
    assert!(refused.is_some_and(|count| count >= 2.0), "{refused:?}");
}

#[tokio::test]
async fn nobody_else_may_say_whose_connection_it_is() {
    let app = TestApp::with("server.proxy_protocol_from", "192.0.2.0/24").start().await;
    app.get("/livez").await.expect(200);
    assert!(app.client.behind(&header("192.0.2.7:1")).try_connect().await.is_none());
    let app = TestApp::with("limits.page_per_minute", "3").start().await;
    assert!(app.client.behind(&header("192.0.2.7:1")).try_connect().await.is_none());
    // No header of HTTP changes anything either.
    for _ in 0..3 {
        app.get("/c/none").await.expect(404);
    }
    let forwarded = app.client.request("GET", "/c/none").header("x-forwarded-for", "192.0.2.9");
    forwarded.header("forwarded", "for=192.0.2.9").send().await.expect(429);
}
