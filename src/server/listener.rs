//! Listening sockets: bound here, or handed over by the parent process.

use rustix::io::Errno;
use rustix::net::sockopt::{self, socket_acceptconn};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;

/// Connections that the kernel keeps waiting while every worker is busy.
const BACKLOG: i32 = 2048;

/// Binds every address, or none.
///
/// # Errors
/// The system's error with the address that it was about.
pub fn bind(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>> {
    addresses.iter().map(bind_one).collect()
}

fn bind_one(address: &SocketAddr) -> Result<TcpListener> {
    let about = |errno: Errno| {
        let error = Error::from(errno);
        Error::new(error.kind(), format!("cannot listen on {address}: {error}"))
    };
    open(address).map_err(about)
}

/// What the standard library does, with a longer backlog, and with `[::]`
/// meaning IPv6 alone: the same port on `0.0.0.0` is then free to be listed, too.
fn open(address: &SocketAddr) -> std::result::Result<TcpListener, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}

/// The sockets of a process that may have been handed one: see [`stdin_listener`].
///
/// # Errors
/// As [`bind`] and [`stdin_listener`].
pub fn bind_or_stdin(from_stdin: bool, addresses: &[SocketAddr]) -> Result<Vec<TcpListener>> {
    if from_stdin { stdin_listener().map(|listener| vec![listener]) } else { bind(addresses) }
}

/// The listening socket that a parent process handed over as standard input,
/// as inetd does. Port 0 is then chosen by the parent, which knows the port
/// before the child starts, and nobody can take it in between. Standard input
/// is empty afterwards: call this once.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] when standard input is no listening TCP socket.
pub fn stdin_listener() -> Result<TcpListener> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned()?;
    if !socket_acceptconn(&stdin).unwrap_or(false) {
        return Err(Error::new(ErrorKind::InvalidInput, "standard input is not a listening socket"));
    }
    let listener = TcpListener::from(stdin);
    listener
        .local_addr()
        .map_err(|_| Error::new(ErrorKind::InvalidInput, "standard input is a socket, but not a TCP one"))?;
    // Otherwise the port would stay open after the server has closed its socket to drain.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let taken = bind(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let address = taken[0].local_addr().unwrap();
        let error = bind(&[address]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    #[test]
    fn one_port_serves_both_families() {
        let v4 = bind(&["0.0.0.0:0".parse().unwrap()]).unwrap();
        let port = v4[0].local_addr().unwrap().port();
        assert!(bind(&[format!("[::]:{port}").parse().unwrap()]).is_ok());
    }

    #[test]
    fn several_addresses_are_all_bound() {
        let addresses = ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
        let bound = bind(&addresses).unwrap();
        assert!(bound[0].local_addr().unwrap().is_ipv4() && bound[1].local_addr().unwrap().is_ipv6());
    }
}
