//! What the machine has: what percentages are of where a workspace has no limit.

use std::path::Path;

use super::cgroup::text;

/// What a machine has; `None` where it does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Capacity {
    /// Processors.
    pub cores: Option<f64>,
    /// Memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// The most processes and threads.
    pub pids: Option<u64>,
}

impl Capacity {
    /// Of this machine, from below `/proc`.
    pub(super) fn read(proc: &Path) -> Self {
        let read = |file: &str| std::fs::read_to_string(proc.join(file)).unwrap_or_default();
        Self {
            cores: processors(&read("stat")),
            memory_bytes: text::field(&read("meminfo"), "MemTotal:").map(|kibibytes| kibibytes * 1024),
            pids: text::number(&read("sys/kernel/pid_max")),
        }
    }
}

/// The processors that `proc_stat(5)` lists: `cpu0`, `cpu1`, …
fn processors(stat: &str) -> Option<f64> {
    let is_processor =
        |line: &&str| line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let count = u32::try_from(stat.lines().filter(is_processor).count()).ok()?;
    (count > 0).then_some(f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_tells_what_it_has() {
        let proc = tempfile::tempdir().expect("a directory");
        let write = |file: &str, text: &str| {
            let path = proc.path().join(file);
            std::fs::create_dir_all(path.parent().expect("below")).expect("made");
            std::fs::write(path, text).expect("written");
        };
        assert_eq!(Capacity::read(proc.path()), Capacity::default());
        write("stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n");
        write("meminfo", "MemTotal:       24683572 kB\nMemFree: 1 kB\n");
        write("sys/kernel/pid_max", "32768\n");
        let expected = Capacity { cores: Some(2.0), memory_bytes: Some(24_683_572 * 1024), pids: Some(32_768) };
        assert_eq!(Capacity::read(proc.path()), expected);
    }
}
