//! Whether everything has ended that was asked of the process: seen from
//! outside, by what the kernel and the store say.

use crate::Outcome;
use crate::client::PATIENCE;
use crate::instance::Instance;
use crate::upstream::Upstream;
use rusqlite::{Connection, OpenFlags};
use std::collections::HashSet;
use std::fs;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Looks in a row that must show every thread asleep.
const LOOKS: usize = 3;
const PAUSE: Duration = Duration::from_millis(5);

/// States of `/proc/net/tcp` (the kernel's `include/net/tcp_states.h`).
const LISTEN: &str = "0A";
/// Those in which a connection may wait to be accepted.
const WAITING: [&str; 3] = ["01", "03", "08"];

/// Resolves once no more than `left` connections are left at the window's port
/// and as many sessions claimed by a submit, with none left no call is under way
/// at the upstream, and all threads sleep: whatever has ended by then has freed
/// what it held.
pub async fn ended(instance: &Instance, upstream: &Upstream, left: usize) -> Outcome<()> {
    if left == 0 {
        upstream.idle().await?;
    }
    let store = Connection::open_with_flags(instance.store(), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let count_claimed = || -> Outcome<u32> {
        Ok(store.query_row("SELECT count(*) FROM sessions WHERE status = 'claimed'", [], |row| row.get(0))?)
    };
    let deadline = Instant::now() + PATIENCE;
    let mut looks = 0;
    while looks < LOOKS {
        let open = connections(instance)?;
        let quiet = open <= left && count_claimed()? as usize <= left && all_asleep(instance.pid())?;
        looks = if quiet { looks + 1 } else { 0 };
        if Instant::now() > deadline {
            return Err(format!("{open} connections do not end").into());
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Connections at the window's port that the process has, or is yet to accept.
fn connections(instance: &Instance) -> Outcome<usize> {
    let port = format!(":{:04X}", instance.address.port());
    let sockets = sockets(instance.pid())?;
    let table = fs::read_to_string(format!("/proc/{}/net/tcp", instance.pid()))?;
    let is_open = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, state, _, _, _, _, _, inode, ..] = fields[..] else { return false };
        local.ends_with(&port)
            && state != LISTEN
            && (sockets.contains(inode) || inode == "0" && WAITING.contains(&state))
    };
    Ok(table.lines().skip(1).filter(is_open).count())
}

/// The inodes of the process's sockets.
fn sockets(pid: u32) -> Outcome<HashSet<String>> {
    let links = fs::read_dir(format!("/proc/{pid}/fd"))?.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let inode = |link: std::path::PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
    Ok(links.filter_map(inode).collect())
}

/// Whether every thread waits for something (proc(5), `/proc/PID/task/TID/stat`).
fn all_asleep(pid: u32) -> Outcome<bool> {
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let Ok(stat) = fs::read_to_string(task?.path().join("stat")) else { continue };
        if stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('S')) {
            return Ok(false);
        }
    }
    Ok(true)
}
