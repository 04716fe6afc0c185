//! The audit log: who asked for what, what was admitted and what was done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::fixture::Source;
use crate::live::{Live, manifest};
use crate::support::small_disk::SmallDisk;
use crate::support::world::{eventually, until};

/// What is nobody's business.
const CANARY: &str = "canary-4f1c9a7be2";

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// `what outcome deed` of the lines about a workspace.
fn about(lines: &[Value], workspace: &str) -> Vec<String> {
    let word = |line: &Value, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let its = lines.iter().filter(|line| line["workspace"] == workspace);
    its.map(|line| ["what", "outcome", "deed"].map(|field| word(line, field)).join(" ")).collect()
}

fn until_line(path: &Path, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || lines(path).into_iter().find(&is))
}

#[test]
fn everything_that_is_admitted_asked_for_and_done_is_a_line() {
    let source = Source::empty();
    let secret = format!("env: [{{name: TOKEN, value: {CANARY}}}], ");
    source.write("api.yaml", &manifest("api").replace("image:", &format!("{secret}image:")));
    source.write("db.yaml", &manifest("db").replace("image:", &format!("{secret}imaeg:")));
    let path = source.path().join(".wharf/audit.log");
    let mut live = Live::of(source);
    live.start();
    until_line(&path, "the workspace was started", |line| {
        line["deed"].as_str().is_some_and(|deed| deed.starts_with("start container"))
    });
    let stopped = live.run(&["stop", "api"]);
    assert_eq!(stopped.code, 0, "{stopped:?}");
    live.end();

    let all = lines(&path);
    let api = about(&all, "api");
    let place = |what: &str| {
        api.iter().position(|line| line.starts_with(what)).unwrap_or_else(|| panic!("no {what}: {api:#?}"))
    };
    let order = [
        "admission accepted generation 1 accepted",
        "action done create container",
        "action done start container",
        "action done stop container",
    ];
    assert!(order.map(place).is_sorted(), "{api:#?}");
    let denied = all.iter().find(|line| line["outcome"] == "denied" && line["workspace"] == "db").expect("denied");
    let reason = denied["reason"].as_str().expect("a reason");
    assert!(reason.starts_with("Invalid: db.yaml:4:") && reason.contains("imaeg"), "{denied}");
    assert_eq!((&denied["actor"], &denied["source"]), (&"controller".into(), &"source".into()));
    let asked = all.iter().find(|line| line["what"] == "request").expect("asked for");
    let actor = asked["actor"].as_str().expect("somebody");
    let me = format!("api uid={} pid=", rustix::process::geteuid().as_raw());
    assert!(actor.strip_prefix(&me).is_some_and(|pid| pid.parse::<u32>().is_ok()), "{asked}");
    assert_eq!((&asked["deed"], &asked["outcome"]), (&"beginBatch".into(), &"accepted".into()));
    let told = all.iter().find(|line| line["what"] == "source").expect("the source");
    assert_eq!(told["deed"], "AppliedWithErrors: 1 accepted, 1 refused");

    assert!(!fs::read_to_string(&path).expect("readable").contains(CANARY));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let Some(disk) = SmallDisk::new("64k") else { return };
    let path = disk.path().join("deeds");
    let mut live = Live::of(Source::empty());
    live.start_with(&["--audit-log-path", path.to_str().expect("UTF-8")]);
    live.source.write("api.yaml", &manifest("api"));
    live.until("the first is there", |summary| summary["summary"]["ready"] == 1);
    disk.fill();
    // More of them than what is left of the file's last page has room for.
    let many: Vec<String> = (0..40).map(|at| manifest(&format!("db-{at}"))).collect();
    live.source.write("many.yaml", &many.join("---\n"));
    live.until("all others are there", |summary| summary["summary"]["ready"] == 41);
    disk.free();
    live.source.write("web.yaml", &manifest("web"));
    let admitted = until_line(&path, "it says that it lacks lines", |line| line["what"] == "audit");
    assert!(admitted["deed"].as_str().is_some_and(|deed| deed.ends_with("lines are missing")), "{admitted}");
    until("it goes on", || !about(&lines(&path), "web").is_empty());
}

#[test]
fn it_can_be_left_out_and_a_file_that_cannot_be_is_an_error() {
    let mut live = Live::of(Source::empty());
    live.source.write("api.yaml", &manifest("api"));
    live.start_with(&["--audit-log-path", "none"]);
    live.until("it runs", |summary| summary["summary"]["ready"] == 1);
    live.end();
    assert!(!live.source.path().join(".wharf/audit.log").exists());
    let refused = live.run(&["run", ".", "--engine", "simulated", "--once", "--audit-log-path", "no/such/file"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("the audit log no/such/file cannot be written") && refused.stderr.contains("`none`")
    );
}

#[test]
fn commands_without_a_controller_account_for_themselves() {
    let mut live = Live::with(&["api"]);
    live.end();
    let path = live.source.path().join(".wharf/audit.log");
    let deleted = live.run(&["delete", "api"]);
    assert_eq!(deleted.code, 0, "{deleted:?}");
    let last = lines(&path).pop().expect("a line");
    let actor = format!("cli delete uid={} pid=", rustix::process::geteuid().as_raw());
    assert!(last["actor"].as_str().is_some_and(|it| it.starts_with(&actor)), "{last}");
    assert_eq!((&last["deed"], &last["workspace"]), (&"deleteWorkspace".into(), &"api".into()));
}
