//! The client's address from a balancer that works at layer 4: PROXY protocol,
//! version 2 (haproxy's proxy-protocol.txt, section 2.2).
//!
//! ```text
//!  0             12      13       14      16             16 + length
//! ┌──────────────┬───────┬────────┬───────┬──────────────┐
//! │ signature    │ 2 cmd │ family │ length│ addresses,   │ TLS
//! │              │       │        │       │ extensions   │
//! └──────────────┴───────┴────────┴───────┴──────────────┘
//! ```
//!
//! Read from configured peers only, and from them always: a peer that leaves the
//! header out, or sends version 1, is refused, and from anybody else the same
//! bytes are taken as TLS. It comes before the handshake: not one byte after it
//! is read here, and nothing of it is kept but the address.

use ipnet::IpNet;
use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What every header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, command, family, length.
const FIXED: usize = 16;
/// Longest rest of a header: addresses have 36 bytes, extensions some hundred.
const LONGEST: usize = 1024;
/// Two IPv4 addresses and ports; two IPv6 ones.
const TCP4: usize = 12;
const TCP6: usize = 36;

/// Why a header is not believed.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ProxyFault {
    /// Something else than a version 2 header.
    #[error("there is no PROXY protocol header of version 2")]
    Signature,
    /// A version or command that version 2 does not have.
    #[error("the header's command is unknown")]
    Command,
    /// Neither TCP over IPv4 nor over IPv6.
    #[error("the header is not about TCP over IPv4 or IPv6")]
    Family,
    /// Too short for its addresses, or longer than anybody needs.
    #[error("the header's length does not fit")]
    Length,
}

impl ProxyFault {
    /// A fixed word for logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Command => "command",
            Self::Family => "family",
            Self::Length => "length",
        }
    }
}

/// Whose address a connection has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A client's, behind the peer.
    Client(SocketAddr),
    /// The peer's own: its health check (`LOCAL`).
    Peer,
}

/// The header without its rest.
#[derive(Clone, Copy)]
struct Fixed {
    family: Family,
    length: usize,
}

#[derive(Clone, Copy)]
enum Family {
    Local,
    Tcp4,
    Tcp6,
}

impl Fixed {
    fn parse(bytes: &[u8; FIXED]) -> Result<Self, ProxyFault> {
        if bytes[..12] != SIGNATURE {
            return Err(ProxyFault::Signature);
        }
        let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
        let (family, least) = match (bytes[12], bytes[13]) {
            // Whatever a LOCAL header says of addresses is to be skipped.
            (0x20, _) => (Family::Local, 0),
            (0x21, 0x11) => (Family::Tcp4, TCP4),
            (0x21, 0x21) => (Family::Tcp6, TCP6),
            (0x21, _) => return Err(ProxyFault::Family),
            _ => return Err(ProxyFault::Command),
        };
        if (least..=LONGEST).contains(&length) { Ok(Self { family, length }) } else { Err(ProxyFault::Length) }
    }

    /// The source address; the extensions behind the addresses are skipped.
    fn origin(self, rest: &[u8]) -> Result<Origin, ProxyFault> {
        let (address, port) = match self.family {
            Family::Local => return Ok(Origin::Peer),
            Family::Tcp4 => (IpAddr::from(Ipv4Addr::from(array::<4>(rest, 0)?)), array(rest, 8)?),
            Family::Tcp6 => (IpAddr::from(Ipv6Addr::from(array::<16>(rest, 0)?)), array(rest, 32)?),
        };
        Ok(Origin::Client(SocketAddr::new(address.to_canonical(), u16::from_be_bytes(port))))
    }
}

fn array<const N: usize>(bytes: &[u8], from: usize) -> Result<[u8; N], ProxyFault> {
    bytes.get(from..from + N).and_then(|part| part.try_into().ok()).ok_or(ProxyFault::Length)
}

/// Reads a header that is there as a whole; what it says, and how long it is.
///
/// # Errors
/// [`ProxyFault`]; of one that is cut off, [`ProxyFault::Length`].
pub fn parse(bytes: &[u8]) -> Result<(Origin, usize), ProxyFault> {
    let fixed = Fixed::parse(&array(bytes, 0)?)?;
    let end = FIXED + fixed.length;
    let rest = bytes.get(FIXED..end).ok_or(ProxyFault::Length)?;
    Ok((fixed.origin(rest)?, end))
}

/// Reads exactly one header from a stream. The caller sets the deadline.
///
/// # Errors
/// The stream's, or [`ProxyFault`] as [`ErrorKind::InvalidData`].
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Origin, Error> {
    let refuse = |fault| Error::new(ErrorKind::InvalidData, fault);
    let mut fixed = [0; FIXED];
    stream.read_exact(&mut fixed).await?;
    let fixed = Fixed::parse(&fixed).map_err(refuse)?;
    let mut rest = [0; LONGEST];
    let rest = &mut rest[..fixed.length];
    stream.read_exact(rest).await?;
    fixed.origin(rest).map_err(refuse)
}

/// The peers that a header is read from.
#[derive(Clone, Debug, Default)]
pub struct ProxyPeers(Arc<[IpNet]>);

impl ProxyPeers {
    /// Peers with an address in one of these networks.
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    /// Whether this peer sends a header.
    #[must_use]
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(&peer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of the specification: signature, version and command, family, length, rest.
    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    /// 192.0.2.7:51234 to 198.51.100.1:443.
    const V4: [u8; 12] = [192, 0, 2, 7, 198, 51, 100, 1, 0xC8, 0x22, 0x01, 0xBB];

    fn v6(source: &str) -> Vec<u8> {
        let mut rest = source.parse::<Ipv6Addr>().unwrap().octets().to_vec();
        rest.extend("2001:db8::2".parse::<Ipv6Addr>().unwrap().octets());
        rest.extend([0xC8, 0x22, 0x01, 0xBB]);
        rest
    }

    fn client(text: &str) -> Origin {
        Origin::Client(text.parse().unwrap())
    }

    #[test]
    fn a_tcp_header_names_the_client() {
        assert_eq!(parse(&header(0x21, 0x11, &V4)), Ok((client("192.0.2.7:51234"), 28)));
        assert_eq!(parse(&header(0x21, 0x21, &v6("2001:db8::1"))), Ok((client("[2001:db8::1]:51234"), 52)));
        assert_eq!(parse(&header(0x21, 0x21, &v6("::ffff:192.0.2.7"))), Ok((client("192.0.2.7:51234"), 52)));
    }

    #[test]
    fn a_health_check_is_the_peers_own() {
        for (family, rest) in [(0x00, &[][..]), (0x11, &V4), (0x31, &[7; 216])] {
            assert_eq!(parse(&header(0x20, family, rest)), Ok((Origin::Peer, 16 + rest.len())));
        }
    }

    #[test]
    fn extensions_are_skipped() {
        // ALPN, a checksum, a name, padding, and a type that nobody knows; one that lies about its length.
        let extensions =
            [&[0x01, 0, 2, b'h', b'2'][..], &[0x03, 0, 4, 1, 2, 3, 4], &[0xEA, 0, 1, 9], &[0x04, 0, 0], &[0xFF, 0xFF]];
        let rest = [&V4[..], &extensions.concat()].concat();
        assert_eq!(parse(&header(0x21, 0x11, &rest)), Ok((client("192.0.2.7:51234"), 16 + rest.len())));
    }

    #[test]
    fn what_is_no_such_header_is_refused() {
        let rows = [
            (b"PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n".to_vec(), ProxyFault::Signature),
            ([&[0x16, 0x03, 0x01, 0x02, 0x00][..], &[0; 64]].concat(), ProxyFault::Signature),
            (header(0x11, 0x11, &V4), ProxyFault::Command),
            (header(0x22, 0x11, &V4), ProxyFault::Command),
            (header(0x31, 0x11, &V4), ProxyFault::Command),
            (header(0x21, 0x00, &[]), ProxyFault::Family),
            (header(0x21, 0x12, &V4), ProxyFault::Family),
            (header(0x21, 0x31, &[0; 216]), ProxyFault::Family),
            (header(0x21, 0x11, &V4[..11]), ProxyFault::Length),
            (header(0x21, 0x21, &V4), ProxyFault::Length),
            (header(0x21, 0x11, &[0; 1025]), ProxyFault::Length),
            (header(0x20, 0x00, &[0; 1025]), ProxyFault::Length),
        ];
        for (bytes, fault) in rows {
            assert_eq!(parse(&bytes), Err(fault), "{bytes:?}");
        }
        let whole = header(0x21, 0x11, &V4);
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), Err(ProxyFault::Length), "cut at {end}");
        }
    }

    #[tokio::test]
    async fn not_one_byte_behind_the_header_is_read() {
        let mut stream = std::io::Cursor::new([&header(0x21, 0x11, &V4)[..], b"\x16\x03\x01"].concat());
        assert_eq!(read(&mut stream).await.unwrap(), client("192.0.2.7:51234"));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"\x16\x03\x01");
        let refused = read(&mut std::io::Cursor::new(b"GET / HTTP/1.1\r\n\r\n")).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn a_peer_is_known_by_its_network() {
        let peers = ProxyPeers::new(&["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        for (address, known) in
            [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("fd00::1", true), ("11.0.0.1", false), ("::1", false)]
        {
            assert_eq!(peers.contains(address.parse().unwrap()), known, "{address}");
        }
        assert!(!ProxyPeers::default().contains("127.0.0.1".parse().unwrap()));
    }
}
