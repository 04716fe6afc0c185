//! `wharf plan` with nothing to do, on the real engine, beside a controller that runs.

mod support;

use std::time::Instant;

use support::figures::{figure, median, milliseconds};
use support::{Source, real};

const RUNS: usize = 30;

fn main() {
    real::ensure_image();
    let count = support::workspaces();
    let source = Source::with_workspaces(count);
    let _wharf = source.run(&[]);
    source.until_ready(count);
    let times: Vec<f64> = (0..RUNS).map(|_| plan(&source)).collect();
    figure(&format!("plan: nothing to do, {count} workspaces, median"), median(&times), "ms", Some(50.0));
}

fn plan(source: &Source) -> f64 {
    let begun = Instant::now();
    let status = source.command("plan").arg("--exit-code").status().expect("started");
    let taken = begun.elapsed();
    assert!(status.success(), "there was something to do: {status}");
    milliseconds(taken)
}
