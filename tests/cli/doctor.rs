//! `wharf doctor`.

use std::os::unix::net::UnixListener;

use serde_json::Value;
use wharf::store::Lock;

use crate::fixture::{Outcome, Source, outcome, wharf};

fn doctor(source: &Source, host: &str, arguments: &[&str]) -> Outcome {
    outcome(wharf().current_dir(source.path()).env("DOCKER_HOST", host).arg("doctor").args(arguments))
}

/// The findings by name.
fn findings(outcome: &Outcome) -> Value {
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
    let checks = report["checks"].as_array().expect("checks");
    checks.iter().map(|check| (check["name"].as_str().expect("a name").to_owned(), check.clone())).collect()
}

#[test]
fn a_missing_engine_is_1_with_its_socket_and_the_fix() {
    let source = Source::empty();
    let socket = source.path().join("no.sock");
    let got = doctor(&source, &format!("unix://{}", socket.display()), &[]);
    assert_eq!(got.code, 1, "{got:?}");
    let expected = format!("BAD  engine: there is no socket {}", socket.display());
    assert!(got.stdout.starts_with(&expected), "{}", got.stdout);
    assert!(got.stdout.contains("\n       fix: install Docker 20.10 or newer and start it"), "{}", got.stdout);
    assert!(got.stderr.ends_with("1 thing in the way\n"), "{}", got.stderr);
    assert!(got.stdout.is_ascii(), "{}", got.stdout);
}

#[test]
fn an_engine_that_nobody_serves_is_told_apart() {
    let source = Source::empty();
    let socket = source.path().join("deaf.sock");
    drop(UnixListener::bind(&socket).expect("bind"));
    let got = doctor(&source, &format!("unix://{}", socket.display()), &[]);
    assert!(got.stdout.contains(&format!("nobody listens on {}", socket.display())), "{}", got.stdout);
    let got = doctor(&source, "ssh://somewhere", &["-o", "json"]);
    assert_eq!(got.code, 1);
    assert!(findings(&got)["engine"]["message"].as_str().expect("text").contains("ssh -L"), "{got:?}");
}

#[test]
fn the_real_engine_answers() {
    let got = doctor(&Source::empty(), "", &["-o", "json"]);
    let findings = findings(&got);
    assert_eq!(findings["engine"]["verdict"], "good", "{findings}");
    assert!(findings["engine"]["message"].as_str().expect("text").contains(", API 1."), "{findings}");
    for name in ["source directory", "status files", "state directory", "cgroups"] {
        assert_eq!(findings[name]["verdict"], "good", "{findings}");
    }
    // Watches and disks may be short on any machine; the exit code says whether anything is.
    let bad = findings.as_object().expect("findings").values().any(|check| check["verdict"] == "bad");
    assert_eq!(got.code, i32::from(bad), "{got:?}");
}

#[test]
fn no_filter_lets_the_engine_client_log_whole_answers() {
    let log = |filter| doctor(&Source::empty(), "", &["--log-format", "json", "--log", filter]).stderr;
    for filter in ["trace", "trace,bollard=trace", "trace,bollard::docker=debug"] {
        let everything = log(filter);
        assert!(everything.contains("TRACE") && !everything.contains("bollard"), "{filter}: {everything}");
    }
}

#[test]
fn a_running_controller_is_named() {
    let source = Source::empty();
    let _controller = Lock::acquire(&source.path().join("state"), "wharf run .").expect("free");
    let got = findings(&doctor(&source, "", &["--state-dir", "state", "-o", "json"]));
    let message = got["state directory"]["message"].as_str().expect("text");
    let expected = format!("state, held by process {}, `wharf run .`, since ", std::process::id());
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn directories_are_looked_at() {
    let source = Source::empty();
    let got = findings(&doctor(&source, "", &["--dir", "nowhere", "-o", "json"]));
    assert_eq!(got["source directory"]["verdict"], "bad", "{got}");
    // Not even root may write there.
    let got = findings(&doctor(&source, "", &["--status-dir", "/proc", "--state-dir", "/proc/state", "-o", "json"]));
    for name in ["status files", "state directory"] {
        assert_eq!(got[name]["verdict"], "bad", "{got}");
        assert!(got[name]["message"].as_str().expect("text").contains("/proc cannot be written to"), "{got}");
    }
    let before = std::fs::read_dir(source.path()).expect("a directory").count();
    assert_eq!(before, 0, "looking leaves nothing behind");
}
