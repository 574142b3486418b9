//! Whether our connections have ended on the server's side:
//! `/proc/PID/net/tcp` (`proc_pid_net(5)`).

use std::fs;
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than any deadline of the form.
const PATIENCE: Duration = Duration::from_secs(20);
/// A connection of which only the address is remembered.
const TIME_WAIT: &str = "06";

/// Waits until the server's port has no connection from any of ours.
pub fn wait_for_end(pid: u32, server: u16, ports: &[u16]) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while is_any_open(pid, server, ports)? {
        if Instant::now() > deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the window does not let go of them"));
        }
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn is_any_open(pid: u32, server: u16, ports: &[u16]) -> io::Result<bool> {
    for table in ["tcp", "tcp6"] {
        let rows = match fs::read_to_string(format!("/proc/{pid}/net/{table}")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            rows => rows?,
        };
        if rows.lines().skip(1).any(|row| is_open(row, server, ports)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a row is the server's end of one of them. The table has every
/// connection of the machine, so both ports must fit.
fn is_open(row: &str, server: u16, ports: &[u16]) -> bool {
    let mut fields = row.split_whitespace().skip(1);
    let mut port = || u16::from_str_radix(fields.next()?.rsplit_once(':')?.1, 16).ok();
    let (local, remote) = (port(), port());
    local == Some(server) && remote.is_some_and(|port| ports.contains(&port)) && fields.next() != Some(TIME_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_end_of_an_open_connection_is_known() {
        let row = "  12: 0100007F:20FB 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 123";
        assert!(is_open(row, 0x20fb, &[0xd431]));
        assert!(!is_open(row, 0xd431, &[0x20fb]), "our own end is not the server's");
        assert!(!is_open(row, 0x20fc, &[0xd431]), "another server's");
        assert!(!is_open(&row.replace(" 01 ", " 06 "), 0x20fb, &[0xd431]));
    }
}
