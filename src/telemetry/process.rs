//! What the controller's own process uses, under the
//! [names that all clients of Prometheus share](https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics).

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use super::text::{Kind, Page, Value};

/// What a process uses. What cannot be read is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// Processor time since its start, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Memory that is not swapped out, in bytes.
    pub resident_bytes: Option<u64>,
    /// Open files and sockets.
    pub open_files: Option<u64>,
}

impl Process {
    /// What this process uses now.
    pub fn own() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = u64::try_from(cpu.tv_sec).ok().zip(u32::try_from(cpu.tv_nsec).ok());
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            cpu_seconds: cpu.map(|(seconds, nanos)| std::time::Duration::new(seconds, nanos).as_secs_f64()),
            resident_bytes: resident(&status),
            // Reading the list takes one more.
            open_files: fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1)),
        }
    }
}

/// In bytes, from `VmRSS` of `/proc/PID/status`, which is in kibibytes.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

pub(super) fn write(process: &Process, page: &mut Page) {
    let metrics = [
        (
            "process_cpu_seconds_total",
            Kind::Counter,
            "Processor time of the controller.",
            process.cpu_seconds.map(Value::from),
        ),
        (
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Memory of the controller.",
            process.resident_bytes.map(Value::from),
        ),
        (
            "process_open_fds",
            Kind::Gauge,
            "Open files and sockets of the controller.",
            process.open_files.map(Value::from),
        ),
    ];
    for (name, kind, help, value) in metrics {
        page.metric(name, kind, help, |samples| samples.add(&[], value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let memory = vec![1_u8; 64 << 20];
        let files: Vec<fs::File> = (0..50).map(|_| fs::File::open("/dev/null").expect("a file")).collect();
        let own = Process::own();
        // Other tests of this process use something, too.
        assert!(own.cpu_seconds > Some(0.0) && own.resident_bytes >= Some(48 << 20), "{own:?}");
        assert!(own.open_files >= Some(50), "{own:?}");
        drop((memory, files));
    }

    #[test]
    fn a_status_without_memory_has_none() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    7304 kB\nThreads:\t1\n"), Some(7304 * 1024));
        assert_eq!(resident("Name:\tx\n"), None);
        assert_eq!(resident("VmRSS:\t many kB\n"), None);
    }
}
