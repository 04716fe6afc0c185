//! A source directory to play with, and waiting without sleeping blindly.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wharf::source::{Directory, ManifestFile, Options, Reading, Source, SourceFile};

/// Far more than anything takes that works.
const DEADLINE: Duration = Duration::from_secs(10);
/// So that whatever is noticed in time was noticed by an event.
pub const NEVER: Duration = Duration::from_secs(3_600);

/// A directory that goes away with its value.
pub struct Tree(tempfile::TempDir);

impl Tree {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }

    /// Saves a manifest in one go.
    pub fn save(&self, relative: &str, name: &str, image: &str) {
        fs::write(self.path(relative), manifest(name, image)).unwrap();
    }

    pub fn directory(&self) -> Directory {
        Directory::new(self.root(), Vec::new())
    }

    pub fn follow(&self, poll: Duration) -> Followed {
        Followed::new(self.root(), Vec::new(), Options { poll, watch: true })
    }
}

pub fn manifest(name: &str, image: &str) -> String {
    format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata:\n  name: {name}\nspec:\n  image: {image}\n")
}

/// A source that is followed as the controller does it, with all the readings that it gave.
pub struct Followed {
    pub source: Source,
    pub readings: Vec<Reading>,
}

impl Followed {
    pub fn new(root: &Path, excluded: Vec<PathBuf>, options: Options) -> Self {
        Self { source: Source::new(root, excluded, options), readings: Vec::new() }
    }

    /// Reads whenever the source says so, until a reading is as wanted.
    pub async fn until(&mut self, what: &str, wanted: impl Fn(&Reading) -> bool) -> &Reading {
        let searched = async {
            loop {
                self.source.changed().await;
                let reading = self.source.scan().await;
                self.readings.push(reading);
                if self.readings.last().is_some_and(&wanted) {
                    return;
                }
            }
        };
        let found = tokio::time::timeout(DEADLINE, searched).await;
        assert!(found.is_ok(), "{what}: never; last reading: {:?}", self.readings.last());
        self.readings.last().unwrap()
    }

    /// Reads until the source has nothing to say for a while.
    pub async fn until_quiet(&mut self) {
        while self.speaks_within(Duration::from_millis(400)).await {
            self.readings.push(self.source.scan().await);
        }
    }

    pub async fn speaks_within(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.source.changed()).await.is_ok()
    }
}

/// Scans until a reading is as wanted.
pub fn scan_until(directory: &mut Directory, what: &str, wanted: impl Fn(&Reading) -> bool) -> Reading {
    let begun = Instant::now();
    loop {
        let reading = directory.scan();
        if wanted(&reading) {
            return reading;
        }
        assert!(begun.elapsed() < DEADLINE, "{what}: never; last reading: {reading:?}");
        std::thread::yield_now();
    }
}

/// What a path is reported as. Panics when the source is lost or does not have it.
pub fn file<'a>(reading: &'a Reading, path: &str) -> &'a SourceFile {
    match reading {
        Reading::Complete(snapshot) => {
            snapshot.files.get(path).unwrap_or_else(|| panic!("{path} is not among {:?}", snapshot.files.keys()))
        }
        Reading::Lost(why) => panic!("the source is lost: {why}"),
    }
}

/// A file that was read.
pub fn content<'a>(reading: &'a Reading, path: &str) -> &'a std::sync::Arc<ManifestFile> {
    match file(reading, path) {
        SourceFile::Read(content) => content,
        SourceFile::Unreadable(why) => panic!("{path} is unreadable: {why}"),
    }
}

/// Why a file was not read.
pub fn unreadable<'a>(reading: &'a Reading, path: &str) -> &'a str {
    match file(reading, path) {
        SourceFile::Unreadable(why) => why,
        SourceFile::Read(_) => panic!("{path} was read"),
    }
}

/// All that is reported, by path.
pub fn paths(reading: &Reading) -> Vec<&str> {
    match reading {
        Reading::Complete(snapshot) => snapshot.files.keys().map(String::as_str).collect(),
        Reading::Lost(why) => panic!("the source is lost: {why}"),
    }
}

/// Every valid workspace as `name=image`.
pub fn declared(reading: &Reading) -> BTreeSet<String> {
    let Reading::Complete(snapshot) = reading else { return BTreeSet::new() };
    let read = snapshot.files.values().filter_map(|file| match file {
        SourceFile::Read(content) => Some(content),
        SourceFile::Unreadable(_) => None,
    });
    read.flat_map(|content| &content.manifest.documents)
        .filter_map(|document| document.outcome.as_ref().ok())
        .map(|workspace| format!("{}={}", workspace.metadata.name, workspace.spec.image))
        .collect()
}

/// Exactly these workspaces.
pub fn declares(expected: &[&str]) -> impl Fn(&Reading) -> bool {
    let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
    move |reading| matches!(reading, Reading::Complete(_)) && declared(reading) == expected
}

/// A workspace of that name, whatever its image, in each of the readings: what may never be missing while it is only edited.
pub fn assert_always_declared(readings: &[Reading], name: &str) {
    let prefix = format!("{name}=");
    for (index, reading) in readings.iter().enumerate() {
        let found = declared(reading).iter().any(|workspace| workspace.starts_with(&prefix));
        assert!(found, "reading {index} of {} does not declare {name}: {reading:?}", readings.len());
    }
}
