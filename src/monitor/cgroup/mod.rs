//! What a container has used, read off the kernel's files without a call to the engine.
//!
//! | | cgroup v1 | cgroup v2 |
//! |---|---|---|
//! | processor time | `cpuacct/…/cpuacct.usage` | `cpu.stat`: `usage_usec` |
//! | memory | `memory.usage_in_bytes` - `total_inactive_file` | `memory.current` - `inactive_file` |
//! | its limit | `memory.limit_in_bytes` | `memory.max` |
//! | block devices | `blkio.throttle.io_service_bytes_recursive` | `io.stat` |
//! | processes | `pids.current` | `pids.current` |
//! | network | `/proc/<first of cgroup.procs>/net/dev` | the same |
//!
//! Memory is counted as `docker stats` does, see `calculateMemUsageUnixNoCache` in
//! <https://github.com/docker/cli/blob/master/cli/command/container/stats_helpers.go>. Controllers that are not enabled for
//! containers (block devices and processes may not be) count nothing.

mod find;
pub(super) mod text;

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::rates::Counters;

/// Where the kernel's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Where cgroups are mounted: `/sys/fs/cgroup`.
    pub cgroup: PathBuf,
    /// Where processes are: `/proc`.
    pub proc: PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { cgroup: "/sys/fs/cgroup".into(), proc: "/proc".into() }
    }
}

/// The cgroups of a machine.
#[derive(Clone, Debug)]
pub struct Cgroups {
    roots: Roots,
    hierarchy: Hierarchy,
    /// A limit beyond it is none.
    machine_memory: Option<u64>,
}

/// How controllers are mounted.
#[derive(Clone, Debug)]
enum Hierarchy {
    /// Each controller has a tree of its own (v1), with v2 beside it or not.
    Separate { cpu: PathBuf, memory: PathBuf, block: PathBuf, pids: PathBuf },
    /// One tree for all (v2).
    Unified(PathBuf),
}

/// Where one container is, as long as its run lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    relative: PathBuf,
}

/// What was read of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The counters.
    pub counters: Counters,
    /// The inode of the cgroup: the kernel makes another one for each run of a container.
    pub cgroup: u64,
    /// When processor time was read, which is what wants an exact time.
    pub at: Instant,
}

/// Space for the contents of files, used for one after the other.
#[derive(Debug)]
pub struct Buffer(Vec<u8>);

impl Default for Buffer {
    fn default() -> Self {
        Self(vec![0; Self::SIZE])
    }
}

impl Buffer {
    /// The longest of these files, a list of processes, is of no use beyond its beginning.
    const SIZE: usize = 32 << 10;

    /// The beginning of a file.
    fn read(&mut self, path: &Path) -> io::Result<&str> {
        let mut file = File::open(path)?;
        let mut length = 0;
        while length < self.0.len() {
            match file.read(&mut self.0[length..]) {
                Ok(0) => break,
                Ok(read) => length += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        std::str::from_utf8(&self.0[..length]).map_err(|_| unexpected(path))
    }

    fn number(&mut self, path: &Path) -> io::Result<u64> {
        text::number(self.read(path)?).ok_or_else(|| unexpected(path))
    }

    fn field(&mut self, path: &Path, word: &str) -> io::Result<u64> {
        text::field(self.read(path)?, word).ok_or_else(|| unexpected(path))
    }
}

fn unexpected(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("`{}` does not have the form that is known", path.display()))
}

/// What a missing file stands for.
fn or_nothing<T: Default>(read: io::Result<T>) -> io::Result<T> {
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
        read => read,
    }
}

impl Cgroups {
    /// Looks at how controllers are mounted.
    pub fn new(roots: Roots) -> Self {
        let machine_memory = super::Capacity::read(&roots.proc).memory_bytes;
        let hierarchy = Hierarchy::of(&roots.cgroup);
        Self { roots, hierarchy, machine_memory }
    }

    /// Finds a container by its ID.
    pub fn locate(&self, id: &str) -> Option<Location> {
        find::find(self.hierarchy.main(), id).map(|relative| Location { relative })
    }

    /// Reads the counters of a container. An error means that they cannot be read in this way: `NotFound` that the container has
    /// ended, `PermissionDenied` that somebody else has to be asked.
    pub fn read(&self, location: &Location, buffer: &mut Buffer) -> io::Result<Sample> {
        let relative = &location.relative;
        let cgroup = self.hierarchy.main().join(relative).metadata()?.ino();
        let (mut counters, at) = match &self.hierarchy {
            Hierarchy::Separate { cpu, memory, block, pids } => {
                let [cpu, memory, block, pids] = [cpu, memory, block, pids].map(|tree| tree.join(relative));
                separate([&cpu, &memory, &block, &pids], buffer)?
            }
            Hierarchy::Unified(tree) => unified(&tree.join(relative), buffer)?,
        };
        counters.memory_limit_bytes = counters.memory_limit_bytes.filter(|limit| {
            // v1 writes the greatest number of pages for none.
            self.machine_memory.is_none_or(|machine| *limit < machine)
        });
        (counters.network_rx_bytes, counters.network_tx_bytes) = self.network(relative, buffer)?;
        Ok(Sample { counters, cgroup, at })
    }

    /// Of the network namespace that the container's processes are in.
    fn network(&self, relative: &Path, buffer: &mut Buffer) -> io::Result<(u64, u64)> {
        /// Processes end while they are looked at; so many in a row do not.
        const ATTEMPTS: usize = 8;
        for process in processes(&self.hierarchy.main().join(relative), ATTEMPTS, buffer)? {
            match buffer.read(&self.roots.proc.join(process).join("net/dev")) {
                Ok(text) => return Ok(text::interfaces(text)),
                // ESRCH: it ended after its directory was opened.
                Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(3) => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::NotFound))
    }
}

/// The first processes of a cgroup; where it has none of its own (an init system in the container moves them), of the first
/// below it that has.
fn processes(cgroup: &Path, most: usize, buffer: &mut Buffer) -> io::Result<Vec<String>> {
    const DEEPEST: usize = 4;
    let mut level = vec![cgroup.to_owned()];
    for _ in 0..DEEPEST {
        let mut below = Vec::new();
        for cgroup in level {
            // In v2 `cgroup.procs` of a threaded cgroup cannot be read.
            let listed = buffer.read(&cgroup.join("cgroup.procs")).unwrap_or_default();
            let found: Vec<String> = listed.lines().take(most).map(str::to_owned).collect();
            if !found.is_empty() {
                return Ok(found);
            }
            let entries = std::fs::read_dir(&cgroup)?.flatten();
            below.extend(entries.filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir())).map(|it| it.path()));
        }
        level = below;
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

impl Hierarchy {
    /// Only the root of v2 has `cgroup.controllers`.
    fn of(root: &Path) -> Self {
        if root.join("cgroup.controllers").exists() {
            return Self::Unified(root.to_owned());
        }
        // Where two controllers are mounted together, links with their own names are usual and not a must.
        let tree = |controller: &str, together: &str| {
            let paths = [controller, together].map(|name| root.join(name));
            paths.iter().find(|path| path.is_dir()).unwrap_or(&paths[0]).clone()
        };
        Self::Separate {
            cpu: tree("cpuacct", "cpu,cpuacct"),
            memory: tree("memory", "memory"),
            block: tree("blkio", "blkio"),
            pids: tree("pids", "pids"),
        }
    }

    /// The tree that every container is in.
    fn main(&self) -> &Path {
        match self {
            Self::Separate { memory, .. } => memory,
            Self::Unified(tree) => tree,
        }
    }
}

/// Of v1.
fn separate([cpu, memory, block, pids]: [&Path; 4], buffer: &mut Buffer) -> io::Result<(Counters, Instant)> {
    let cpu_nanos = buffer.number(&cpu.join("cpuacct.usage"))?;
    let at = Instant::now();
    let used = buffer.number(&memory.join("memory.usage_in_bytes"))?;
    let inactive = buffer.field(&memory.join("memory.stat"), "total_inactive_file")?;
    let limit = buffer.number(&memory.join("memory.limit_in_bytes"))?;
    let recursive = block.join("blkio.throttle.io_service_bytes_recursive");
    let (block_read_bytes, block_write_bytes) = or_nothing(buffer.read(&recursive).map(text::throttled))?;
    let counters = Counters {
        cpu_nanos,
        memory_bytes: in_use(used, inactive),
        memory_limit_bytes: Some(limit),
        block_read_bytes,
        block_write_bytes,
        pids: or_nothing(buffer.number(&pids.join("pids.current")))?,
        ..Counters::default()
    };
    Ok((counters, at))
}

/// Of v2.
fn unified(cgroup: &Path, buffer: &mut Buffer) -> io::Result<(Counters, Instant)> {
    let cpu_micros = buffer.field(&cgroup.join("cpu.stat"), "usage_usec")?;
    let at = Instant::now();
    let used = buffer.number(&cgroup.join("memory.current"))?;
    let inactive = buffer.field(&cgroup.join("memory.stat"), "inactive_file")?;
    // `max` is no number, and no limit.
    let memory_limit_bytes = or_nothing(buffer.read(&cgroup.join("memory.max")).map(text::number))?;
    let (block_read_bytes, block_write_bytes) = or_nothing(buffer.read(&cgroup.join("io.stat")).map(text::io_stat))?;
    let counters = Counters {
        cpu_nanos: cpu_micros.saturating_mul(1_000),
        memory_bytes: in_use(used, inactive),
        memory_limit_bytes,
        block_read_bytes,
        block_write_bytes,
        pids: or_nothing(buffer.number(&cgroup.join("pids.current")))?,
        ..Counters::default()
    };
    Ok((counters, at))
}

/// Both numbers are read one after the other, so the part may for once be more than the whole; Docker then takes the whole.
fn in_use(used: u64, inactive: u64) -> u64 {
    if inactive < used { used - inactive } else { used }
}

#[cfg(test)]
mod tests;
