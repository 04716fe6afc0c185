//! The alerts and the dashboard in `deploy/`: Prometheus understands them, and they ask only for what is told.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::given::{Given, promtool};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of our metrics in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("wharf_") || word.starts_with("process_")).collect()
}

/// The metrics of an exposition: what stands before labels or values.
fn told(exposition: &str) -> BTreeSet<&str> {
    let samples = exposition.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&read("deploy/grafana/wharf.json")).expect("the dashboard is JSON")
}

/// What the panels ask for.
fn expressions(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().expect("an expression").to_owned()).collect()
}

#[test]
fn the_dashboard_and_the_alerts_ask_only_for_what_is_told() {
    let exposition = Given::full().exposition();
    let told = told(&exposition);
    let (rules, dashboard) = (read("deploy/prometheus/wharf.rules.yml"), dashboard());
    let asked = [expressions(&dashboard).join("\n"), dashboard["templating"].to_string(), rules].join("\n");
    let asked = names(&asked);
    let unknown: Vec<&&str> = asked.difference(&told).collect();
    assert!(unknown.is_empty() && asked.len() > 25, "nobody tells {unknown:?}");
}

#[test]
fn prometheus_understands_every_expression_of_the_dashboard() {
    let expressions = expressions(&dashboard());
    assert!(expressions.len() > 25, "{expressions:?}");
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (index, expression) in expressions.iter().enumerate() {
        // What Grafana puts in.
        let filled =
            expression.replace("$__rate_interval", "1m").replace("$instance", ".*").replace("$workspace", ".*");
        assert!(!filled.contains('$'), "{filled}");
        write!(rules, "      - record: panel:expression:{index}\n        expr: '{filled}'\n").expect("a string");
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard.rules.yml");
    fs::write(&file, rules).expect("a file");
    let (accepted, said) = promtool(&["check", "rules", &file.display().to_string()], "");
    assert!(accepted, "{said}");
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let side = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        for (x, y) in (0..side("w")).flat_map(|dx| (0..side("h")).map(move |dy| (dx, dy))) {
            let place = (side("x") + x, side("y") + y);
            assert!(place.0 < 24 && taken.insert(place), "{} at {place:?}", panel["title"]);
        }
    }
}

#[test]
fn prometheus_accepts_the_alerts_and_they_fire_when_they_should() {
    for arguments in [
        &["check", "rules", "deploy/prometheus/wharf.rules.yml"][..],
        &["test", "rules", "deploy/prometheus/wharf.rules.test.yml"],
        &["check", "config", "--syntax-only", "deploy/prometheus/scrape.example.yml"],
    ] {
        let (fine, said) = promtool(arguments, "");
        assert!(fine && said.contains("SUCCESS"), "{said}");
    }
}

#[test]
fn every_alert_is_tested_both_ways() {
    let (rules, tests) = (read("deploy/prometheus/wharf.rules.yml"), read("deploy/prometheus/wharf.rules.test.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in alerts {
        let quiet = tests.contains(&format!("alertname: {alert}}}"));
        let fires = tests.contains(&format!("alertname: {alert}\n        exp_alerts:"));
        assert!(quiet && fires, "{alert}: quiet {quiet}, fires {fires}");
    }
}
