//! A directory of manifests: complete snapshots of it, at the cost of what changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::observer::{Nobody, Observer};
use super::read::{Content, ReadError, read};
use super::settle::{LOOK_AGAIN, MISSING, PATIENCE};
use super::walk::{Entry, Listing, Stamp, walk};
use super::{ManifestFile, Reading, Snapshot, SourceFile};
use crate::disk::{self, Disk};
use crate::manifest;
use crate::model::Name;
use crate::model::hash::Fingerprint;

/// How often the first scan looks before it reports what is still changing as it is.
const FIRST_SCAN_PASSES: u32 = 20;

/// A source directory, and what was last read from it.
#[derive(Debug)]
pub struct Directory {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    excluded: Vec<PathBuf>,
    /// By path and in its order, like the listing: the two are gone through side by side.
    known: Vec<(String, Known)>,
    beginning: Option<Beginning>,
    reads: u64,
}

/// The passes that make up the first scan. A file moved while the first listing was made may be in none of the places it was
/// looked for, and nothing is remembered yet that would be missed: so two listings in a row must agree.
#[derive(Clone, Copy, Debug, Default)]
struct Beginning {
    passes: u32,
    was_settled: bool,
}

/// What is reported about one path.
#[derive(Debug)]
struct Known {
    /// Of the file when it was read; `None` when it has to be read again in any case.
    stamp: Option<Stamp>,
    file: SourceFile,
    /// Why the file differs from `file`, if it does.
    unsettled: Option<Unsettled>,
}

/// A change that is not believed yet, and since when it is seen.
#[derive(Clone, Copy, Debug)]
enum Unsettled {
    Writing(Instant),
    Missing(Instant),
}

/// One reading, and whether it is worth another look soon.
pub(super) struct Scan {
    pub(super) reading: Reading,
    /// Something is being written or is missing: look again after this time.
    pub(super) look_again: Option<Duration>,
    /// The scan is not over: another pass is to be made after this time.
    pub(super) premature: Option<Duration>,
    /// Processor time. Time on the clock would say more about what else the machine does.
    pub(super) cost: Duration,
}

impl Directory {
    /// A directory that has not been read yet. `excluded`: directories that are no part of the source though they may lie in
    /// it, such as the state directory.
    pub fn new(root: &Path, excluded: Vec<PathBuf>) -> Self {
        Self::on(disk::host(), root, excluded)
    }

    /// As [`Self::new`], on another disk than the machine's.
    pub fn on(disk: Arc<dyn Disk>, root: &Path, excluded: Vec<PathBuf>) -> Self {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self { disk, root, excluded, known: Vec::new(), beginning: Some(Beginning::default()), reads: 0 }
    }

    /// Reads the directory: every manifest in it, those unchanged from memory. Blocks on the file system, and never on a
    /// file's writer.
    ///
    /// A file that is missing or being written is reported as it was last read until the change has settled, which takes
    /// fractions of a second; the first scan waits for that, so that a single one can be relied upon.
    pub fn scan(&mut self) -> Reading {
        loop {
            let scan = self.pass(&mut Nobody);
            match scan.premature {
                Some(pause) => std::thread::sleep(pause),
                None => return scan.reading,
            }
        }
    }

    /// How many files have been opened and read so far, in all scans.
    pub fn reads(&self) -> u64 {
        self.reads
    }

    /// Begins anew, as if nothing had been read.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.beginning = Some(Beginning::default());
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Goes through the directory once. The scan is over when [`Scan::premature`] says nothing.
    pub(super) fn pass(&mut self, observer: &mut dyn Observer) -> Scan {
        let mut scan = self.look(observer);
        if let Some(beginning) = &mut self.beginning {
            scan.premature = beginning.pause_after(scan.look_again.is_none());
            if scan.premature.is_none() {
                // A source that is lost begins anew when it is back.
                self.beginning = matches!(scan.reading, Reading::Lost(_)).then(Beginning::default);
            }
        }
        scan
    }

    fn look(&mut self, observer: &mut dyn Observer) -> Scan {
        let begun = self.disk.processor_time();
        observer.begin();
        let reading = match walk(&*self.disk, &self.root, &self.excluded, observer) {
            Err(why) => Reading::Lost(why),
            Ok(listing) => {
                self.take_in(listing, observer);
                let files = self.known.iter().map(|(path, known)| (path.clone(), known.file.clone())).collect();
                Reading::Complete(Snapshot { files, ..Snapshot::default() })
            }
        };
        observer.end();
        let unsettled = self.known.iter().any(|(_, known)| known.unsettled.is_some());
        let look_again = (unsettled && matches!(reading, Reading::Complete(_))).then_some(LOOK_AGAIN);
        Scan { reading, look_again, premature: None, cost: self.disk.processor_time().saturating_sub(begun) }
    }

    fn take_in(&mut self, listing: Listing, observer: &dyn Observer) {
        let mut former = std::mem::take(&mut self.known).into_iter().peekable();
        let (mut missing, mut arrived) = (Vec::new(), Vec::new());
        for (path, entry) in listing {
            while let Some(gone) = former.next_if(|(known, _)| *known < path) {
                missing.push(gone);
            }
            let before = former.next_if(|(known, _)| *known == path).map(|(_, known)| known);
            let content_before = before.as_ref().and_then(Known::content).cloned();
            let Some(known) = self.visit(&path, entry, before, observer) else { continue };
            if let Some(content) = known.content()
                && content_before.is_none_or(|before| !Arc::ptr_eq(&before, content))
            {
                arrived.push(Arc::clone(content));
            }
            self.known.push((path, known));
        }
        missing.extend(former);
        self.keep_missing(missing, &arrived);
    }

    /// What there is to report about a path that was listed; `None` when it has gone.
    fn visit(&mut self, path: &str, entry: Entry, former: Option<Known>, observer: &dyn Observer) -> Option<Known> {
        let stamp = match entry {
            Entry::Unreadable(why) => return Some(Known::unreadable(why)),
            Entry::File(stamp) => stamp,
        };
        if former.as_ref().is_some_and(|known| known.stamp == Some(stamp)) {
            return former;
        }
        let absolute = self.root.join(path);
        self.reads += 1;
        match read(&*self.disk, &absolute, observer.activity(&absolute)) {
            Ok(content) => Some(judge(path, &absolute, &content, former)),
            Err(ReadError::Unreadable(why)) => Some(Known::unreadable(why)),
            Err(ReadError::Gone) => former.and_then(Known::missing),
        }
    }

    /// Keeps what was not found as it was, until it has been missing for long enough or has arrived elsewhere.
    fn keep_missing(&mut self, missing: Vec<(String, Known)>, arrived: &[Arc<ManifestFile>]) {
        if missing.is_empty() {
            return;
        }
        let arrived: BTreeSet<&Name> = arrived.iter().flat_map(|file| names(file)).collect();
        let moved =
            |file: &Arc<ManifestFile>| names(file).count() > 0 && names(file).all(|name| arrived.contains(name));
        let kept = missing
            .into_iter()
            .filter(|(_, known)| !known.content().is_some_and(moved))
            .filter_map(|(path, known)| Some((path, known.missing()?)));
        self.known.extend(kept);
        self.known.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    }
}

/// What the content of a file makes of what was known about it.
fn judge(path: &str, absolute: &Path, content: &Content, former: Option<Known>) -> Known {
    let fingerprint = Fingerprint::of_bytes(&content.bytes);
    if let Some(same) = former.as_ref().and_then(Known::content).filter(|file| file.fingerprint == fingerprint) {
        return Known { stamp: content.stamp, file: SourceFile::Read(Arc::clone(same)), unsettled: None };
    }
    let since = match former.as_ref().and_then(|known| known.unsettled) {
        Some(Unsettled::Writing(since)) => since,
        _ => Instant::now(),
    };
    if !content.settled && since.elapsed() < PATIENCE {
        let file = former.map_or_else(being_written, |known| known.file);
        return Known { stamp: None, file, unsettled: Some(Unsettled::Writing(since)) };
    }
    let directory = absolute.parent().unwrap_or(absolute).to_owned();
    let manifest = manifest::parse(path, &content.bytes);
    let file = SourceFile::Read(Arc::new(ManifestFile { fingerprint, directory, manifest }));
    Known { stamp: content.stamp, file, unsettled: None }
}

fn being_written() -> SourceFile {
    SourceFile::Unreadable("is still being written: it is read as soon as its writer is done".to_owned())
}

fn names(file: &ManifestFile) -> impl Iterator<Item = &Name> {
    file.manifest.documents.iter().filter_map(|document| document.name.as_ref())
}

impl Beginning {
    /// How long to wait for the next pass after one; `None` when it was the last.
    fn pause_after(&mut self, settled: bool) -> Option<Duration> {
        let agreed = settled && self.was_settled;
        self.was_settled = settled;
        self.passes += 1;
        match self.passes {
            1 => Some(Duration::ZERO),
            FIRST_SCAN_PASSES.. => None,
            _ => (!agreed).then_some(LOOK_AGAIN),
        }
    }
}

impl Known {
    fn unreadable(why: String) -> Self {
        Self { stamp: None, file: SourceFile::Unreadable(why), unsettled: None }
    }

    /// As it is when it was not found; `None` once it counts as gone.
    fn missing(self) -> Option<Self> {
        let since = match self.unsettled {
            Some(Unsettled::Missing(since)) => since,
            _ => Instant::now(),
        };
        (since.elapsed() < MISSING).then_some(Self { stamp: None, unsettled: Some(Unsettled::Missing(since)), ..self })
    }

    fn content(&self) -> Option<&Arc<ManifestFile>> {
        match &self.file {
            SourceFile::Read(file) => Some(file),
            SourceFile::Unreadable(_) => None,
        }
    }
}
