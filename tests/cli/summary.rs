//! `wharf summary`.

use serde_json::{Value, json};

use crate::fixture::Source;
use crate::live::Live;

#[test]
fn the_controller_says_everything_of_itself() {
    let live = Live::with(&["api", "db"]);
    let summary = live.until("measured", |_| true);
    assert_eq!(summary["summary"]["phases"], json!({"Active": 2}), "{summary}");
    assert!(summary["summary"]["pids"].as_u64() >= Some(2), "{summary}");
    let statistics = &summary["statistics"];
    assert_eq!(statistics["engineReachable"], true, "{summary}");
    for field in ["passes", "passDuration", "actions", "errors", "queueDepth", "eventLag", "monitor"] {
        assert!(!statistics[field].is_null(), "{field} of {summary}");
    }

    for form in [&["summary"][..], &["summary", "-o", "table"]] {
        let got = live.run(form);
        assert_eq!((got.code, got.stderr.as_str()), (0, ""), "{got:?}");
        for line in ["Workspaces:    2\n  Active:      2\nReady:         2 of 2\n", "  Engine:      answers\n"] {
            assert!(got.stdout.contains(line), "{line:?} in {}", got.stdout);
        }
    }
    let yaml = live.run(&["summary", "-o", "yaml"]).stdout;
    assert!(yaml.starts_with("summary:\n  workspaces: 2\n"), "{yaml}");
}

#[test]
fn without_a_controller_the_status_files_are_counted_and_that_is_said() {
    let source = Source::with_two();
    let got = source.run(&["summary", "-o", "json"]);
    let expected = json!({"summary": {
        "workspaces": 2, "phases": {"Active": 1, "Inactive": 1}, "ready": 1, "alerting": 0, "held": 0,
    }});
    assert_eq!(serde_json::from_str::<Value>(&got.stdout).expect("JSON"), expected);
    let note = "from status files in .; no controller is running\n\
        what workspaces use, and what the controller does, is known while it runs: `wharf run DIR`\n";
    assert_eq!((got.code, got.stderr.as_str()), (0, note));
    let text = "Workspaces:    2\n  Active:      1\n  Inactive:    1\nReady:         1 of 2\nAlerting:      0\nHeld:          0\n";
    assert_eq!(source.run(&["summary"]).stdout, text);
}
