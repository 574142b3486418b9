//! A server that this run started: what it costs by `/proc`, and its end.

use crate::Outcome;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::{Child, Command, Stdio};

/// The unit of the times in `/proc/PID/stat`: `USER_HZ`, 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
/// The core that servers run on; the generator and the upstream have the other.
const SERVER_CORE: &str = "0";

/// Ended with the value.
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts a program on the servers' core. It ends with this process, too,
    /// however that ends.
    pub fn start(program: &str, arguments: &[&str], stdin: Stdio) -> Outcome<Self> {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "taskset", "--cpu-list", SERVER_CORE, program]);
        let child = command.args(arguments).stdin(stdin).spawn();
        Ok(Self { child: child.map_err(|error| format!("setpriv: {error}"))? })
    }

    /// Seconds on the processor so far, in user mode and in the kernel, of the
    /// process and its children.
    pub fn cpu(&self) -> Outcome<f64> {
        Ok(self.family()?.iter().map(Stat::cpu).sum())
    }

    /// Resident memory of the process and its children, in KiB. Pages that they
    /// share count for each.
    pub fn resident_kib(&self) -> Outcome<u64> {
        let of = |stat: Stat| -> Outcome<u64> {
            let status = fs::read_to_string(format!("/proc/{}/status", stat.pid))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
            Ok(line.trim_end_matches("kB").trim().parse()?)
        };
        self.family()?.into_iter().map(of).sum()
    }

    fn family(&self) -> Outcome<Vec<Stat>> {
        let parent = Stat::read(self.child.id()).ok_or("a server has ended early")?;
        let numbers = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let parent_pid = parent.pid;
        let children = numbers.filter_map(Stat::read).filter(|stat| stat.parent == parent_pid);
        Ok(std::iter::once(parent).chain(children).collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // One that has ended already is none to end.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

/// Seconds on the processor of this process: the generator, and the upstream's
/// thread in it.
pub fn own_cpu() -> Outcome<f64> {
    Ok(Stat::read(std::process::id()).ok_or("/proc/self/stat cannot be read")?.cpu())
}

/// Part of one process's `/proc/PID/stat` (proc(5)).
struct Stat {
    pid: u32,
    parent: u32,
    user_ticks: u32,
    kernel_ticks: u32,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field, the name, may have blanks: fields count from its end.
        let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
        let number = |field: usize| fields.get(field - 3)?.parse().ok();
        Some(Self { pid, parent: number(4)?, user_ticks: number(14)?, kernel_ticks: number(15)? })
    }

    fn cpu(&self) -> f64 {
        f64::from(self.user_ticks + self.kernel_ticks) / TICKS_PER_SECOND
    }
}
