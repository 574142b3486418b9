//! The listener that the window, the sandbox and the shop share: sockets, TLS,
//! HTTP/1.1, drain.
//!
//! HTTP/1.1 only, on purpose: an HTTP/2 codec keeps its buffers for the life of
//! a connection, and a card number would lie in them that long. `HttpServer`
//! of actix-web always offers `h2` over TLS, so this builds on `actix_server`
//! and `actix_http` directly.

mod arrivals;
mod certificate;
mod handshakes;
mod lifetime;
mod listener;
mod open_files;
mod parent;
pub mod proxy_protocol;
mod run;
mod serve;
#[cfg(all(test, feature = "sandbox"))]
mod tests;
mod tls;
mod validity;

pub use certificate::{CertificateError, ReloadingCertificate};
pub use listener::{bind, bind_or_stdin, stdin_listener};
pub use parent::end_with_parent;
pub use run::{ShutdownSignals, run_until_signal, shutdown_signal};
pub use serve::{Options, serve};
pub use tls::config as tls_config;
