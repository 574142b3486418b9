//! Which addresses a merchant's callback may reach: public ones, and what the
//! operator allowed on top; and at which ports.
//!
//! The tables follow the IANA special-purpose address registries (RFC 6890 and
//! its updates). Where a registry carves a reachable exception out of a larger
//! reserved block, the whole block stays refused: nobody receives callbacks there.

use crate::config::EgressConfig;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// The address is neither public nor allowed by `egress.allow`.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the address {address} is not public")]
pub struct Refused {
    /// The address as it was judged: IPv4-mapped IPv6 shows its IPv4.
    pub address: IpAddr,
}

/// Judges addresses at connect time, after the name was looked up, so that a
/// name that changes its address between check and use gains nothing.
#[derive(Clone, Debug)]
pub struct AddressGuard {
    allow: Vec<IpNet>,
    ports: Vec<u16>,
}

impl AddressGuard {
    /// A guard with the operator's exceptions and ports.
    #[must_use]
    pub fn new(config: &EgressConfig) -> Self {
        Self { allow: config.allow.clone(), ports: config.ports.clone() }
    }

    /// Whether callbacks may go to this TCP port.
    #[must_use]
    pub fn allows_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    /// Lets globally reachable unicast addresses and allowed networks through.
    ///
    /// # Errors
    /// [`Refused`] for everything else.
    pub fn check(&self, address: IpAddr) -> Result<(), Refused> {
        let address = address.to_canonical();
        if is_public(address) || self.allow.iter().any(|net| net.contains(&address)) {
            return Ok(());
        }
        Err(Refused { address })
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            GLOBAL_UNICAST_V6.contains(&address) && !SPECIAL_V6.iter().any(|net| net.contains(&address))
        }
    }
}

/// IPv4 blocks that are not globally reachable unicast.
const SPECIAL_V4: &[Ipv4Net] = &[
    v4([0, 0, 0, 0], 8),       // this network
    v4([10, 0, 0, 0], 8),      // private use
    v4([100, 64, 0, 0], 10),   // shared address space of carriers
    v4([127, 0, 0, 0], 8),     // loopback
    v4([169, 254, 0, 0], 16),  // link-local, where clouds keep their metadata service
    v4([172, 16, 0, 0], 12),   // private use
    v4([192, 0, 0, 0], 24),    // IETF protocol assignments
    v4([192, 0, 2, 0], 24),    // documentation
    v4([192, 88, 99, 0], 24),  // 6to4 relay anycast, deprecated
    v4([192, 168, 0, 0], 16),  // private use
    v4([198, 18, 0, 0], 15),   // benchmarking
    v4([198, 51, 100, 0], 24), // documentation
    v4([203, 0, 113, 0], 24),  // documentation
    v4([224, 0, 0, 0], 4),     // multicast
    v4([240, 0, 0, 0], 4),     // reserved, and the limited broadcast address
];

/// The only block that IANA assigns global unicast from. Outside of it lie
/// loopback, unspecified, IPv4-compatible, NAT64, discard-only, segment routing,
/// unique local, link-local, site-local and multicast addresses.
const GLOBAL_UNICAST_V6: Ipv6Net = v6([0x2000, 0, 0], 3);

/// Blocks inside [`GLOBAL_UNICAST_V6`] that are not globally reachable unicast,
/// or that smuggle an IPv4 address past its own table.
const SPECIAL_V6: &[Ipv6Net] = &[
    v6([0x2001, 0, 0], 23),     // IETF protocol assignments: Teredo, benchmarking, ORCHID and others
    v6([0x2001, 0xdb8, 0], 32), // documentation
    v6([0x2002, 0, 0], 16),     // 6to4
    v6([0x3fff, 0, 0], 20),     // documentation
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c]: [u16; 3], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(address: &str) -> bool {
        AddressGuard::new(&EgressConfig::default()).check(address.parse().unwrap()).is_ok()
    }

    /// Each row: the last address before a refused block, its first, its last,
    /// the first behind it. `-` where the neighbor is refused for itself.
    const EDGES: &[[&str; 4]] = &[
        ["-", "0.0.0.0", "0.255.255.255", "1.0.0.0"],
        ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
        ["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"],
        ["126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"],
        ["169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"],
        ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"],
        ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
        ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
        ["192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"],
        ["192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"],
        ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
        ["198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"],
        ["203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"],
        ["223.255.255.255", "224.0.0.0", "239.255.255.255", "-"],
        ["-", "240.0.0.0", "255.255.255.255", "-"],
        ["-", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"],
        ["2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"],
        [
            "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db8::",
            "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
            "2001:db9::",
        ],
        ["2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"],
        ["3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"],
        ["3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "-"],
    ];

    #[test]
    fn both_edges_of_every_block() {
        for [before, first, last, behind] in EDGES {
            for neighbor in [before, behind] {
                assert!(*neighbor == "-" || public(neighbor), "{neighbor} should pass");
            }
            for inside in [first, last] {
                assert!(!public(inside), "{inside} should be refused");
            }
        }
    }

    #[test]
    fn the_addresses_attackers_try() {
        let refused = [
            "169.254.169.254",
            "255.255.255.255",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::7f00:1",
            "100::1",
            "2001::1",
            "2001:0:a9fe:a9fe::",
            "2002:7f00:1::",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ];
        for address in refused {
            assert!(!public(address), "{address}");
        }
    }

    #[test]
    fn public_addresses_pass_mapped_or_not() {
        for address in ["1.1.1.1", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111", "2a00:1450:4001::200e"] {
            assert!(public(address), "{address}");
        }
    }

    #[test]
    fn the_operator_allows_exactly_what_was_named() {
        let allow = vec!["10.1.2.0/24".parse().unwrap(), "fd12::/16".parse().unwrap()];
        let guard = AddressGuard::new(&EgressConfig { allow, ..EgressConfig::default() });
        for address in ["10.1.2.0", "10.1.2.255", "::ffff:10.1.2.3", "fd12::1"] {
            assert_eq!(guard.check(address.parse().unwrap()), Ok(()), "{address}");
        }
        for address in ["10.1.1.255", "10.1.3.0", "::10.1.2.3", "fd13::1", "127.0.0.1"] {
            assert!(guard.check(address.parse().unwrap()).is_err(), "{address}");
        }
    }
}
