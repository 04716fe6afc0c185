//! Noticing that status files changed, for `--watch`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::files;
use super::statuses::Location;

/// How often to look. A person sees no delay, and looking costs one `stat` a file.
const PERIOD: Duration = Duration::from_millis(200);

/// Sees when any status file appears, changes or goes.
#[derive(Debug)]
pub struct Watch<'a> {
    location: &'a Location,
    seen: Vec<Stamp>,
}

/// What differs between two versions of a file. The length is there for file systems with coarse times.
type Stamp = (PathBuf, Option<(SystemTime, u64)>);

impl<'a> Watch<'a> {
    /// Begins to watch. Whatever is read after this misses no change.
    pub fn new(location: &'a Location) -> Self {
        Self { location, seen: stamps(location) }
    }

    /// Waits for the next change.
    pub fn changed(&mut self) {
        loop {
            std::thread::sleep(PERIOD);
            let now = stamps(self.location);
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }
}

fn stamps(location: &Location) -> Vec<Stamp> {
    // A directory that cannot be listed has no files here, and is told about by whoever reads them.
    let found = files::find(location.status_root(), |name| name.ends_with(".status.yaml"));
    let stamp = |path: PathBuf| {
        let metadata = path.metadata().ok();
        let version = metadata.and_then(|metadata| Some((metadata.modified().ok()?, metadata.len())));
        (path, version)
    };
    found.paths.into_iter().map(stamp).collect()
}
