//! A small TLS server for tests, on a thread of its own: it answers as scripted,
//! counts connections and remembers requests.

use super::{Connector, Resolver, Roots, client_config};
use crate::config::EgressConfig;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use url::Url;

/// How a request is treated.
pub enum Reply {
    /// Written; the connection stays open.
    Keep(String),
    /// Written; then the server closes without having announced it.
    Close(String),
    /// Written; then the server closes when the test says so.
    CloseWhenTold(String),
    /// Nothing, until the client goes.
    Silence,
    /// The connection is closed without an answer.
    Drop,
}

/// A request as it came in.
#[derive(Clone)]
pub struct Received {
    pub head: String,
    pub body: String,
}

impl Received {
    /// The value of a multipart field; empty when there is none.
    pub fn field(&self, name: &str) -> &str {
        let marker = format!("name=\"{name}\"\r\n\r\n");
        let value = self.body.split_once(&marker).map_or("", |(_, rest)| rest);
        value.split_once("\r\n--").map_or("", |(value, _)| value)
    }
}

type Script = dyn Fn(&Received) -> Reply + Send + Sync;

struct State {
    script: Box<Script>,
    connections: AtomicUsize,
    requests: Mutex<Vec<Received>>,
    close: Notify,
    closed: mpsc::Sender<()>,
    ended: mpsc::Sender<()>,
}

pub struct TestServer {
    address: SocketAddr,
    ca_file: PathBuf,
    state: Arc<State>,
    closed: mpsc::Receiver<()>,
    ended: mpsc::Receiver<()>,
    _stop: oneshot::Sender<()>,
}

impl TestServer {
    pub fn start(script: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let ca_file = std::env::temp_dir().join(format!("vezne-test-{}.pem", uuid::Uuid::now_v7()));
        std::fs::write(&ca_file, certified.cert.pem()).unwrap();
        let tls = server_config(certified.cert.der(), &certified.signing_key.serialize_der());
        let ((closed_sender, closed), (ended_sender, ended)) = (mpsc::channel(), mpsc::channel());
        let state = Arc::new(State {
            script: Box::new(script),
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
            close: Notify::new(),
            closed: closed_sender,
            ended: ended_sender,
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let accept = accept(TcpListener::from_std(listener).unwrap(), tls, shared);
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        Self { address, ca_file, state, closed, ended, _stop: stop }
    }

    pub fn url(&self, path: &str) -> Url {
        format!("https://localhost:{}{path}", self.address.port()).parse().unwrap()
    }

    pub fn ca_file(&self) -> PathBuf {
        self.ca_file.clone()
    }

    /// A connector that trusts this server, without a guard.
    pub fn connector(&self) -> Connector {
        Connector {
            resolver: Resolver::new(&EgressConfig::default()).unwrap(),
            guard: None,
            tls: client_config(Roots::Only(&self.ca_file), None).unwrap(),
            timeout: Duration::from_secs(5),
        }
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(SeqCst)
    }

    pub fn requests(&self) -> Vec<Received> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Lets the server close one connection that waits for it, and blocks this
    /// thread until it has.
    pub fn close_and_wait(&self) {
        self.state.close.notify_one();
        self.closed.recv_timeout(Duration::from_secs(5)).expect("the server closes a connection");
    }

    /// Blocks this thread until the client has closed a connection.
    pub fn wait_ended_by_client(&self) -> bool {
        self.ended.recv_timeout(Duration::from_secs(5)).is_ok()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.ca_file));
    }
}

/// A complete answer with a body.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Test\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn server_config(certificate: &CertificateDer<'static>, key: &[u8]) -> Arc<ServerConfig> {
    let key = PrivatePkcs8KeyDer::from(key.to_vec()).into();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

async fn accept(listener: TcpListener, tls: Arc<ServerConfig>, state: Arc<State>) {
    while let Ok((tcp, _)) = listener.accept().await {
        state.connections.fetch_add(1, SeqCst);
        let (acceptor, state) = (TlsAcceptor::from(Arc::clone(&tls)), Arc::clone(&state));
        tokio::spawn(async move {
            if let Ok(mut stream) = acceptor.accept(tcp).await {
                serve(&mut stream, &state).await;
            }
        });
    }
}

async fn serve(stream: &mut TlsStream<TcpStream>, state: &State) {
    while let Some(request) = receive(stream).await {
        let reply = (state.script)(&request);
        state.requests.lock().unwrap().push(request);
        let (text, open, told) = match reply {
            Reply::Keep(text) => (text, true, false),
            Reply::Close(text) => (text, false, false),
            Reply::CloseWhenTold(text) => (text, false, true),
            Reply::Silence => (String::new(), true, false),
            Reply::Drop => (String::new(), false, false),
        };
        // The client may have gone; then there is nobody to tell.
        stream.write_all(text.as_bytes()).await.ok();
        stream.flush().await.ok();
        if told {
            state.close.notified().await;
        }
        if !open {
            stream.shutdown().await.ok();
            state.closed.send(()).ok();
            return;
        }
    }
    state.ended.send(()).ok();
}

/// One request with a `Content-Length`; `None` at the connection's end.
async fn receive(stream: &mut TlsStream<TcpStream>) -> Option<Received> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut bytes).await?;
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap().to_lowercase();
    let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest.split("\r\n").next().unwrap());
    let end = head_end + length.parse::<usize>().unwrap();
    while bytes.len() < end {
        read_more(stream, &mut bytes).await?;
    }
    Some(Received { head, body: String::from_utf8(bytes[head_end..end].to_vec()).unwrap() })
}

async fn read_more(stream: &mut TlsStream<TcpStream>, bytes: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(bytes).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
