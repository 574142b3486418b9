//! Peers that hold on to their connections, and peers that have a right to.

use super::{Files, Options, Running, connect, options, tls_config};
use actix_web::web::{Bytes, Payload};
use rustix::net::{AddressFamily, SocketType, bind, connect as connect_socket, socket};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far more than any bound below, far less than the bounds that are not under test.
const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_mins(10);

/// Bounds that no test reaches, but for the one that it sets.
fn unbounded() -> Options {
    Options {
        keep_alive: LONG,
        head_timeout: LONG,
        request_timeout: LONG,
        write_timeout: LONG,
        handshake_timeout: LONG,
        disconnect_timeout: LONG,
        close_timeout: SHORT,
        ..options()
    }
}

/// Answers after more time than any short bound.
pub(super) async fn slow() -> &'static str {
    actix_rt::time::sleep(4 * SHORT).await;
    "slow"
}

/// More than sockets and TLS buffer.
pub(super) async fn long() -> Bytes {
    Bytes::from(vec![b'x'; 16 << 20])
}

/// Reads the whole body.
pub(super) async fn body(payload: Payload) -> actix_web::Result<String> {
    Ok(payload.to_bytes().await.map_err(actix_web::error::ErrorBadRequest)?.len().to_string())
}

fn open(server: &Running) -> TcpStream {
    let stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks for a short answer and reads it, leaving the connection open.
fn exchange(stream: &mut impl ReadWrite, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    while !answer.contains("\r\n\r\n") {
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "{answer}");
        answer.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
    }
    answer
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// Keeps sending until the server ends the connection; returns what it said.
fn trickle(mut stream: TcpStream, bytes: &[u8]) -> String {
    stream.set_read_timeout(Some(SHORT / 10)).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut answer = Vec::new();
    loop {
        assert!(Instant::now() < deadline, "still open after {}", String::from_utf8_lossy(&answer));
        if stream.write_all(bytes).is_err() {
            break;
        }
        match stream.read_to_end(&mut answer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            _ => break,
        }
    }
    String::from_utf8(answer).unwrap()
}

/// Sends request after request and reads nothing, until the server ends the connection.
fn pipeline(mut stream: impl Write) {
    let requests = "GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000);
    let error = loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            break error.kind();
        }
    };
    assert!(matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

#[test]
fn one_byte_of_a_second_request_does_not_hold_a_connection() {
    let server = Running::start(None, Options { head_timeout: SHORT, ..unbounded() });
    let mut stream = open(&server);
    exchange(&mut stream, "/peer");
    stream.write_all(b"G").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    server.stop();
}

#[test]
fn a_second_head_without_end_does_not_hold_a_connection() {
    let server = Running::start(None, Options { head_timeout: SHORT, ..unbounded() });
    let mut stream = open(&server);
    exchange(&mut stream, "/peer");
    stream.write_all(b"GET /peer HTTP/1.1\r\nX-Long: ").unwrap();
    assert_eq!(trickle(stream, b"x"), "");
    server.stop();
}

#[test]
fn a_chunked_body_that_nobody_reads_does_not_hold_a_connection() {
    let server = Running::start(None, unbounded());
    for path in ["/nothing", "/peer"] {
        let mut stream = open(&server);
        write!(stream, "POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        let answer = trickle(stream, b"1\r\nx\r\n");
        assert!(answer.starts_with("HTTP/1.1 40") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
    let mut silent = open(&server);
    silent.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n").unwrap();
    silent.read_to_end(&mut Vec::new()).unwrap();
    server.stop();
}

#[test]
fn a_body_without_end_does_not_hold_a_connection() {
    let server = Running::start(None, Options { request_timeout: 2 * SHORT, ..unbounded() });
    let mut stream = open(&server);
    stream.write_all(b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n").unwrap();
    assert_eq!(trickle(stream, b"x"), "");
    server.stop();
}

#[test]
fn a_peer_that_reads_nothing_does_not_hold_a_connection() {
    let files = Files::new();
    let root = files.renew();
    let bounds = Options { write_timeout: SHORT, ..unbounded() };
    let plain = Running::start(None, bounds.clone());
    pipeline(open(&plain));
    plain.stop();
    let secure = Running::start(Some(tls_config(files.load()).unwrap()), bounds);
    let stream = connect(secure.address, &root, &[]).unwrap();
    stream.sock.set_write_timeout(Some(PATIENCE)).unwrap();
    pipeline(stream);
    secure.stop();
}

#[test]
fn slow_answers_and_pauses_between_requests_are_no_offence() {
    let files = Files::new();
    let root = files.renew();
    let bounds = Options { head_timeout: SHORT, write_timeout: SHORT, ..unbounded() };
    let server = Running::start(Some(tls_config(files.load()).unwrap()), bounds);
    let mut stream = connect(server.address, &root, &[]).unwrap();
    for path in ["/peer", "/slow", "/peer"] {
        let answer = exchange(&mut stream, path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        sleep(4 * SHORT);
    }
    write!(stream, "GET /long HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.len() > 16 << 20, "{} bytes of the last answer", answer.len());
    server.stop();
}

#[test]
fn silent_connections_do_not_keep_others_from_their_handshakes() {
    let files = Files::new();
    let root = files.renew();
    let bounds = Options { handshakes_per_client: 1000, ..unbounded() };
    let server = Running::start(Some(tls_config(files.load()).unwrap()), bounds);
    let silent: Vec<_> = (0..300).map(|_| open(&server)).collect();
    let address = server.address;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(connect(address, &root, &[]).is_ok()));
    assert!(receiver.recv_timeout(PATIENCE).unwrap());
    drop(silent);
    server.stop();
}

#[test]
fn a_client_with_too_many_handshakes_is_refused_and_others_are_not() {
    let files = Files::new();
    let root = files.renew();
    let bounds = Options { handshakes_per_client: 4, ..unbounded() };
    let server = Running::start(Some(tls_config(files.load()).unwrap()), bounds);
    let silent: Vec<_> = (0..4).map(|_| open_from(Ipv4Addr::new(127, 0, 0, 2), server.address)).collect();
    let mut refused = open_from(Ipv4Addr::new(127, 0, 0, 2), server.address);
    assert_eq!(refused.read(&mut [0]).unwrap(), 0);
    connect(server.address, &root, &[]).unwrap();
    drop(silent);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut again = open_from(Ipv4Addr::new(127, 0, 0, 2), server.address);
        again.set_read_timeout(Some(SHORT)).unwrap();
        if again.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            break;
        }
        assert!(Instant::now() < deadline, "places are not given back");
    }
    server.stop();
}

fn open_from(client: Ipv4Addr, server: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from((client, 0))).unwrap();
    connect_socket(&socket, &server).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
