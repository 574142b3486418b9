//! Puts an application behind listening sockets: TLS or plain, HTTP/1.1 only.

use super::arrivals::{Arrival, Arrivals};
use super::handshakes::Handshakes;
use super::lifetime::{Exchange, Lifetime, Watched};
use super::open_files;
use super::proxy_protocol::ProxyPeers;
use crate::hardening::registers::cleared;
use crate::telemetry::metrics::Traffic;
use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_rt::net::TcpStream;
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, map_config,
};
use actix_tls::accept::rustls_0_23::{Acceptor, AcceptorService, TlsStream};
use actix_tls::accept::{TlsError, max_concurrent_tls_connect};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use rustls::ServerConfig;
use std::fmt::Debug;
use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How much of an answer is encoded before it is written; kept for the life of
/// a connection.
const WRITE_BUFFER: usize = 8 * 1024;

/// How connections are treated. The times are upper bounds for the peer.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that serve requests; 0 means one per core.
    pub workers: usize,
    /// Connections per worker, fewer where the limit of open files is lower;
    /// further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// TLS handshakes under way per worker and client (an IPv4 address or an
    /// IPv6 /64); further connections of that client are closed at once.
    pub handshakes_per_client: usize,
    /// How long an idle connection is kept for another request.
    pub keep_alive: Duration,
    /// For a whole request head.
    pub head_timeout: Duration,
    /// For a whole request from its first byte to the last of its answer.
    /// Longer than a provider call (at most 60 s) and its form take.
    pub request_timeout: Duration,
    /// For a peer to take all that is written, once it takes no more.
    pub write_timeout: Duration,
    /// For a TLS handshake.
    pub handshake_timeout: Duration,
    /// For a peer to close its side after ours.
    pub disconnect_timeout: Duration,
    /// From the end of an answer with `Connection: close` to the end of the
    /// connection, whatever the peer does; also added to `head_timeout` and
    /// `keep_alive` for an orderly end. Longer than `disconnect_timeout`.
    pub close_timeout: Duration,
    /// For requests in flight when the server is told to stop; whole seconds.
    pub shutdown_timeout: Duration,
    /// Sees each request before the application does, and may change its head.
    /// True ends the connection with the answer.
    pub on_request: Option<fn(&mut Request) -> bool>,
    /// Called on the worker's thread when a connection has ended and its
    /// buffers are freed, also when it ended by a panic.
    pub on_close: Option<fn()>,
    /// Peers that say by PROXY protocol whose connection they bring. For a
    /// whole header they have `handshake_timeout`.
    pub proxies: ProxyPeers,
    /// Counts connections.
    pub traffic: Traffic,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 0,
            max_connections: 10_000,
            handshakes_per_client: 1024,
            keep_alive: Duration::from_mins(3),
            head_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_mins(2),
            write_timeout: Duration::from_secs(30),
            handshake_timeout: Duration::from_secs(3),
            disconnect_timeout: Duration::from_secs(1),
            close_timeout: Duration::from_secs(2),
            shutdown_timeout: Duration::from_secs(30),
            on_request: None,
            on_close: None,
            proxies: ProxyPeers::default(),
            traffic: Traffic::default(),
        }
    }
}

/// Serves an actix-web application on every listener, over TLS when `tls` is
/// given. The factory runs once per worker and listener.
///
/// Await the returned server to run it. It installs no signal handlers: stop it
/// by `server.handle().stop(true)`, which drains. The process's soft limit of
/// open files is raised to the hard one.
///
/// # Errors
/// A listener that cannot be used, or none given.
pub fn serve<F, I, S, B>(
    name: &str,
    listeners: Vec<TcpListener>,
    tls: Option<Arc<ServerConfig>>,
    options: &Options,
    factory: F,
) -> Result<Server>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error> + 'static,
    S::InitError: Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as Service<Request>>::Future: 'static,
    S::Service: 'static,
    B: MessageBody + 'static,
{
    if listeners.is_empty() {
        return Err(Error::new(ErrorKind::InvalidInput, "there is no address to listen on"));
    }
    let acceptor = tls.map(|tls| {
        let mut acceptor = Acceptor::new(Arc::unwrap_or_clone(tls));
        acceptor.set_handshake_timeout(options.handshake_timeout);
        acceptor
    });
    let max_connections = open_files::connections_per_worker(options.max_connections, options.workers);
    if acceptor.is_some() {
        // The default, 256, lets a few hundred silent peers keep everybody else out.
        max_concurrent_tls_connect(max_connections);
    }
    let mut builder = server_builder(options, max_connections);
    for listener in listeners {
        let site = Site {
            address: listener.local_addr()?,
            secure: acceptor.is_some(),
            options: options.clone(),
            drain: builder.graceful_shutdown_signal(),
        };
        let (factory, per_client, ends) = (factory.clone(), options.handshakes_per_client, Ends::of(options));
        let arrivals = Arrivals::new(options);
        builder = match acceptor.clone() {
            Some(acceptor) => builder.listen(name, listener, move || {
                let http1 = site.clone().http1(factory());
                let handshakes = Handshakes::new(per_client);
                to_its_end(over_tls(arrivals.clone(), acceptor.clone(), handshakes, http1), ends.clone())
            })?,
            None => builder.listen(name, listener, move || {
                to_its_end(over_tcp(arrivals.clone(), site.clone().http1(factory())), ends.clone())
            })?,
        };
    }
    Ok(builder.run())
}

fn server_builder(options: &Options, max_connections: usize) -> ServerBuilder {
    let builder = Server::build()
        .disable_signals()
        .max_concurrent_connections(max_connections)
        .shutdown_timeout(options.shutdown_timeout.as_secs());
    match options.workers {
        0 => builder,
        workers => builder.workers(workers),
    }
}

fn over_tls(
    arrivals: Arrivals,
    acceptor: Acceptor,
    handshakes: Handshakes,
    http1: impl ConnectionService<TlsStream<TcpStream>>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = TlsError<Error, DispatchError>, InitError = ()>
{
    let counted = arrivals.clone();
    let handshake = move |(stream, peer): Arrival, acceptor: &AcceptorService| {
        without_delay(&stream);
        let place = peer.and_then(|peer| handshakes.enter(peer.ip()));
        let handshake = place.map(|place| (place, acceptor.call(stream)));
        let counted = counted.clone();
        async move {
            let Some((_place, handshake)) = handshake else {
                counted.refused("handshakes");
                return Err(TlsError::Tls(ErrorKind::ConnectionRefused.into()));
            };
            let stream = handshake.await.inspect_err(|_| counted.refused("tls"))?;
            Ok((stream, peer))
        }
    };
    let tls = apply_fn_factory::<_, _, _, _, Arrival, TcpStream, _, _>(acceptor, handshake);
    arrivals
        .service()
        .map_err(TlsError::Tls)
        .and_then(tls.map_err(TlsError::into_service_error))
        .and_then(http1.map_err(TlsError::Service))
}

fn over_tcp(
    arrivals: Arrivals,
    http1: impl ConnectionService<TcpStream>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> {
    let without_delay = |(stream, peer): Arrival| {
        without_delay(&stream);
        (stream, peer)
    };
    arrivals.service().map(without_delay).map_err(DispatchError::Io).and_then(http1)
}

/// Drives each connection, its handshake included: a client may send its form
/// along with the handshake's last message, and both are decrypted together.
/// What `on_close` does is done from here, above all frames of that work.
fn to_its_end<S>(
    connections: S,
    ends: Ends,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = S::Error, InitError = ()>
where
    S: ServiceFactory<TcpStream, Config = (), Response = (), InitError = ()>,
{
    let drive = move |stream: TcpStream, connections: &S::Service| {
        ends.traffic.accepted.inc();
        let present = ends.traffic.present.one_more();
        let run = connections.call(stream);
        let on_close = ends.on_close;
        async move {
            let _present = present;
            let _after = OnClose(on_close);
            cleared(run).await
        }
    };
    apply_fn_factory::<_, _, _, _, _, TcpStream, _, _>(connections, drive)
}

/// What is done at a connection's beginning and end.
#[derive(Clone)]
struct Ends {
    traffic: Traffic,
    on_close: Option<fn()>,
}

impl Ends {
    fn of(options: &Options) -> Self {
        Self { traffic: options.traffic.clone(), on_close: options.on_close }
    }
}

/// Switches Nagle's algorithm off (RFC 9293 section 3.7.4): behind the session
/// tickets, which browsers acknowledge late, a page would wait for 40 ms.
/// `HttpServiceBuilder::tcp_nodelay` has no effect on an HTTP/1.1 service.
fn without_delay(stream: &TcpStream) {
    // A socket that refuses is slower, and no worse.
    let _ = stream.set_nodelay(true);
}

/// What serves one accepted connection: the stream and its peer's address.
trait ConnectionService<T>:
    ServiceFactory<(T, Option<SocketAddr>), Config = (), Response = (), Error = DispatchError, InitError = ()>
{
}

impl<T, S> ConnectionService<T> for S where
    S: ServiceFactory<(T, Option<SocketAddr>), Config = (), Response = (), Error = DispatchError, InitError = ()>
{
}

/// One listener's share of what its connections need to know.
#[derive(Clone)]
struct Site {
    address: SocketAddr,
    secure: bool,
    options: Options,
    drain: GracefulShutdownSignal,
}

impl Site {
    /// HTTP/1.1 on an accepted connection, set up as `HttpServer` does it.
    fn http1<T, I, S, B>(self, application: I) -> impl ConnectionService<T>
    where
        T: AsyncRead + AsyncWrite + Unpin + 'static,
        I: IntoServiceFactory<S, Request>,
        S: ServiceFactory<Request, Config = AppConfig> + 'static,
        S::Error: Into<actix_web::Error> + 'static,
        S::InitError: Debug,
        S::Response: Into<Response<B>> + 'static,
        <S::Service as Service<Request>>::Future: 'static,
        S::Service: 'static,
        B: MessageBody + 'static,
    {
        let Self { address, secure, options, drain } = self;
        // `__priv_test_new` is the only public constructor that takes values;
        // actix-test uses it as well.
        let application =
            map_config(application.into_factory().map_err(|error| error.into().error_response()), move |()| {
                AppConfig::__priv_test_new(secure, address.to_string(), address)
            });
        let on_request = options.on_request;
        let application = apply_fn_factory(application, move |mut request: Request, application| {
            let is_last = on_request.is_some_and(|on_request| on_request(&mut request));
            let exchange = Exchange::begin(&request, is_last);
            let answer = application.call(request);
            async move {
                match answer.await {
                    Ok(answer) => {
                        let mut answer: Response<B> = answer.into();
                        exchange.end(answer.head_mut());
                        Ok(answer)
                    }
                    Err(mut error) => {
                        exchange.end(error.head_mut());
                        Err(error)
                    }
                }
            }
        });
        let http1 = HttpService::build()
            .graceful_shutdown_signal(move || {
                let drain = drain.clone();
                async move { drain.notified().await }
            })
            .keep_alive(options.keep_alive)
            .client_request_timeout(options.head_timeout)
            .client_disconnect_timeout(options.disconnect_timeout)
            .local_addr(address)
            .h1_write_buffer_size(WRITE_BUFFER)
            .on_connect_ext(|stream: &Watched<T>, data| drop(data.insert(stream.lifetime())))
            .h1(application);
        apply_fn_factory(http1, move |(stream, peer), http1| {
            let lifetime = Lifetime::new(&options);
            let run = http1.call((Watched::new(stream, Rc::clone(&lifetime)), peer));
            async move { lifetime.bound(run).await }
        })
    }
}

/// Calls its function when it is dropped.
struct OnClose(Option<fn()>);

impl Drop for OnClose {
    fn drop(&mut self) {
        if let Some(on_close) = self.0 {
            on_close();
        }
    }
}
