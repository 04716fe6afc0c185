//! What Prometheus reads: of a real exposition, checked by Prometheus' own tools.

mod deploy;
mod given;

use std::sync::Arc;

use wharf::telemetry::{CONTENT_TYPE, Process, Scrape, exposition};
use wharf::tracker::Tracker;

use crate::given::{Given, promtool, tracked};

#[test]
fn everything_that_can_be_told_is_told_as_written_here() {
    let text = Given::full().exposition();
    let expected = include_str!("exposition.txt");
    // The version changes with every release.
    let text = text.replace(concat!("version=\"", env!("CARGO_PKG_VERSION"), "\""), "version=\"0.0.0\"");
    assert!(text == expected, "tests/telemetry/exposition.txt is out of date; it should be:\n{text}");
    assert!(CONTENT_TYPE.starts_with("text/plain; version=0.0.4"));
}

#[test]
fn promtool_has_nothing_against_it() {
    for given in [Given::full(), Given::empty(), Given::many(1000)] {
        let text = given.exposition();
        let checked = promtool(&["check", "metrics"], &text);
        assert_eq!(checked, (true, String::new()));
    }
}

#[test]
fn promtool_would_see_what_is_wrong() {
    let (fine, told) = promtool(&["check", "metrics"], "# TYPE wharf_errors counter\nwharf_errors 1\n");
    assert!(!fine && told.contains("counter metrics should have \"_total\" suffix"), "{told}");
    let twice = "# HELP wharf_up Up.\n# TYPE wharf_up gauge\nwharf_up 1\nwharf_up 1 x\n";
    assert!(!promtool(&["check", "metrics"], twice).0);
}

#[test]
fn series_of_a_workspace_go_with_it() {
    let tracker = Tracker::new();
    tracker.publish("api.yaml", vec![tracked("api", "Active")]);
    tracker.publish("db.yaml", vec![tracked("db", "Failed")]);
    let told = |tracker: &Tracker| {
        let (statistics, summary, workspaces) = (tracker.counters().statistics(), tracker.summary(), tracker.all());
        exposition(&Scrape {
            alive: true,
            process: Process::own(),
            statistics: &statistics,
            summary: &summary,
            workspaces: &workspaces,
            webhooks: &[],
            batches: &[],
        })
    };
    let both = told(&tracker);
    assert!(both.contains("wharf_workspace_phase{workspace=\"db\",phase=\"Failed\"} 1\n"), "{both}");
    assert!(both.contains("wharf_workspaces{phase=\"Failed\"} 1\n"));
    tracker.publish("db.yaml", Vec::new());
    let one = told(&tracker);
    assert!(!one.contains("\"db\"") && one.contains("wharf_workspace_ready{workspace=\"api\"} 1\n"), "{one}");
    assert!(one.contains("wharf_workspaces{phase=\"Failed\"} 0\n"));
}

#[test]
fn a_name_that_two_manifests_claim_is_one_series_of_the_one_in_force() {
    let mut given = Given::empty();
    let mut refused = tracked("api", "Failed");
    refused.document.metadata.uid = None;
    given.workspaces = vec![Arc::new(tracked("api", "Active")), Arc::new(refused)];
    let text = given.exposition();
    let phases: Vec<&str> = text.lines().filter(|line| line.starts_with("wharf_workspace_phase")).collect();
    assert_eq!(phases, ["wharf_workspace_phase{workspace=\"api\",phase=\"Active\"} 1"]);
}

#[test]
fn a_thousand_workspaces_are_a_page_of_less_than_two_megabytes() {
    let text = Given::many(1000).exposition();
    let series = text.lines().filter(|line| line.starts_with("wharf_workspace_") && !line.starts_with('#')).count();
    assert_eq!(series, 18_000);
    assert!(text.len() < 2_000_000, "{}", text.len());
}
