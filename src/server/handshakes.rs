//! How many TLS handshakes one client may have under way.

use crate::hardening::limits::subscriber;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

/// Handshakes under way on one worker, by client: an IPv4 address, or an IPv6
/// /64, which is what one subscriber has (RFC 6177). Clients without any take
/// no memory.
#[derive(Clone)]
pub(super) struct Handshakes {
    per_client: usize,
    under_way: Rc<RefCell<HashMap<IpAddr, usize>>>,
}

impl Handshakes {
    /// At most this many for each client.
    pub fn new(per_client: usize) -> Self {
        Self { per_client, under_way: Rc::default() }
    }

    /// A place for one more handshake, until it is dropped. None when the client has all of its places.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let client = subscriber(address);
        let mut under_way = self.under_way.borrow_mut();
        let count = under_way.entry(client).or_default();
        if *count >= self.per_client {
            return None;
        }
        *count += 1;
        Some(Place { client, under_way: Rc::clone(&self.under_way) })
    }
}

/// One handshake's place, given back on drop.
pub(super) struct Place {
    client: IpAddr,
    under_way: Rc<RefCell<HashMap<IpAddr, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.under_way.borrow_mut();
        match under_way.get_mut(&self.client) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(under_way.remove(&self.client)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_gets_its_places_and_its_neighbour_gets_others() {
        let handshakes = Handshakes::new(2);
        let places = [(); 2].map(|()| handshakes.enter(client("192.0.2.1")).unwrap());
        assert!(handshakes.enter(client("192.0.2.1")).is_none());
        assert!(handshakes.enter(client("::ffff:192.0.2.1")).is_none(), "the same client");
        assert!(handshakes.enter(client("192.0.2.2")).is_some());
        let [first, second] = places;
        drop(first);
        let third = handshakes.enter(client("192.0.2.1")).unwrap();
        assert!(handshakes.enter(client("192.0.2.1")).is_none());
        drop((second, third));
        assert!(handshakes.under_way.borrow().is_empty(), "nothing is kept of clients that are gone");
    }

    #[test]
    fn an_ipv6_subscriber_is_one_client() {
        let handshakes = Handshakes::new(1);
        let _place = handshakes.enter(client("2001:db8::1")).unwrap();
        assert!(handshakes.enter(client("2001:db8::2:0:0:1")).is_none());
        assert!(handshakes.enter(client("2001:db8:0:1::1")).is_some());
    }
}
