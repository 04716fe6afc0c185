//! What a controller costs while nothing changes, on the real engine.

#![allow(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod support;

use std::time::Duration;

use support::figures::figure;
use support::{Source, process, real, setting};

fn main() {
    real::ensure_image();
    let count = support::workspaces();
    let source = Source::with_workspaces(count);
    let wharf = source.run(&[]);
    source.until_ready(count);
    // The store's last flush, and files whose times are too young to be relied upon.
    std::thread::sleep(Duration::from_secs(5));
    let window = Duration::from_secs(setting("WHARF_BENCH_IDLE", 60) as u64);
    let (processor, written) = (process::processor_time(wharf.id()), process::bytes_written(wharf.id()));
    std::thread::sleep(window);
    let processor = process::processor_time(wharf.id()).saturating_sub(processor);
    let written = process::bytes_written(wharf.id()) - written;
    let share = 100.0 * processor.as_secs_f64() / window.as_secs_f64();
    let name = |what: &str| format!("idle, {count} workspaces, {} s: {what}", window.as_secs());
    figure(&name("share of a core"), share, "%", Some(0.1));
    figure(&name("bytes written"), written as f64, "B", Some(0.0));
    figure(&name("resident memory"), process::resident(wharf.id()) as f64 / f64::from(1 << 20), "MiB", Some(25.0));
}
