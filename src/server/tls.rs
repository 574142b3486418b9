//! TLS as the listener speaks it.

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig};
use std::sync::Arc;

/// TLS 1.3 and 1.2 (RFC 8446, RFC 5246; PCI DSS 4.2.1), `http/1.1` alone in
/// ALPN (RFC 7301), X25519MLKEM768 first among the key exchanges, no client
/// certificates.
///
/// # Errors
/// [`Error`] when the cryptographic library lacks what those versions need.
pub fn config(certificates: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A cardholder comes once: tickets and kept sessions would cost each of them
    // something, help hardly any, and keep secrets of past connections.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Arc::new(config))
}
