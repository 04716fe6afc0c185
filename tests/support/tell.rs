//! What a test of a fault has measured, in a form that `tests/chaos` collects.

/// Prints one line about a row of the table of faults: what was done, how often, and what came of it.
pub fn tell(row: u8, fault: &str, injected: usize, outcome: &str) {
    // A line of its own, though the test harness may be in the middle of one.
    println!("\nchaos: row={row} fault={fault:?} injected={injected} outcome={outcome:?}");
}
