//! The server's certificate, read again when its files change.

use super::validity::not_after;
use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a certificate and its key cannot be served. Always the operator's to mend.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not PEM, or holds no certificate or key.
    #[error("{} holds no usable PEM: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// The parser's reason.
        source: pem::Error,
    },
    /// A key of an unknown kind, or one that is not the certificate's.
    #[error("the certificate in {} and its key do not work together: {source}", path.display())]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// The TLS library's reason.
        source: rustls::Error,
    },
}

/// A certificate chain and key that follow their files. New connections get
/// the newest pair that worked; a broken new pair leaves the old one in place.
pub struct ReloadingCertificate {
    certificate: PathBuf,
    private_key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    seen: Mutex<Seen>,
}

impl ReloadingCertificate {
    /// Reads a PEM chain, leaf first, and its PEM key (PKCS #8, SEC1 or PKCS #1).
    ///
    /// # Errors
    /// [`CertificateError`], which names the file.
    pub fn load(certificate: &Path, private_key: &Path) -> Result<Arc<Self>, CertificateError> {
        // The state comes first: a file that changes while it is read is read again.
        let seen = Seen { files: [FileState::of(certificate), FileState::of(private_key)], is_unread: false };
        Ok(Arc::new(Self {
            current: ArcSwap::from_pointee(read_pair(certificate, private_key)?),
            certificate: certificate.to_owned(),
            private_key: private_key.to_owned(),
            seen: Mutex::new(seen),
        }))
    }

    /// Reads the files again if one of them changed since the last look, or
    /// could not be read then. Returns whether a new pair is served now.
    ///
    /// # Errors
    /// [`CertificateError`] once for each change that cannot be used.
    pub fn reload_if_changed(&self) -> Result<bool, CertificateError> {
        let files = [FileState::of(&self.certificate), FileState::of(&self.private_key)];
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = files != seen.files;
        if !is_new && !seen.is_unread {
            return Ok(false);
        }
        let pair = read_pair(&self.certificate, &self.private_key);
        *seen = Seen { files, is_unread: matches!(pair, Err(CertificateError::Read { .. })) };
        match pair {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                Ok(true)
            }
            Err(CertificateError::Read { .. }) if !is_new => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// When the certificate that is served now is over; `None` when it does not say.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.current.load().cert.first().and_then(|leaf| not_after(leaf))
    }

    /// Whole days until then, below 0 when it is over.
    #[must_use]
    pub fn days_left(&self) -> Option<i64> {
        const DAY: i64 = 24 * 3600;
        Some((self.not_after()?.as_second() - Timestamp::now().as_second()).div_euclid(DAY))
    }

    /// Looks at the files every `period`, for ever. Failures are logged.
    pub async fn watch(self: Arc<Self>, period: Duration) {
        loop {
            tokio::time::sleep(period).await;
            match self.reload_if_changed() {
                Ok(false) => {}
                Ok(true) => tracing::info!(path = %self.certificate.display(), "certificate reloaded"),
                Err(error) => tracing::warn!(%error, "new certificate refused, the old one is kept"),
            }
        }
    }
}

impl ResolvesServerCert for ReloadingCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl fmt::Debug for ReloadingCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReloadingCertificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The last look at the certificate and its key.
struct Seen {
    files: [FileState; 2],
    /// They could not be read, for a reason that may go without a trace in them.
    is_unread: bool,
}

/// What tells one version of a file from the next: the time of change also
/// tells a new owner or mode. All zero when the file is absent.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
struct FileState {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    fn of(path: &Path) -> Self {
        let state = |file: std::fs::Metadata| Self {
            inode: file.ino(),
            length: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        };
        std::fs::metadata(path).map(state).unwrap_or_default()
    }
}

fn read_pair(certificate: &Path, private_key: &Path) -> Result<CertifiedKey, CertificateError> {
    let pem_error = |path: &Path| {
        let path = path.to_owned();
        move |source| CertificateError::Pem { path, source }
    };
    let chain = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(pem_error(certificate))?;
    let key = PrivateKeyDer::from_pem_slice(&read(private_key)?).map_err(pem_error(private_key))?;
    if chain.is_empty() {
        return Err(pem_error(certificate)(pem::Error::NoItemsFound));
    }
    CertifiedKey::from_der(chain, key, &default_provider())
        .map_err(|source| CertificateError::Pair { path: certificate.to_owned(), source })
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    std::fs::read(path).map(Zeroizing::new).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
}
