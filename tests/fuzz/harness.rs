//! What holds for any bytes: the checks that the fuzz targets in `targets/` and the test `tests/fuzzing.rs` share.
//!
//! Each check panics when it does not hold. A new one needs a target and a folder in `corpus/`, both of its name.
//!
//! With a nightly compiler and `cargo-fuzz`, in the root of the repository (`target/fuzz`, because a build in this folder would be
//! taken for sources; no sanitizer, because there is no unsafe code, and memory is counted by the allocator that it replaces):
//!
//! ```sh
//! cargo +nightly fuzz run --fuzz-dir tests/fuzz --target-dir target/fuzz -s none manifest -- -max_total_time=300 -max_len=65536
//! cargo +nightly fuzz cmin --fuzz-dir tests/fuzz --target-dir target/fuzz -s none manifest
//! ```
//!
//! `manifest_size` wants `-max_len=400`, `status` 2048, `words` 200 and `quantities` 64. An input that fails is kept in the corpus
//! under a name that says what was found.

#[path = "harness/cost.rs"]
mod cost;
#[path = "harness/manifest.rs"]
mod manifest;
#[path = "harness/status.rs"]
mod status;
#[path = "harness/words.rs"]
mod words;

/// A check: it takes the bytes, and panics where they break a promise.
pub type Check = fn(&[u8]);

/// Every check, by the name of its target and of its corpus.
#[allow(dead_code, reason = "a fuzz target runs one of them")]
pub const CHECKS: [(&str, Check); 5] = [
    ("manifest", manifest::any),
    ("manifest_size", manifest::enlarged),
    ("status", status::round_trip),
    ("quantities", words::quantities),
    ("words", words::others),
];

/// Runs the check of this name.
#[allow(dead_code, reason = "the test goes through all of them")]
pub fn check(name: &str, bytes: &[u8]) {
    let (_, check) = CHECKS.iter().find(|(known, _)| *known == name).expect("a name of CHECKS");
    check(bytes);
}
