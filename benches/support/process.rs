//! What Linux says of a process.

use std::fs;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Ticks a second in `/proc`; the same on every architecture Linux runs containers on.
const TICKS: u64 = 100;

/// Processor time that a process has used, all its threads and those that have ended included.
pub fn processor_time(process: u32) -> Duration {
    let stat = read(process, "stat");
    // The command's name is in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11..=12].iter().map(|field| field.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(ticks * 1_000 / TICKS)
}

/// Processor time that this process has used.
pub fn own_processor_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("not negative")
}

/// Bytes a process caused to be written to disks.
pub fn bytes_written(process: u32) -> u64 {
    field(&read(process, "io"), "write_bytes:")
}

/// Resident memory, in bytes.
pub fn resident(process: u32) -> u64 {
    field(&read(process, "status"), "VmRSS:") * 1024
}

fn read(process: u32, what: &str) -> String {
    fs::read_to_string(format!("/proc/{process}/{what}")).expect("the process runs")
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|first| first.parse().ok()).expect("a number")
}
