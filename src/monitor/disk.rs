//! How full the file systems are that hold projects.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a round waits for file systems. They answer in microseconds, or, as a network's that is gone, not at all.
const PATIENCE: Duration = Duration::from_millis(200);

/// Asks file systems how full they are, without ever waiting for one that does not answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Disks {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Asked and not answered. Such a path is not asked again, so it holds up one thread and no more.
    waiting: BTreeSet<PathBuf>,
    percent: HashMap<PathBuf, f64>,
}

impl Disks {
    /// The fill of the file system that holds each path, in percent; those that do not answer in time are left out.
    pub async fn read(&self, paths: BTreeSet<PathBuf>) -> HashMap<PathBuf, f64> {
        if paths.is_empty() {
            return HashMap::new();
        }
        let asking = self.clone();
        let wanted = paths.clone();
        let task = tokio::task::spawn_blocking(move || wanted.iter().for_each(|path| asking.ask(path, fill)));
        drop(tokio::time::timeout(PATIENCE, task).await);
        let mut state = self.state();
        state.percent.retain(|path, _| paths.contains(path));
        state.percent.clone()
    }

    fn ask(&self, path: &Path, fill: impl Fn(&Path) -> Option<f64>) {
        {
            let mut state = self.state();
            if !state.waiting.insert(path.to_owned()) {
                return;
            }
            // What was true before it hung is not told as if it were true now.
            state.percent.remove(path);
        }
        let percent = fill(path);
        let mut state = self.state();
        state.waiting.remove(path);
        if let Some(percent) = percent {
            state.percent.insert(path.to_owned(), percent);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As df(1) counts: used, of what is used and what users may still use.
#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more digits")]
fn fill(path: &Path) -> Option<f64> {
    let found = rustix::fs::statvfs(path).ok()?;
    let used = found.f_blocks.saturating_sub(found.f_bfree) as f64;
    let usable = used + found.f_bavail as f64;
    (usable > 0.0).then(|| used / usable * 100.0)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_file_system_that_hangs_holds_up_nothing_else() {
        let (disks, good) = (Disks::default(), tempfile::tempdir().expect("a directory"));
        let (release, held) = mpsc::channel::<()>();
        let hanging = PathBuf::from("/hangs");
        let (asking, path) = (disks.clone(), hanging.clone());
        let hung = std::thread::spawn(move || {
            asking.ask(&path, |_| {
                held.recv().expect("released");
                Some(50.0)
            });
        });
        while disks.state().waiting.is_empty() {
            std::thread::yield_now();
        }
        let both: BTreeSet<PathBuf> = [hanging.clone(), good.path().to_owned()].into();
        let found = disks.read(both).await;
        assert_eq!(found.keys().collect::<Vec<_>>(), [good.path()]);
        let percent = found[good.path()];
        assert!((0.0..=100.0).contains(&percent), "{percent}");
        release.send(()).expect("it waits");
        hung.join().expect("it ended");
        assert!((disks.state().percent[&hanging] - 50.0).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn what_is_not_there_has_no_fill() {
        assert_eq!(Disks::default().read(["/not/there".into()].into()).await, HashMap::new());
    }
}
