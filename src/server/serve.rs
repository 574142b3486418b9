//! Puts an application behind listening sockets: TLS or plain, HTTP/1.1 only.

use actix_http::error::DispatchError;
use actix_http::{HttpService, Request, Response};
use actix_rt::net::TcpStream;
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt as _, apply_fn_factory, fn_service, map_config,
};
use actix_tls::accept::TlsError;
use actix_tls::accept::rustls_0_23::{Acceptor, TlsStream};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use rustls::ServerConfig;
use std::fmt::Debug;
use std::future::ready;
use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// How connections are treated. The times are upper bounds for the peer.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that serve requests; 0 means one per core.
    pub workers: usize,
    /// Connections per worker; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// How long an idle connection is kept for another request.
    pub keep_alive: Duration,
    /// For a whole request head.
    pub head_timeout: Duration,
    /// For a TLS handshake.
    pub handshake_timeout: Duration,
    /// For a peer to close its side after ours.
    pub disconnect_timeout: Duration,
    /// For requests in flight when the server is told to stop; whole seconds.
    pub shutdown_timeout: Duration,
    /// Called on the worker's thread when a connection has ended and its
    /// buffers are freed, also when it ended by a panic.
    pub on_close: Option<fn()>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 0,
            max_connections: 10_000,
            keep_alive: Duration::from_mins(3),
            head_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(5),
            disconnect_timeout: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(30),
            on_close: None,
        }
    }
}

/// Serves an actix-web application on every listener, over TLS when `tls` is
/// given. The factory runs once per worker and listener.
///
/// Await the returned server to run it. It installs no signal handlers: stop it
/// by `server.handle().stop(true)`, which drains.
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
    let mut builder = server_builder(options);
    for listener in listeners {
        let site = Site {
            address: listener.local_addr()?,
            secure: acceptor.is_some(),
            options: options.clone(),
            drain: builder.graceful_shutdown_signal(),
        };
        let factory = factory.clone();
        builder = match acceptor.clone() {
            Some(acceptor) => {
                builder.listen(name, listener, move || over_tls(acceptor.clone(), site.clone().http1(factory())))?
            }
            None => builder.listen(name, listener, move || over_tcp(site.clone().http1(factory())))?,
        };
    }
    Ok(builder.run())
}

fn server_builder(options: &Options) -> ServerBuilder {
    let builder = Server::build()
        .disable_signals()
        .max_concurrent_connections(options.max_connections)
        .shutdown_timeout(options.shutdown_timeout.as_secs());
    match options.workers {
        0 => builder,
        workers => builder.workers(workers),
    }
}

fn over_tls(
    acceptor: Acceptor,
    http1: impl ConnectionService<TlsStream<TcpStream>>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = TlsError<Error, DispatchError>, InitError = ()>
{
    acceptor
        .map_err(TlsError::into_service_error)
        .map(|stream: TlsStream<TcpStream>| {
            let peer = stream.get_ref().0.peer_addr().ok();
            (stream, peer)
        })
        .and_then(http1.map_err(TlsError::Service))
}

fn over_tcp(
    http1: impl ConnectionService<TcpStream>,
) -> impl ServiceFactory<TcpStream, Config = (), Response = (), Error = DispatchError, InitError = ()> {
    fn_service(|stream: TcpStream| {
        let peer = stream.peer_addr().ok();
        ready(Ok((stream, peer)))
    })
    .and_then(http1)
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
        let http1 = HttpService::build()
            .graceful_shutdown_signal(move || {
                let drain = drain.clone();
                async move { drain.notified().await }
            })
            .keep_alive(options.keep_alive)
            .client_request_timeout(options.head_timeout)
            .client_disconnect_timeout(options.disconnect_timeout)
            .tcp_nodelay(true)
            .local_addr(address)
            .h1(application);
        let on_close = options.on_close;
        apply_fn_factory(http1, move |connection, http1| {
            let run = http1.call(connection);
            async move {
                let _after = OnClose(on_close);
                run.await
            }
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
