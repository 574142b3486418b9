//! The pooled client against a TLS server of its own.

use super::*;
use crate::egress::ConnectError;
use crate::egress::test_server::{Received, Reply, TestServer, answer};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

const PAN: &str = "4355093000777068";

fn upstream(server: &TestServer) -> Upstream {
    Upstream::new(server.connector(), server.url("/token"))
}

async fn post(upstream: &Upstream, body: &str) -> Result<UpstreamAnswer, ProviderError> {
    let body = Zeroizing::new(body.as_bytes().to_vec());
    upstream.post(HeaderValue::from_static("text/plain"), body, "order-1732190400000", &Cell::new(false)).await
}

fn always(text: String) -> impl Fn(&Received) -> Reply {
    move |_| Reply::Keep(text.clone())
}

#[tokio::test]
async fn one_connection_carries_many_calls() {
    let server = TestServer::start(always(answer(200, "", "fine 1732190400000")));
    let upstream = upstream(&server);
    for _ in 0..5 {
        assert_eq!(post(&upstream, "x").await.unwrap().body.as_slice(), b"fine 1732190400000");
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 5));
}

#[tokio::test]
async fn a_chunked_answer_keeps_its_connection_too() {
    let chunked = "HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let server = TestServer::start(always(chunked.to_owned()));
    let upstream = upstream(&server);
    for _ in 0..5 {
        assert_eq!(post(&upstream, "x").await.unwrap().body.as_slice(), b"ok");
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn an_answer_that_echoes_a_card_ends_its_connection() {
    let grouped = "4355 0930 0077 7068";
    for echo in [
        answer(200, "", PAN),
        answer(400, "", &format!("{{\"card\":\"{grouped}\"}}")),
        answer(200, &format!("X-Echo: {PAN}\r\n"), ""),
        answer(200, &format!("X-{PAN}: yes\r\n"), ""),
        format!("HTTP/1.1 500 Card {PAN}\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let server = TestServer::start(always(echo));
        let upstream = upstream(&server);
        for call in 1..=3 {
            post(&upstream, PAN).await.unwrap();
            assert_eq!(server.connections(), call);
        }
    }
}

#[tokio::test]
async fn an_announced_close_ends_the_connection() {
    for text in [answer(200, "Connection: close\r\n", "ok"), answer(200, "", "ok").replace("HTTP/1.1", "HTTP/1.0")] {
        let server = TestServer::start(always(text));
        let upstream = upstream(&server);
        for call in 1..=2 {
            post(&upstream, "x").await.unwrap();
            assert_eq!(server.connections(), call);
        }
    }
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_replaced_without_resending() {
    let server = TestServer::start(|_| Reply::CloseWhenTold(answer(200, "", "ok")));
    let upstream = upstream(&server);
    for call in 1..=4 {
        assert_eq!(post(&upstream, "x").await.unwrap().status, 200);
        for _ in 0..10 {
            yield_now().await; // the connection's task goes to sleep
        }
        // Blocks the client's thread as well: the close waits unseen in the kernel.
        server.close_and_wait();
        assert_eq!((server.connections(), server.requests().len()), (call, call));
    }
}

#[tokio::test]
async fn nothing_is_sent_twice() {
    let answered = AtomicBool::new(false);
    let server =
        TestServer::start(
            move |_| {
                if answered.swap(true, SeqCst) { Reply::Drop } else { Reply::Keep(answer(200, "", "ok")) }
            },
        );
    let upstream = upstream(&server);
    post(&upstream, "x").await.unwrap();
    let failed = post(&upstream, "x").await;
    assert!(matches!(failed, Err(ProviderError::Unavailable(Unavailable::Dropped))));
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
}

#[tokio::test]
async fn an_oversize_or_cut_answer_is_refused_and_its_connection_closed() {
    let large = answer(200, "", &"x".repeat(MAX_ANSWER + 1));
    let chunked =
        format!("HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\n\r\n5000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x5000));
    for text in [large, chunked] {
        let server = TestServer::start(always(text));
        let failed = post(&upstream(&server), "x").await;
        assert!(matches!(failed, Err(ProviderError::ResponseInvalid(ResponseFault::TooLarge))));
        assert!(ended_by_client(server).await);
    }
    let server = TestServer::start(|_| Reply::Close(answer(200, "", "cut here").replace(": 8", ": 9")));
    let failed = post(&upstream(&server), "x").await;
    assert!(matches!(failed, Err(ProviderError::Unavailable(Unavailable::Dropped))));
}

#[tokio::test]
async fn the_largest_answer_is_taken() {
    let server = TestServer::start(always(answer(200, "", &"x".repeat(MAX_ANSWER))));
    assert_eq!(post(&upstream(&server), "x").await.unwrap().body.len(), MAX_ANSWER);
}

#[tokio::test]
async fn an_idle_connection_is_closed_in_time() {
    let server = TestServer::start(always(answer(200, "", "ok")));
    let mut upstream = upstream(&server);
    upstream.idle = IdleConnections::new(1, Duration::from_millis(50));
    post(&upstream, "x").await.unwrap();
    assert!(ended_by_client(server).await);
    assert!(upstream.idle.take().is_none());
}

#[tokio::test]
async fn no_more_than_the_limit_idles() {
    let server = TestServer::start(always(answer(200, "", "ok")));
    let mut upstream = upstream(&server);
    upstream.idle = IdleConnections::new(2, MAX_IDLE_TIME);
    let calls = futures_util::future::join_all((0..5).map(|_| post(&upstream, "x"))).await;
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(server.connections(), 5);
    let kept = std::iter::from_fn(|| upstream.idle.take()).count();
    assert_eq!(kept, 2);
}

#[tokio::test]
async fn a_closed_port_is_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = TestServer::start(|_| Reply::Silence);
    let url = format!("https://127.0.0.1:{port}/").parse().unwrap();
    let failed = post(&Upstream::new(server.connector(), url), "x").await;
    assert!(matches!(failed, Err(ProviderError::Unavailable(Unavailable::Connect(ConnectError::Tcp(_))))));
}

/// Waits off this thread, so that the runtime can close the connection.
async fn ended_by_client(server: TestServer) -> bool {
    tokio::task::spawn_blocking(move || server.wait_ended_by_client()).await.unwrap()
}
