//! Listening sockets: bound here, or handed over by the parent process.

use rustix::net::sockopt::socket_acceptconn;
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
    let about = |error: Error| Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).map_err(about)?;
    // The standard library listens with a short backlog; a second call lengthens it.
    rustix::net::listen(&listener, BACKLOG).map_err(|errno| about(errno.into()))?;
    Ok(listener)
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
    fn several_addresses_are_all_bound() {
        let addresses = ["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()];
        let bound = bind(&addresses).unwrap();
        assert!(bound[0].local_addr().unwrap().is_ipv4() && bound[1].local_addr().unwrap().is_ipv6());
    }
}
