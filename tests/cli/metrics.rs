//! `wharf metrics`.

use serde_json::Value;

use crate::fixture::Source;
use crate::live::Live;
use crate::support::world::eventually;

#[test]
fn a_history_is_shown_in_every_form() {
    let live = Live::with(&["api-dev"]);
    let csv = eventually("a history of two readings", || {
        let got = live.run(&["metrics", "api-dev", "--step", "1s", "--metric", "cpu,memory", "-o", "csv"]);
        assert_eq!(got.code, 0, "{got:?}");
        Some(got.stdout).filter(|csv| csv.lines().filter(|line| line.contains(",cpu,percent,")).count() >= 2)
    });
    assert!(csv.starts_with("time,metric,unit,min,mean,max,last,readings\n"), "{csv}");
    assert!(csv.contains(",memory,bytes,") && !csv.contains("network"), "{csv}");

    let table = live.run(&["metrics", "api-dev", "--since", "10m"]).stdout;
    assert!(table.starts_with("TIME ") && table.contains("   CPU ") && table.contains("NETWORK RX"), "{table}");
    let wide = live.run(&["metrics", "api-dev", "-o", "wide"]).stdout;
    assert!(wide.contains("READINGS\n"), "{wide}");
    let chart = live.run(&["metrics", "api-dev", "--since", "5s", "-o", "chart"]).stdout;
    assert!(chart.starts_with("api-dev: 5s until ") && chart.contains('█'), "{chart}");
    assert!(chart.lines().all(|line| line.chars().count() <= 80), "{chart}");
    let json: Value = serde_json::from_str(&live.run(&["metrics", "api-dev", "-o", "json", "--metric", "pids"]).stdout)
        .expect("JSON");
    assert_eq!(json["metrics"][0]["metric"], "pids", "{json}");

    let before = live.run(&["metrics", "api-dev", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z"]);
    let note = "nothing was measured in this time; only what runs is measured\n";
    assert_eq!((before.code, before.stderr.as_str()), (0, note), "{before:?}");
}

#[test]
fn conclusions_are_shown_and_too_little_history_is_said() {
    let live = Live::with(&["api-dev"]);
    let got = live.run(&["metrics", "api-dev", "--analysis"]);
    assert_eq!(got.code, 0, "{got:?}");
    assert!(got.stdout.contains("Trends:\n  METRIC ") && got.stdout.contains("Unusual:"), "{}", got.stdout);
    let got = live.run(&["metrics", "api-dev", "--recommend"]);
    assert!(got.stdout.contains("SUGGESTED") || got.stderr.contains("too little history"), "{got:?}");
    let json: Value =
        serde_json::from_str(&live.run(&["metrics", "api-dev", "--analysis", "-o", "json"]).stdout).expect("JSON");
    assert_eq!(json["workspace"], "api-dev", "{json}");
    let csv = live.run(&["metrics", "api-dev", "--analysis", "-o", "csv"]);
    assert_eq!((csv.code, csv.stdout.as_str()), (1, ""));
    assert!(csv.stderr.contains("cannot be written as CSV") && csv.stderr.contains("help: "), "{}", csv.stderr);
}

#[test]
fn what_is_wrong_is_said_with_the_next_step() {
    let live = Live::with(&["api-dev"]);
    let got = live.run(&["metrics", "api-dve"]);
    let expected = "error: there is no workspace `api-dve`\n  help: did you mean `api-dev`?\n";
    assert_eq!((got.code, got.stdout.as_str(), got.stderr.as_str()), (1, "", expected));
    let got = live.run(&["metrics", "api-dev", "--since", "1h", "--to", "2h"]);
    assert!(got.code == 1 && got.stderr.contains("before the end") && got.stderr.contains("help: "), "{got:?}");
    let got = Source::empty().run(&["metrics", "api-dev"]);
    assert!(
        got.code == 1 && got.stderr.contains("no controller answers") && got.stderr.contains("wharf run"),
        "{got:?}"
    );
}
