//! A name server on loopback that gives every name the address it was told last.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Length of a DNS message's header (RFC 1035 section 4.1.1).
const HEADER: usize = 12;

pub struct NameServer {
    address: SocketAddr,
    answer: Arc<Mutex<Ipv4Addr>>,
    stop: Arc<AtomicBool>,
}

impl NameServer {
    pub fn start(answer: Ipv4Addr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let address = socket.local_addr().unwrap();
        let answer = Arc::new(Mutex::new(answer));
        let stop = Arc::new(AtomicBool::new(false));
        let (told, stopped) = (Arc::clone(&answer), Arc::clone(&stop));
        thread::spawn(move || {
            let mut packet = [0; 512];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut packet) else { continue };
                let reply = reply(&packet[..length], *told.lock().unwrap());
                socket.send_to(&reply, client).unwrap();
            }
        });
        Self { address, answer, stop }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Every name has this address from now on.
    pub fn now_says(&self, address: Ipv4Addr) {
        *self.answer.lock().unwrap() = address;
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// One A record that nobody may keep; nothing for other types.
fn reply(question: &[u8], address: Ipv4Addr) -> Vec<u8> {
    let end = HEADER + question[HEADER..].iter().position(|&byte| byte == 0).unwrap() + 5;
    let is_a = question[end - 4..end - 2] == [0, 1];
    let mut reply = question[..end].to_vec();
    reply[2..HEADER].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
    if is_a {
        reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        reply.extend_from_slice(&address.octets());
    }
    reply
}
