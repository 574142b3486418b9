//! The listener as a client sees it: real sockets, a blocking TLS client.

use super::{Options, ReloadingCertificate, bind, serve, tls_config};
use actix_server::ServerHandle;
use actix_web::{App, HttpRequest, web};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A certificate and key in a directory of their own, gone with the value.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(format!("vezne-server-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    /// Writes a fresh pair and returns its certificate.
    fn renew(&self) -> CertificateDer<'static> {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(self.0.join("certificate.pem"), cert.pem()).unwrap();
        std::fs::write(self.0.join("key.pem"), signing_key.serialize_pem()).unwrap();
        cert.der().clone()
    }

    fn load(&self) -> Arc<ReloadingCertificate> {
        ReloadingCertificate::load(&self.0.join("certificate.pem"), &self.0.join("key.pem")).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

struct Running {
    address: SocketAddr,
    handle: ServerHandle,
    thread: Option<std::thread::JoinHandle<std::io::Result<()>>>,
}

impl Running {
    fn start(tls: Option<Arc<ServerConfig>>, options: Options) -> Self {
        let listeners = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async {
                let app = || App::new().route("/peer", web::get().to(peer));
                let server = serve("test", listeners, tls, &options, app)?;
                sender.send(server.handle()).unwrap();
                server.await
            })
        });
        Self { address, handle: receiver.recv().unwrap(), thread: Some(thread) }
    }

    /// Stops with a drain, and fails when the server failed.
    fn stop(mut self) {
        drop(self.handle.stop(true));
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

async fn peer(request: HttpRequest) -> String {
    format!("{} {}", request.peer_addr().unwrap(), request.connection_info().scheme())
}

fn options() -> Options {
    Options { workers: 1, shutdown_timeout: Duration::from_secs(1), ..Options::default() }
}

type TlsStream = StreamOwned<ClientConnection, TcpStream>;

fn connect(address: SocketAddr, root: &CertificateDer<'static>, alpn: &[&[u8]]) -> Result<TlsStream, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = TcpStream::connect(address)?;
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(client, stream))
}

fn ask(stream: &mut (impl Read + Write)) -> String {
    stream.write_all(b"GET /peer HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_application_answers_over_tls_and_sees_its_peer() {
    let files = Files::new();
    let root = files.renew();
    let server = Running::start(Some(tls_config(files.load()).unwrap()), options());
    let mut stream = connect(server.address, &root, &[b"http/1.1"]).unwrap();
    let local = stream.sock.local_addr().unwrap();
    let group = stream.conn.negotiated_key_exchange_group().unwrap().name();
    let answer = ask(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(&format!("{local} https")), "{answer}");
    assert_eq!(group, rustls::NamedGroup::X25519MLKEM768);
    server.stop();
}

#[test]
fn http2_is_not_negotiated() {
    let files = Files::new();
    let root = files.renew();
    let server = Running::start(Some(tls_config(files.load()).unwrap()), options());
    let both = connect(server.address, &root, &[b"h2", b"http/1.1"]).unwrap();
    assert_eq!(both.conn.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert!(connect(server.address, &root, &[b"h2"]).is_err());
    server.stop();
}

#[test]
fn a_changed_certificate_is_served_and_a_broken_one_is_not() {
    let files = Files::new();
    let first = files.renew();
    let certificate = files.load();
    let server = Running::start(Some(tls_config(certificate.clone()).unwrap()), options());
    assert!(!certificate.reload_if_changed().unwrap());
    connect(server.address, &first, &[]).unwrap();

    let second = files.renew();
    assert!(certificate.reload_if_changed().unwrap());
    connect(server.address, &second, &[]).unwrap();
    assert!(connect(server.address, &first, &[]).is_err());

    std::fs::write(files.0.join("key.pem"), "-----BEGIN PRIVATE KEY-----\nbroken").unwrap();
    assert!(certificate.reload_if_changed().is_err());
    assert!(!certificate.reload_if_changed().unwrap(), "one complaint a change");
    connect(server.address, &second, &[]).unwrap();

    let CertifiedKey { signing_key, .. } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(files.0.join("key.pem"), signing_key.serialize_pem()).unwrap();
    assert!(certificate.reload_if_changed().is_err(), "another certificate's key");
    connect(server.address, &second, &[]).unwrap();
    server.stop();
}

#[test]
fn a_watched_certificate_is_reloaded_without_being_asked() {
    let files = Files::new();
    files.renew();
    let certificate = files.load();
    let watched = certificate.clone();
    let server = Running::start(Some(tls_config(certificate).unwrap()), options());
    let second = files.renew();
    std::thread::spawn(|| actix_rt::System::new().block_on(watched.watch(Duration::from_millis(5))));
    let deadline = Instant::now() + Duration::from_secs(10);
    while connect(server.address, &second, &[]).is_err() {
        assert!(Instant::now() < deadline, "the new certificate is not served");
    }
    server.stop();
}

#[test]
fn plain_http_answers_too_and_connections_report_their_end() {
    static CLOSED: AtomicUsize = AtomicUsize::new(0);
    let on_close = || {
        CLOSED.fetch_add(1, Ordering::SeqCst);
    };
    let server = Running::start(None, Options { on_close: Some(on_close), ..options() });
    let mut stream = TcpStream::connect(server.address).unwrap();
    let local = stream.local_addr().unwrap();
    let answer = ask(&mut stream);
    assert!(answer.ends_with(&format!("{local} http")), "{answer}");
    drop(stream);
    let deadline = Instant::now() + Duration::from_secs(10);
    while CLOSED.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline, "the end of the connection was not reported");
        std::thread::yield_now();
    }
    server.stop();
}

#[test]
fn a_silent_client_is_cut_off() {
    let options = Options { head_timeout: Duration::from_millis(200), ..options() };
    let server = Running::start(None, options);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET /peer HT").unwrap();
    let mut answer = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    server.stop();
}
