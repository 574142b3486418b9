//! The way out as a whole: names, guard, TLS and calls against a real listener.

use super::test_server::{Reply, TestServer, answer};
use super::*;
use crate::config::EgressConfig;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use url::{Host, Url};

fn delivery(url: &Url) -> Delivery<'_> {
    let headers = HeaderMap::from_iter([("webhook-id".parse().unwrap(), HeaderValue::from_static("evt_1"))]);
    let timeout = Duration::from_secs(5);
    Delivery { url, headers, body: Bytes::from_static(b"{\"a\":1}"), timeout, max_answer_bytes: 8 }
}

fn guarded(server: &TestServer, allow: &[&str]) -> Connector {
    let allow = allow.iter().map(|net| net.parse().unwrap()).collect();
    let ports = vec![server.url("/").port().unwrap()];
    let guard = AddressGuard::new(&EgressConfig { allow, ports, ..EgressConfig::default() });
    Connector { guard: Some(guard), ..server.connector() }
}

/// A DNS server that answers every A question with 127.0.0.1 and has nothing
/// else. It lives as long as the process; its thread waits for questions.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((_, client)) = socket.recv_from(&mut packet) {
            let question_end = 12 + packet[12..].iter().position(|&byte| byte == 0).unwrap() + 5;
            let is_a = packet[question_end - 4..question_end - 2] == [0, 1];
            let mut reply = packet[..question_end].to_vec();
            reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
            if is_a {
                reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
            }
            socket.send_to(&reply, client).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_post_brings_status_wait_and_first_bytes() {
    let server = TestServer::start(|_| Reply::Keep(answer(503, "Retry-After: 7\r\n", "0123456789")));
    let url = server.url("/hook?a=1");
    let answer = post(&server.connector(), delivery(&url)).await.unwrap();
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(answer, Answer { status: 503, retry_after, body: b"01234567".to_vec() });
    let request = server.requests().remove(0);
    assert!(request.head.starts_with("post /hook?a=1 http/1.1\r\n"), "{}", request.head);
    assert!(request.head.contains("webhook-id: evt_1\r\n") && request.head.contains("connection: close\r\n"));
    assert_eq!(request.body, "{\"a\":1}");
    assert!(tokio::task::spawn_blocking(move || server.wait_ended_by_client()).await.unwrap());
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = TestServer::start(|_| Reply::Keep(answer(302, "Location: /elsewhere\r\n", "")));
    let url = server.url("/hook");
    assert_eq!(post(&server.connector(), delivery(&url)).await.unwrap().status, 302);
    assert_eq!((server.connections(), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn silence_and_a_drop_are_told_apart() {
    let server = TestServer::start(|_| Reply::Silence);
    let url = server.url("/");
    let hasty = Delivery { timeout: Duration::from_millis(150), ..delivery(&url) };
    assert!(matches!(post(&server.connector(), hasty).await, Err(CallError::Timeout)));
    let server = TestServer::start(|_| Reply::Drop);
    let url = server.url("/");
    assert!(matches!(post(&server.connector(), delivery(&url)).await, Err(CallError::Dropped(_))));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn the_guard_stands_before_names_and_literals() {
    let server = TestServer::start(|_| Reply::Keep(answer(200, "", "")));
    let port = server.url("/").port().unwrap();
    for host in ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"] {
        let url = format!("https://{host}:{port}/").parse().unwrap();
        let refused = post(&guarded(&server, &[]), delivery(&url)).await;
        assert!(matches!(refused, Err(CallError::Connect(ConnectError::Refused(_)))), "{host}: {refused:?}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_guard_opens_the_listed_ports_alone() {
    let server = TestServer::start(|_| Reply::Keep(answer(200, "", "")));
    let port = server.url("/").port().unwrap();
    let allow = vec!["127.0.0.0/8".parse().unwrap()];
    let guard = AddressGuard::new(&EgressConfig { allow, ..EgressConfig::default() });
    let connector = Connector { guard: Some(guard), ..server.connector() };
    let refused = post(&connector, delivery(&server.url("/"))).await;
    assert!(matches!(refused, Err(CallError::Connect(ConnectError::Port(at))) if at == port), "{refused:?}");
    assert_eq!(server.connections(), 0);
    assert_eq!(post(&guarded(&server, &["127.0.0.0/8"]), delivery(&server.url("/"))).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_guard_judges_what_the_name_resolves_to() {
    let server = TestServer::start(|_| Reply::Keep(answer(200, "", "")));
    let config = EgressConfig { nameservers: vec![name_server()], ..EgressConfig::default() };
    let connector = Connector { resolver: Resolver::new(&config).unwrap(), ..guarded(&server, &[]) };
    let url = format!("https://public.example:{}/", server.url("/").port().unwrap()).parse().unwrap();
    let refused = post(&connector, delivery(&url)).await;
    assert!(
        matches!(refused, Err(CallError::Connect(ConnectError::Refused(Refused { address }))) if address == Ipv4Addr::LOCALHOST)
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_allowed_network_is_reached() {
    let server = TestServer::start(|_| Reply::Keep(answer(204, "", "")));
    let url = server.url("/");
    assert_eq!(post(&guarded(&server, &["127.0.0.0/8"]), delivery(&url)).await.unwrap().status, 204);
}

#[tokio::test]
async fn only_the_named_server_with_a_trusted_certificate_is_spoken_to() {
    let server = TestServer::start(|_| Reply::Keep(answer(200, "", "")));
    let url = server.url("/");
    let public = Connector { tls: client_config(Roots::Public, None).unwrap(), ..server.connector() };
    assert!(matches!(post(&public, delivery(&url)).await, Err(CallError::Connect(ConnectError::Tls(_)))));
    let config = EgressConfig { nameservers: vec![name_server()], ..EgressConfig::default() };
    let other = Connector { resolver: Resolver::new(&config).unwrap(), ..server.connector() };
    let url = format!("https://other.example:{}/", url.port().unwrap()).parse().unwrap();
    assert!(matches!(post(&other, delivery(&url)).await, Err(CallError::Connect(ConnectError::Tls(_)))));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn an_extra_authority_stands_beside_the_public_ones() {
    let server = TestServer::start(|_| Reply::Keep(answer(200, "", "")));
    let tls = client_config(Roots::PublicAnd(&server.ca_file()), None).unwrap();
    let url = server.url("/");
    let connector = Connector { tls, ..server.connector() };
    assert_eq!(post(&connector, delivery(&url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn plain_http_leaves_this_machine_never() {
    let server = TestServer::start(|_| Reply::Silence);
    let here = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let shop = format!("http://{}/", here.local_addr().unwrap()).parse().unwrap();
    assert!(server.connector().connect(&shop).await.is_ok());
    for url in ["http://192.0.2.1/", "http://[2001:db8::1]/", "ftp://localhost/", "data:text/plain,x"] {
        let url = url.parse().unwrap();
        let refused = post(&server.connector(), delivery(&url)).await;
        assert!(matches!(refused, Err(CallError::Connect(ConnectError::Url))), "{url}");
    }
}

#[tokio::test]
async fn a_name_server_that_is_silent_costs_no_more_than_the_timeout() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let config = EgressConfig { nameservers: vec![silent.local_addr().unwrap()], ..EgressConfig::default() };
    let server = TestServer::start(|_| Reply::Silence);
    let resolver = Resolver::new(&config).unwrap();
    let connector = Connector { resolver, timeout: Duration::from_millis(150), ..server.connector() };
    let url = "https://shop.example/".parse().unwrap();
    assert!(matches!(connector.connect(&url).await, Err(ConnectError::Timeout)));
}

#[tokio::test]
async fn a_listener_that_never_shakes_hands_costs_no_more_than_the_timeout() {
    let mute = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let server = TestServer::start(|_| Reply::Silence);
    let connector = Connector { timeout: Duration::from_millis(150), ..server.connector() };
    let url = format!("https://{}/", mute.local_addr().unwrap()).parse().unwrap();
    assert!(matches!(connector.connect(&url).await, Err(ConnectError::Timeout)));
}

#[test]
fn each_runtime_has_a_resolver_of_its_own() {
    let config = EgressConfig { nameservers: vec![name_server()], ..EgressConfig::default() };
    let workers: Vec<_> = (0..3)
        .map(|worker| {
            let config = config.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let resolver = Resolver::new(&config).unwrap();
                let name = format!("w{worker}.example");
                let found = runtime.block_on(resolver.addresses(&Host::Domain(&name))).unwrap();
                assert_eq!(found, [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
                let local = runtime.block_on(resolver.addresses(&Host::Domain("localhost"))).unwrap();
                assert!(local[0].is_ipv4() && local.iter().all(IpAddr::is_loopback), "{local:?}");
            })
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
}

#[tokio::test]
async fn literals_are_not_looked_up_and_odd_names_are_refused() {
    let resolver = Resolver::new(&EgressConfig::default()).unwrap();
    let literal = resolver.addresses(&Host::Ipv6("::ffff:192.0.2.1".parse().unwrap())).await.unwrap();
    assert_eq!(literal, ["192.0.2.1".parse::<IpAddr>().unwrap()]);
    let long = format!("{}.example", "a".repeat(64));
    for name in ["a..b", &long] {
        assert!(matches!(resolver.addresses(&Host::Domain(name)).await, Err(ResolveError::Name)), "{name}");
    }
}
