//! Whom the way out trusts, and how it proves itself: rustls over aws-lc-rs,
//! TLS 1.2 and 1.3, HTTP/1.1 only (an HTTP/2 codec would keep card data in its
//! buffers for the life of a connection).

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// Which certificate authorities a server's certificate may come from.
#[derive(Clone, Copy, Debug)]
pub enum Roots<'a> {
    /// The public ones (Mozilla's list, built in).
    Public,
    /// Those of a PEM file and no others: a private upstream.
    Only(&'a Path),
    /// The public ones and those of a PEM file.
    PublicAnd(&'a Path),
}

/// PEM files of the certificate that this client shows (mutual TLS).
#[derive(Clone, Copy, Debug)]
pub struct ClientIdentity<'a> {
    /// The chain, leaf first.
    pub certificate: &'a Path,
    /// The leaf's private key.
    pub key: &'a Path,
}

/// What is wrong with the operator's files. Never quotes their content: a
/// misplaced key must not end in a log.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file holds no certificate, or one that is damaged.
    #[error("{0}: no readable PEM certificate")]
    Certificate(PathBuf),
    /// A file holds no private key, or one that is damaged.
    #[error("{0}: no readable PEM private key")]
    Key(PathBuf),
    /// Certificate and key do not work together, or the library refused them.
    #[error("client TLS: {0}")]
    Refused(#[from] rustls::Error),
}

/// Builds the configuration that a [`super::Connector`] dials with.
///
/// # Errors
/// [`TlsError`] when a file is missing, empty or does not fit.
pub fn client_config(roots: Roots<'_>, identity: Option<ClientIdentity<'_>>) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(root_store(roots)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(ClientIdentity { certificate, key }) => {
            builder.with_client_auth_cert(certificates(certificate)?, private_key(key)?)?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn root_store(roots: Roots<'_>) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    let (public, file) = match roots {
        Roots::Public => (true, None),
        Roots::Only(file) => (false, Some(file)),
        Roots::PublicAnd(file) => (true, Some(file)),
    };
    if public {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    if let Some(file) = file {
        for certificate in certificates(file)? {
            store.add(certificate).map_err(|_| TlsError::Certificate(file.to_owned()))?;
        }
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |error| pem_error(path, error, TlsError::Certificate);
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect();
    match found.map_err(unreadable)? {
        none if none.is_empty() => Err(TlsError::Certificate(path.to_owned())),
        some => Ok(some),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| pem_error(path, error, TlsError::Key))
}

fn pem_error(path: &Path, error: pem::Error, malformed: fn(PathBuf) -> TlsError) -> TlsError {
    match error {
        pem::Error::Io(source) => TlsError::Read { path: path.to_owned(), source },
        _ => malformed(path.to_owned()),
    }
}

#[cfg(all(test, feature = "sandbox"))]
mod tests {
    use super::*;
    use uuid::Uuid;

    /// A file that is removed with the value.
    struct File(PathBuf);

    impl File {
        fn holding(text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("vezne-test-{}.pem", Uuid::now_v7()));
            std::fs::write(&path, text).unwrap();
            Self(path)
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            std::fs::remove_file(&self.0).ok();
        }
    }

    fn pair() -> (File, File) {
        let made = rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
        (File::holding(&made.cert.pem()), File::holding(&made.signing_key.serialize_pem()))
    }

    fn identity<'a>(certificate: &'a File, key: &'a File) -> ClientIdentity<'a> {
        ClientIdentity { certificate: &certificate.0, key: &key.0 }
    }

    #[test]
    fn http_1_1_only_with_or_without_an_identity() {
        let (certificate, key) = pair();
        for identity in [None, Some(identity(&certificate, &key))] {
            let config = client_config(Roots::Only(&certificate.0), identity).unwrap();
            assert_eq!(config.alpn_protocols, [b"http/1.1"]);
            assert_eq!(config.client_auth_cert_resolver.has_certs(), identity.is_some());
        }
    }

    #[test]
    fn files_that_do_not_serve_are_named_and_not_quoted() {
        let (certificate, key) = pair();
        let (_, other_key) = pair();
        let garbage = File::holding("-----BEGIN PRIVATE KEY-----\nTOPSECRET!\n-----END PRIVATE KEY-----\n");
        let refusals = [
            client_config(Roots::Only(&key.0), None),
            client_config(Roots::Only(Path::new("absent.pem")), None),
            client_config(Roots::Public, Some(identity(&key, &key))),
            client_config(Roots::Public, Some(identity(&certificate, &certificate))),
            client_config(Roots::Public, Some(identity(&certificate, &garbage))),
            client_config(Roots::Public, Some(identity(&certificate, &other_key))),
        ]
        .map(|refused| refused.map(drop).unwrap_err());
        assert!(matches!(
            refusals,
            [
                TlsError::Certificate(_),
                TlsError::Read { .. },
                TlsError::Certificate(_),
                TlsError::Key(_),
                TlsError::Key(_),
                TlsError::Refused(_)
            ]
        ));
        assert!(!format!("{refusals:?}").contains("TOPSECRET"));
    }
}
