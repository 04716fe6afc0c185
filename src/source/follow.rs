//! Following a directory: when to read it again, and reading it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::directory::{Directory, Scan};
use super::signals::Signals;
use super::watch::Watch;
use super::{Mode, Reading};
use crate::disk::{self, Disk, offload};

/// After the first sign that a file is being written, a scan this much later finds what needs no closing, such as a new link.
const SOON: Duration = Duration::from_millis(50);
/// A scan that cost `t` is not followed by another for `t` times this: a storm of events takes at most a tenth of a core.
const STORM_FACTOR: u32 = 9;
/// But no change waits longer than this for it.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Nor does polling take more than a thousandth of a core where directories are watched...
const WATCHING_FACTOR: u32 = 1_000;
/// ...and a hundredth where they are not.
const POLLING_FACTOR: u32 = 100;
/// Whatever it costs, a source is read this often.
const LONGEST_POLL: Duration = Duration::from_secs(30);

/// How to follow a directory.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Time between two scans when no change is noticed. Longer for sources that take long to scan, up to 30 seconds.
    pub poll: Duration,
    /// Whether to ask the operating system about changes.
    pub watch: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { poll: Duration::from_secs(2), watch: true }
    }
}

/// A directory that is followed. The controller's loop is: [`Source::changed`], then [`Source::scan`].
///
/// Owns its watches and the one thread that receives their events; both end when it is dropped.
#[derive(Debug)]
pub struct Source {
    disk: Arc<dyn Disk>,
    signals: Arc<Signals>,
    /// Shared with the scan that is going on: one that is abandoned by its caller still ends by itself.
    scanner: Arc<Mutex<Scanner>>,
    poll: Duration,
    mode: Mode,
    /// When to scan if nothing happens before; signals only bring it forward.
    due: Instant,
    not_before: Instant,
}

#[derive(Debug)]
struct Scanner {
    directory: Directory,
    watch: Watch,
}

impl Source {
    /// Follows `root`; nothing is read or watched before the first scan, which is due at once. `excluded`: directories that are
    /// no part of the source though they may lie in it, such as the state directory.
    pub fn new(root: &Path, excluded: Vec<PathBuf>, options: Options) -> Self {
        Self::on(disk::host(), root, excluded, options)
    }

    /// As [`Self::new`], on another disk than the machine's, of whose changes the operating system tells nothing.
    pub fn on(disk: Arc<dyn Disk>, root: &Path, excluded: Vec<PathBuf>, options: Options) -> Self {
        let directory = Directory::on(Arc::clone(&disk), root, excluded);
        let signals = Arc::new(Signals::new(directory.root().to_owned()));
        let watch = Watch::new(options.watch, Arc::clone(&signals));
        let mode = mode_of(&watch);
        let scanner = Arc::new(Mutex::new(Scanner { directory, watch }));
        let now = Instant::now();
        Self { disk, signals, scanner, poll: options.poll, mode, due: now, not_before: now }
    }

    /// Where the directory is.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Waits until the directory should be read: it changed, or may have, or it is time to look. Returns at once until
    /// [`Source::scan`] is called. Loses nothing when it is dropped before it returns.
    pub async fn changed(&mut self) {
        loop {
            let now = Instant::now();
            if now >= self.due {
                return;
            }
            tokio::select! {
                biased;
                () = self.signals.now.notified() => self.bring_forward(Instant::now()),
                () = self.signals.soon.notified() => self.bring_forward(Instant::now() + SOON),
                () = tokio::time::sleep_until(self.due) => {}
            }
        }
    }

    /// Reads the directory, see [`Directory::scan`], where it delays nobody.
    pub async fn scan(&mut self) -> Reading {
        loop {
            let scanner = Arc::clone(&self.scanner);
            let (scan, mode) = match offload(&self.disk, move || pass(&scanner)).await {
                Ok(done) => done,
                Err(error) => {
                    self.plan_next(Duration::ZERO, None);
                    return Reading::Lost(format!("reading the source failed: {error}"));
                }
            };
            if let Some(pause) = scan.premature {
                tokio::time::sleep(pause).await;
                continue;
            }
            self.mode = mode;
            self.plan_next(scan.cost, scan.look_again);
            return scan.reading;
        }
    }

    /// How changes are noticed, as of the last scan.
    pub fn mode(&self) -> &Mode {
        &self.mode
    }

    /// How many files have been opened and read so far, in all scans.
    pub fn reads(&self) -> u64 {
        self.scanner.lock().unwrap_or_else(PoisonError::into_inner).directory.reads()
    }

    fn bring_forward(&mut self, to: Instant) {
        self.due = self.due.min(to.max(self.not_before));
    }

    fn plan_next(&mut self, cost: Duration, look_again: Option<Duration>) {
        let factor = if self.mode == Mode::Watching { WATCHING_FACTOR } else { POLLING_FACTOR };
        let longest = LONGEST_POLL.max(self.poll);
        let now = Instant::now();
        self.not_before = now + (cost * STORM_FACTOR).min(LONGEST_PAUSE);
        self.due = now + self.poll.max(cost * factor).min(longest);
        if let Some(delay) = look_again {
            self.bring_forward(now + delay);
        }
    }
}

fn pass(scanner: &Mutex<Scanner>) -> (Scan, Mode) {
    let mut guard = scanner.lock().unwrap_or_else(|poisoned| {
        // The scan before this one panicked half-way: what it remembers is not complete.
        scanner.clear_poison();
        let mut guard = poisoned.into_inner();
        guard.directory.forget();
        guard
    });
    let Scanner { directory, watch } = &mut *guard;
    let scan = directory.pass(watch);
    (scan, mode_of(watch))
}

fn mode_of(watch: &Watch) -> Mode {
    watch.trouble().map_or(Mode::Watching, |why| Mode::Polling(why.to_owned()))
}
