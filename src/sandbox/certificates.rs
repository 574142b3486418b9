//! A development certificate authority and the certificates it issues.
//!
//! The authority is constrained to loopback names (RFC 5280 4.2.1.10), so that
//! trusting it in a browser opens nothing else: not even a thief of its key can
//! impersonate a site.

use super::private_file;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PublicKeyData as _,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The names that every development certificate has.
pub const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const CA_DAYS: i64 = 3650;
const LEAF_DAYS: i64 = 90;
/// A leaf with less time left is issued anew.
const RENEW_BEFORE: Duration = Duration::from_hours(30 * 24);

/// An authority in a directory: `ca.pem`, `ca-key.pem` and what it issued.
pub struct DevCa {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate's files, as a server wants them.
#[derive(Clone, Debug)]
pub struct LeafFiles {
    /// PEM certificate.
    pub certificate: PathBuf,
    /// PEM key, PKCS #8, mode 0600.
    pub private_key: PathBuf,
}

impl DevCa {
    /// Takes up the authority in a directory, or makes one.
    ///
    /// # Errors
    /// Files that cannot be read, written or understood.
    pub fn open_or_create(directory: &Path) -> Result<Self> {
        private_file::create_dir(directory)?;
        let (certificate_file, key_file) = (directory.join("ca.pem"), directory.join("ca-key.pem"));
        let key = match (private_file::read(&certificate_file)?, private_file::read(&key_file)?) {
            (Some(_), Some(key)) => parse_key(&key).ok_or_else(|| broken(&key_file, "not a private key"))?,
            _ => create_authority(&certificate_file, &key_file)?,
        };
        Ok(Self { directory: directory.to_owned(), issuer: Issuer::new(authority(&key).map_err(Error::other)?, key) })
    }

    /// The authority's certificate, for clients to trust.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A server certificate `{name}.pem` with its key `{name}-key.pem`. One
    /// that is there stays when it is this authority's, has all the host names
    /// and thirty days left.
    ///
    /// # Errors
    /// Files that cannot be read or written, host names that are none.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> Result<LeafFiles> {
        let files = LeafFiles {
            certificate: self.directory.join(format!("{name}.pem")),
            private_key: self.directory.join(format!("{name}-key.pem")),
        };
        if !self.still_good(&files, hosts) {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::other)?;
            let certificate = leaf(hosts).and_then(|leaf| leaf.signed_by(&key, &self.issuer)).map_err(Error::other)?;
            // Certificate last: a reader that sees it sees its key too.
            private_file::write(&files.private_key, key.serialize_pem().as_bytes())?;
            private_file::write(&files.certificate, certificate.pem().as_bytes())?;
        }
        Ok(files)
    }

    fn still_good(&self, files: &LeafFiles, hosts: &[&str]) -> bool {
        let pair = crate::server::ReloadingCertificate::load(&files.certificate, &files.private_key);
        let verified = || -> std::result::Result<(), rustls::Error> {
            let read = |path| CertificateDer::from_pem_file(path).map_err(|_| rustls::Error::NoCertificatesPresented);
            let mut roots = RootCertStore::empty();
            roots.add(read(self.file())?)?;
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::new(default_provider()))
                .build()
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            let (certificate, later) = (read(files.certificate.clone())?, soon());
            for host in hosts {
                let host = ServerName::try_from(*host).map_err(|_| rustls::Error::UnsupportedNameType)?;
                verifier.verify_server_cert(&certificate, &[], &host, &[], later)?;
            }
            Ok(())
        };
        pair.is_ok() && verified().is_ok()
    }
}

fn soon() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + RENEW_BEFORE)
}

fn create_authority(certificate_file: &Path, key_file: &Path) -> Result<KeyPair> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::other)?;
    let certificate = authority(&key).and_then(|params| params.self_signed(&key)).map_err(Error::other)?;
    private_file::write(key_file, key.serialize_pem().as_bytes())?;
    private_file::write(certificate_file, certificate.pem().as_bytes())?;
    Ok(key)
}

/// The authority's parameters. The name follows from the key, so that two
/// authorities in one trust store are told apart, and the issuer of a leaf can
/// be named without parsing the authority's certificate.
fn authority(key: &KeyPair) -> std::result::Result<CertificateParams, rcgen::Error> {
    let fingerprint = HEXLOWER.encode(&digest(&SHA256, key.der_bytes()).as_ref()[..4]);
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, format!("vezne development CA {fingerprint}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix(Ipv4Addr::LOCALHOST.octets(), 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128)),
        ],
        excluded_subtrees: Vec::new(),
    });
    valid_for(&mut params, CA_DAYS)?;
    Ok(params)
}

fn leaf(hosts: &[&str]) -> std::result::Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(hosts.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, "vezne development");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid_for(&mut params, LEAF_DAYS)?;
    Ok(params)
}

/// From yesterday, for clocks that are behind.
fn valid_for(params: &mut CertificateParams, days: i64) -> std::result::Result<(), rcgen::Error> {
    let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let midnight = |date: Date| {
        let part = |number: i8| u8::try_from(number).map_err(|_| rcgen::Error::Time);
        Ok(rcgen::date_time_ymd(date.year().into(), part(date.month())?, part(date.day())?))
    };
    params.not_before = midnight(today.checked_sub(1.day()).map_err(|_| rcgen::Error::Time)?)?;
    params.not_after = midnight(today.checked_add(days.days()).map_err(|_| rcgen::Error::Time)?)?;
    Ok(())
}

fn parse_key(pem: &[u8]) -> Option<KeyPair> {
    std::str::from_utf8(pem).ok().and_then(|pem| KeyPair::from_pem(pem).ok())
}

fn broken(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("{}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::testing::TempDir;
    use std::fs;

    #[test]
    fn the_second_start_reuses_authority_and_leaf() {
        let directory = TempDir::new();
        let issue = || {
            let ca = DevCa::open_or_create(&directory).unwrap();
            let leaf = ca.issue("server", &LOOPBACK_NAMES).unwrap();
            (fs::read(ca.file()).unwrap(), fs::read(leaf.certificate).unwrap(), fs::read(leaf.private_key).unwrap())
        };
        assert_eq!(issue(), issue());
    }

    #[test]
    fn a_leaf_is_issued_anew_for_other_names_another_key_or_another_authority() {
        let directory = TempDir::new();
        let ca = DevCa::open_or_create(&directory).unwrap();
        let files = ca.issue("server", &["localhost"]).unwrap();
        let now = || fs::read(&files.certificate).unwrap();
        let first = now();
        ca.issue("server", &LOOPBACK_NAMES).unwrap();
        let second = now();
        assert_ne!(first, second);

        fs::write(&files.private_key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
        ca.issue("server", &LOOPBACK_NAMES).unwrap();
        let third = now();
        assert_ne!(second, third);

        fs::remove_file(directory.join("ca-key.pem")).unwrap();
        DevCa::open_or_create(&directory).unwrap().issue("server", &LOOPBACK_NAMES).unwrap();
        assert_ne!(third, now());
    }

    #[test]
    fn the_authority_vouches_for_loopback_only() {
        let directory = TempDir::new();
        let ca = DevCa::open_or_create(&directory).unwrap();
        let good = ca.issue("server", &LOOPBACK_NAMES).unwrap();
        assert!(ca.still_good(&good, &LOOPBACK_NAMES));
        assert!(!ca.still_good(&good, &["192.0.2.1"]));
        for host in ["example.com", "192.0.2.1"] {
            let files = ca.issue("elsewhere", &[host]).unwrap();
            assert!(!ca.still_good(&files, &[host]), "{host} is outside the name constraints");
        }
    }

    #[test]
    fn a_broken_authority_is_named_and_left_alone() {
        let directory = TempDir::new();
        DevCa::open_or_create(&directory).unwrap();
        fs::write(directory.join("ca-key.pem"), "nonsense").unwrap();
        let error = DevCa::open_or_create(&directory).err().unwrap().to_string();
        assert!(error.contains("ca-key.pem"), "{error}");
    }
}
