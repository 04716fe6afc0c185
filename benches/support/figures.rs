//! Figures: printed as rows of one table, and as lines of JSON where `WHARF_BENCH_JSON` names a file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::time::Duration;

use serde_json::json;

/// Prints a figure. `at_most`: what it must reach, if anything was said of it.
pub fn figure(name: &str, value: f64, unit: &str, at_most: Option<f64>) {
    let load = load();
    let target = at_most.map_or_else(String::new, |most| format!("≤ {}", shown(most)));
    let verdict = at_most.map_or("", |most| if value <= most { "reached" } else { "MISSED" });
    println!("{name:<66} {:>10} {unit:<8} {target:>9} {verdict:<8} {load:>5.1}", shown(value));
    let row = json!({ "figure": name, "value": value, "unit": unit, "atMost": at_most, "load": load });
    if let Some(path) = std::env::var_os("WHARF_BENCH_JSON") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{row}")).expect("WHARF_BENCH_JSON names a file that can be written");
    }
}

/// Prints median and 99th percentile of times, in milliseconds.
pub fn percentiles(name: &str, times: &[Duration], at_most: Option<(f64, f64)>) {
    let times: Vec<f64> = times.iter().map(|time| milliseconds(*time)).collect();
    figure(&format!("{name}, p50 of {}", times.len()), quantile(&times, 50), "ms", at_most.map(|it| it.0));
    figure(&format!("{name}, p99"), quantile(&times, 99), "ms", at_most.map(|it| it.1));
}

/// In milliseconds.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// The middle one.
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 50)
}

/// The value that so many per cent do not exceed (nearest rank).
pub fn quantile(values: &[f64], percent: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values[rank - 1]
}

/// The machine's load average of the last minute.
fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}

fn shown(value: f64) -> String {
    let decimals = match value.abs() {
        large if large >= 1_000.0 => 0,
        medium if medium >= 10.0 => 1,
        _ => 3,
    };
    format!("{value:.decimals$}")
}
