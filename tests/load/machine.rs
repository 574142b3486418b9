//! The machine under a run: what it is, how busy others keep it, what a
//! durable write costs on its disk.

use crate::Outcome;
use crate::report::median;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

/// `USER_HZ`, 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;
const FSYNCS: usize = 200;

/// Cores, processor and kernel on one line.
pub fn description() -> Outcome<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!("{cores} × {}, Linux {}", model.map_or("unknown processor", |(_, name)| name), kernel.trim()))
}

/// Seconds on the processors of everything together (proc(5), `/proc/stat`).
pub fn cpu() -> Outcome<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let first = stat.lines().next().ok_or("/proc/stat is empty")?;
    let ticks: Vec<u32> = first.split_whitespace().skip(1).map(str::parse).collect::<Result<_, _>>()?;
    // user nice system idle iowait irq softirq steal: all but idle and iowait.
    let busy = ticks.iter().take(8).enumerate().filter(|(index, _)| ![3, 4].contains(index));
    Ok(busy.map(|(_, ticks)| f64::from(*ticks) / TICKS_PER_SECOND).sum())
}

/// The median time of an appended page and its `fdatasync`, in microseconds.
pub fn fsync_us(folder: &Path) -> Outcome<f64> {
    let path = folder.join("fsync");
    let mut file = File::create(&path)?;
    let mut write = || -> Outcome<f64> {
        let begin = Instant::now();
        file.write_all(&[0x5a; 4096])?;
        file.sync_data()?;
        Ok(begin.elapsed().as_secs_f64() * 1e6)
    };
    let times = (0..FSYNCS).map(|_| write()).collect::<Outcome<Vec<_>>>()?;
    fs::remove_file(&path)?;
    Ok(median(times))
}
