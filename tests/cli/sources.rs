//! `wharf get sources` and `wharf sync --source`, and statuses that go back to where the manifests are from.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::fixture::Source;
use crate::live::{Live, manifest};
use crate::support::world::eventually;

fn source(live: &Live) -> Option<Value> {
    let shown = live.run(&["get", "sources", "source", "-o", "json"]);
    serde_json::from_str(&shown.stdout).ok()
}

fn until(live: &Live, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || source(live).filter(&is))
}

#[test]
fn a_directory_is_a_source_that_says_what_came_of_it() {
    let mut live = Live::of(Source::empty());
    live.source.write("api.yaml", &manifest("api"));
    live.start_with(&["--poll", "1h"]);
    let good = until(&live, "it is applied", |source| source["outcome"] == "Applied");
    assert_eq!((&good["kind"], &good["workspaces"], &good["refused"]), (&"directory".into(), &1.into(), &0.into()));
    assert!(good["lastSync"].is_string() && good["location"].as_str().is_some_and(|it| it.starts_with('/')), "{good}");

    live.source.write("db.yaml", &manifest("db").replace("image", "imaeg"));
    let mixed = until(&live, "one is refused", |source| source["refused"] == 1);
    assert_eq!(mixed["outcome"], "AppliedWithErrors");
    assert!(mixed["message"].as_str().is_some_and(|it| it.starts_with("db.yaml:4:")), "{mixed}");
    let table = live.run(&["get", "sources"]);
    let row: Vec<&str> = table.stdout.lines().last().expect("a row").split_whitespace().collect();
    assert_eq!(row[..5], ["source", "directory", "AppliedWithErrors", "1", "1"], "{}", table.stdout);
    assert!(live.run(&["get", "sources", "-o", "wide"]).stdout.contains("db.yaml:4:"));
    assert_eq!(live.run(&["get", "sources", "-o", "name"]).stdout, "source/source\n");
    let yaml = live.run(&["get", "sources", "-o", "yaml"]).stdout;
    assert!(yaml.contains("kind: List") && yaml.contains("outcome: AppliedWithErrors"), "{yaml}");

    live.source.remove("api.yaml");
    until(&live, "nothing of it is in force", |source| source["outcome"] == "Refused");
}

#[test]
fn a_look_is_asked_for_by_name_or_of_all() {
    let mut live = Live::of(Source::empty());
    live.start_with(&["--poll", "1h"]);
    let first = until(&live, "it was read", |source| source["lastSync"].is_string());
    let asked = live.run(&["sync", "--source", "source"]);
    assert_eq!((asked.code, asked.stdout.as_str()), (0, "sync source: the source is looked at now\n"), "{asked:?}");
    // Times are of whole seconds: asked for again until one has passed.
    let later = eventually("it was read again", || {
        assert_eq!(live.run(&["sync", "--sources", "-o", "json"]).code, 0);
        source(&live).filter(|source| source["lastSync"] != first["lastSync"])
    });
    assert_eq!(later["outcome"], first["outcome"]);
    let unknown = live.run(&["sync", "--source", "suorce"]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.stderr.contains("there is no source `suorce`") && unknown.stderr.contains("`source`"),
        "{unknown:?}"
    );
}

#[test]
fn without_a_controller_nobody_knows_sources() {
    let source = Source::empty();
    for arguments in [&["get", "sources"][..], &["sync", "--sources"], &["sync", "--source", "x"]] {
        let outcome = source.run(arguments);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(
            outcome.stderr.contains("no controller answers") && outcome.stderr.contains("wharf run"),
            "{outcome:?}"
        );
    }
    for arguments in
        [&["get", "sources", "-w"][..], &["sync", "--source", "x", "api"], &["sync", "--sources", "--all"], &["sync"]]
    {
        assert_eq!(source.run(arguments).code, 2, "{arguments:?}");
    }
}

fn git(remote: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    let output = Command::new("git").arg("-C").arg(remote).args(identity).args(arguments).output().expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

#[test]
fn statuses_are_pushed_to_a_branch_of_the_repository() {
    let place = Source::empty();
    place.write("remote/team/api.yaml", &manifest("api"));
    let remote = place.path().join("remote");
    git(&remote, &["init", "--quiet", "--initial-branch=main"]);
    git(&remote, &["add", "--all"]);
    git(&remote, &["commit", "--quiet", "-m", "Add the API"]);
    let head = git(&remote, &["rev-parse", "HEAD"]);
    let url = remote.display().to_string();
    let places = ["--status-dir", "status", "--state-dir", "state", "--status-branch", "seen"];
    let run = ["run", "--git", &url, "--engine", "simulated", "--once"];
    let got = place.run(&[&run[..], &places].concat());
    assert_eq!(got.code, 0, "{got:?}");
    assert_eq!(git(&remote, &["ls-tree", "-r", "--name-only", "seen"]), "team/api.status.yaml");
    let pushed = git(&remote, &["show", "seen:team/api.status.yaml"]);
    let written = std::fs::read_to_string(place.path().join("status/team/api.status.yaml")).expect("readable");
    assert_eq!(pushed, written.trim());
    let said = git(&remote, &["log", "-1", "--format=%an <%ae> %(trailers:key=Wharf-Revision,valueonly)", "seen"]);
    assert_eq!(said, format!("wharf <wharf@localhost> {head}"));
    assert_eq!(git(&remote, &["rev-list", "--count", "seen"]), "1");
}
