//! What fuzzing found, and bytes like it, for compilers that cannot fuzz.
//!
//! `tests/fuzz/corpus` holds, for each check, inputs that together reach all that fuzzing ever reached, and those that once
//! failed. Each is tried as it is and with a few changes, which `FUZZING_SEED` chooses.

#[path = "fuzz/harness.rs"]
mod harness;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use wharf::model::random::Random;

/// Without optimisation all is slow. What grows with the square of the size takes a thousand times as long.
const SLOWNESS: u32 = if cfg!(debug_assertions) { 20 } else { 1 };

/// Changes of texts by chance.
struct Changes(Random);

impl Changes {
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.below(end.max(1) as u64)).expect("below a size")
    }

    /// Up to four places changed: something taken out, and put in its place a byte, or something from elsewhere.
    fn change(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let begin = self.below(changed.len() + 1);
            let end = (begin + self.below(8)).min(changed.len());
            let other = self.below(bytes.len());
            let replacement = match self.below(3) {
                0 => vec![self.0.draw().to_le_bytes()[0]],
                1 => bytes[other..(other + self.below(20)).min(bytes.len())].to_vec(),
                _ => Vec::new(),
            };
            changed.splice(begin..end, replacement);
        }
        changed
    }
}

/// Every input of a check, by file.
fn corpus(check: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(check);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(&path).expect("readable"))).collect()
}

#[track_caller]
fn assert_passes(check: &str, bytes: &[u8], origin: &str) {
    let passed = catch_unwind(|| harness::check(check, bytes)).is_ok();
    assert!(passed, "`{check}` fails for {origin}: \"{}\"", bytes.escape_ascii());
}

/// Tries the whole corpus of a check, and each input with so many changes.
fn try_all(check: &str, changes: usize) {
    let seed = std::env::var("FUZZING_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let (mut random, corpus) = (Changes(Random::new(seed, 0)), corpus(check));
    assert!(corpus.len() >= 10, "only {} inputs for `{check}`", corpus.len());
    for (path, bytes) in &corpus {
        assert_passes(check, bytes, &path.display().to_string());
        for _ in 0..changes {
            let origin = format!("a change of {} with FUZZING_SEED={seed}", path.display());
            assert_passes(check, &random.change(bytes), &origin);
        }
    }
}

#[test]
fn manifests() {
    try_all("manifest", 4);
}

#[test]
fn manifests_of_the_largest_size() {
    try_all("manifest_size", 0);
}

#[test]
fn status_files() {
    try_all("status", 4);
}

#[test]
fn quantities() {
    try_all("quantities", 100);
}

#[test]
fn words() {
    try_all("words", 100);
}
