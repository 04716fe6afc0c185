#![no_main]

#[path = "../harness.rs"]
mod harness;

/// Every branch is counted.
const SLOWNESS: u32 = 4;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::check("manifest_size", bytes));
