//! `get`, `describe` and `events` on status files.

use serde_json::Value;
use wharf::store::Lock;

use crate::fixture::{Source, ago, api_dev, db};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[test]
fn get_is_a_table() {
    let got = Source::with_two().run(&["get"]);
    assert_eq!(got.code, 0, "{got:?}");
    let expected = "\
NAME      PHASE      READY   RESTARTS   AGE   IMAGE          SUMMARY
api-dev   Active     True    2          5d    acme/dev:1.4   running for 2h, healthy
db        Inactive   False   0          -     -              exited with 1
";
    assert_eq!(got.stdout, expected);
}

#[test]
fn get_wide_has_more_columns() {
    let got = Source::with_two().run(&["get", "api-dev", "-o", "wide"]);
    let expected = "\
NAME      PHASE    READY   RESTARTS   AGE   IMAGE          SUMMARY                   GENERATION   CONTAINER      \
IP           PORTS                       MANIFEST
api-dev   Active   True    2          5d    acme/dev:1.4   running for 2h, healthy   3            4f5e6d7c8b9a   \
172.18.0.5   127.0.0.1:18080->8080/tcp   team/api-dev.yaml
";
    assert_eq!(got.stdout, expected);
}

#[test]
fn documents_are_one_for_a_name_and_a_list_otherwise() {
    let source = Source::with_two();
    let one = json(&source.run(&["get", "db", "-o", "json"]).stdout);
    assert_eq!((&one["kind"], &one["metadata"]["name"]), (&"WorkspaceStatus".into(), &"db".into()));
    let list = json(&source.run(&["get", "-o", "json"]).stdout);
    assert_eq!((&list["apiVersion"], &list["kind"]), (&"wharf/v1".into(), &"List".into()));
    assert_eq!(list["items"].as_array().expect("items").len(), 2);
    assert_eq!(list["items"][1], one);

    let yaml = source.run(&["describe", "db", "-o", "yaml"]).stdout;
    let read: wharf::model::WorkspaceStatus = serde_json::from_value(one).expect("a status");
    assert!(yaml.starts_with("apiVersion: wharf/v1\nkind: WorkspaceStatus\n"), "{yaml}");
    assert!(yaml.contains(&read.status.summary), "{yaml}");
    assert_eq!(source.run(&["get", "-o", "name"]).stdout, "workspace/api-dev\nworkspace/db\n");
}

#[test]
fn an_empty_list_is_still_a_document() {
    let source = Source::empty();
    let got = source.run(&["get", "-o", "json"]);
    assert_eq!((got.code, json(&got.stdout)["items"].clone()), (0, Value::Array(Vec::new())));
    let got = source.run(&["get"]);
    assert_eq!((got.code, got.stdout.as_str()), (0, ""));
    assert!(got.stderr.contains("no workspaces in .;") && got.stderr.contains("wharf run"), "{}", got.stderr);
    assert!(!source.run(&["get", "-q"]).stderr.contains("no workspaces"));
    let _controller = Lock::acquire(&source.path().join(".wharf"), "a controller").expect("free");
    let got = source.run(&["get"]);
    assert!(got.stderr.contains("no workspaces in .;") && !got.stderr.contains("wharf run"), "{}", got.stderr);
}

#[test]
fn selectors_choose_by_label() {
    let source = Source::with_two();
    for (selector, names) in [
        ("team=payments", "workspace/api-dev\n"),
        ("team!=payments", "workspace/db\n"),
        ("team", "workspace/api-dev\nworkspace/db\n"),
        ("!tier", "workspace/db\n"),
        ("team=payments,tier=prod", ""),
    ] {
        let got = source.run(&["get", "-o", "name", "-l", selector]);
        assert_eq!((got.code, got.stdout.as_str()), (0, names), "{selector}");
    }
    let none = source.run(&["get", "-l", "team=search"]);
    assert!(none.stderr.contains("no workspace in . has labels `team=search`"), "{}", none.stderr);
}

#[test]
fn reads_say_when_nobody_keeps_the_status_files_true() {
    let source = Source::with_two();
    let note = "from status files in .; no controller is running\n";
    assert_eq!(source.run(&["get"]).stderr, note);
    assert_eq!(source.run(&["describe", "db"]).stderr, note);
    assert_eq!(source.run(&["get", "--quiet"]).stderr, "");
    let _controller = Lock::acquire(&source.path().join(".wharf"), "a controller").expect("free");
    assert_eq!(source.run(&["get"]).stderr, "");
    assert_eq!(source.run(&["events", "--state-dir", "elsewhere"]).stderr, note);
}

#[test]
fn an_unknown_name_is_1_and_the_others_are_shown() {
    let source = Source::with_two();
    let got = source.run(&["get", "db", "apidev", "-o", "name"]);
    assert_eq!((got.code, got.stdout.as_str()), (1, "workspace/db\n"));
    assert!(
        got.stderr.ends_with("error: there is no workspace `apidev` in .\n  help: did you mean `api-dev`?\n"),
        "{}",
        got.stderr
    );
    for arguments in [
        &["describe", "frontend"][..],
        &["events", "frontend"],
        &["get", "frontend", "-w"],
        &["events", "frontend", "-w"],
    ] {
        let got = source.run(arguments);
        assert_eq!((got.code, got.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(got.stderr.contains("`wharf get` lists the workspaces there are"), "{}", got.stderr);
    }
}

#[test]
fn a_missing_directory_is_1_and_named() {
    let got = Source::empty().run(&["get", "--dir", "nowhere"]);
    assert_eq!((got.code, got.stdout.as_str()), (1, ""));
    assert!(got.stderr.starts_with("error: there is no directory nowhere\n  help: "), "{}", got.stderr);
}

#[test]
fn status_files_of_their_own_directory_are_shown_while_the_source_is_away() {
    let statuses = Source::with_two();
    let elsewhere = Source::empty();
    let status_dir = statuses.path().to_str().expect("UTF-8");
    for arguments in [&["get", "db"][..], &["describe", "db"], &["events", "db"]] {
        let got = elsewhere.run(&[arguments, &["--dir", "nowhere", "--status-dir", status_dir]].concat());
        assert_eq!(got.code, 0, "{got:?}");
        // The lock is away, too: whether a controller runs is not known.
        assert!(!got.stderr.contains("no controller"), "{}", got.stderr);
    }
    let neither = elsewhere.run(&["get", "--dir", "nowhere", "--status-dir", "nowhere-else"]);
    assert!(neither.code == 1 && neither.stderr.contains("there is no directory nowhere\n"), "{neither:?}");
}

#[test]
fn the_directory_of_a_controller_is_an_argument() {
    for command in ["run", "plan"] {
        let got = Source::empty().run(&[command, "nowhere"]);
        let expected = "error: there is no directory nowhere\n  help: make it, or name another directory\n";
        assert_eq!((got.code, got.stderr.as_str()), (1, expected), "{command}");
    }
}

#[test]
fn directories_come_from_the_environment_and_options_win() {
    let (source, elsewhere) = (Source::with_two(), Source::empty());
    let run = |arguments: &[&str]| {
        let mut command = crate::fixture::wharf();
        crate::fixture::outcome(command.current_dir(elsewhere.path()).env("WHARF_DIR", source.path()).args(arguments))
    };
    assert_eq!(run(&["get", "-o", "name"]).stdout, "workspace/api-dev\nworkspace/db\n");
    assert_eq!(run(&["get", "-o", "name", "--dir", "."]).stdout, "");
    let status_dir = source.path().to_str().expect("UTF-8");
    assert_eq!(run(&["get", "db", "-o", "name", "--dir", ".", "--status-dir", status_dir]).stdout, "workspace/db\n");
}

#[test]
fn a_broken_status_file_hides_no_other() {
    let source = Source::with_two();
    source.write("broken.status.yaml", "kind: [\n");
    let got = source.run(&["get", "-o", "name"]);
    assert_eq!((got.code, got.stdout.as_str()), (1, "workspace/api-dev\nworkspace/db\n"));
    assert!(got.stderr.contains("warning: ") && got.stderr.contains("broken.status.yaml"), "{}", got.stderr);
    assert!(got.stderr.contains("error: 1 status file cannot be read\n  help: "), "{}", got.stderr);
    assert_eq!(source.run(&["get", "db"]).code, 0);
}

#[test]
fn describe_tells_everything_of_a_healthy_one() {
    let got = Source::with_two().run(&["describe", "api-dev"]);
    assert_eq!(got.code, 0, "{got:?}");
    for line in [
        "Name:          api-dev",
        "UID:           01JCXYZ",
        "Labels:        team=payments",
        "               tier=dev",
        "Manifest:      team/api-dev.yaml",
        "Generation:    3 (this status is about 3)",
        "Phase:         Active",
        "Why:           everything is as declared",
        "Next:          nothing to do; differences are noticed and repaired",
        "               because it was stopped",
        "  TYPE         STATUS   REASON     AGE   MESSAGE",
        "  Ready        True     Running    9h    -",
        "  ID:          4f5e6d7c8b9a4f5e6d7c8b9a",
        "  Restarts:    2",
        "  Ports:       127.0.0.1:18080->8080/tcp",
        "  LAST SEEN   TYPE      REASON    MESSAGE",
        "  5d          Warning   Died      exit code 1",
        "  9h          Normal    Started   container started (x3 over 5d)",
    ] {
        assert!(got.stdout.lines().any(|found| found == line), "no line {line:?} in\n{}", got.stdout);
    }
}

#[test]
fn describe_says_why_and_what_happens_next() {
    let got = Source::with_two().run(&["describe", "-l", "team=storage"]);
    for part in [
        "Why:           BackOff: restarts when its delay is over\n               NotRunning: exited with 1\n",
        "Next:          attempt 3 at ",
        " (in 5h59m)\n",
        "Failures:      2 in a row\nLast error:    Engine: port 5432 is taken\n",
        "Container:     none\n",
        "Events:        none\n",
    ] {
        assert!(got.stdout.contains(part), "no {part:?} in\n{}", got.stdout);
    }
}

const MANIFEST: &str = r#"
apiVersion: wharf/v1
kind: Workspace
metadata: {name: cache}
spec: {image: "redis:7"}
---
apiVersion: wharf/v1
kind: Workspace
metadata: {name: api-dev, labels: {team: payments}}
spec:
  state: Running
  image: acme/dev:1.4
  args: ["clear \e[2J\u202e", "two\nlines"]
  env:
    - {name: TOKEN, value: hunter2}
    - {name: KEY, valueFrom: {file: secrets/key}}
  ports: [{container: 8080}]
  resources: {memory: 536870912}
  network: {mode: Isolated}
  security: {noNewPrivileges: true, readOnlyRootFilesystem: true}
  recovery: {maxRetries: 3, window: 600s}
"#;

#[test]
fn describe_shows_the_spec_without_defaults_and_values() {
    let source = Source::with_two();
    source.write("team/api-dev.yaml", MANIFEST);
    let got = source.run(&["describe", "api-dev"]);
    assert_eq!(got.code, 0, "{got:?}");
    let expected = r#"
Spec:
  args:
  - "clear \e[2J\u{202e}"
  - |-
    two
    lines
  env:
  - name: TOKEN
    value: <set>
  - name: KEY
    valueFrom:
      file: secrets/key
  image: acme/dev:1.4
  ports:
  - container: 8080
    hostIP: 127.0.0.1
    protocol: tcp
  recovery:
    maxRetries: 3
  resources:
    memory: 512Mi
  security:
    readOnlyRootFilesystem: true

Conditions:
"#;
    assert!(got.stdout.contains(expected), "{}", got.stdout);
    assert!(!got.stdout.contains("hunter2") && !got.stdout.contains("redis"), "{}", got.stdout);
}

#[test]
fn describe_says_why_it_cannot_show_the_spec() {
    let source = Source::with_two();
    let assert_spec = |line: &str| {
        let got = source.run(&["describe", "api-dev"]);
        assert_eq!(got.code, 0, "{got:?}");
        assert!(got.stdout.contains(&format!("\nSpec:          {line}\n\n")), "no {line:?} in\n{}", got.stdout);
    };
    assert_spec("the manifest cannot be read: No such file or directory (os error 2); it was looked for in .");
    source.write("team/api-dev.yaml", &MANIFEST.replace("name: api-dev", "name: api-prod"));
    assert_spec("the manifest does not declare it any more");
    for (right, wrong) in
        [("state: Running", "state: Runs"), ("name: api-dev", "name: [api-dev]"), ("spec:", "\tspec:")]
    {
        source.write("team/api-dev.yaml", &MANIFEST.replace(right, wrong));
        assert_spec("the manifest is not valid; see Accepted");
    }

    source.write("team/api-dev.yaml", MANIFEST);
    let status = api_dev("running");
    source.write(
        "team/api-dev.status.yaml",
        &status.replacen("status: \"True\", reason: Valid", "status: \"False\", reason: DuplicateName", 1),
    );
    assert_spec("the manifest is not in force; see Accepted");
    source.write("outside.yaml", MANIFEST);
    source.write("team/api-dev.status.yaml", &status.replace("team/api-dev.yaml", "team/../outside.yaml"));
    assert_spec(
        "`team/../outside.yaml` is not the path of a manifest: use one relative to the source, without `..`, such as \
         `team/api-dev.yaml`",
    );
}

#[test]
fn describe_says_when_a_container_is_restarted() {
    let source = Source::empty();
    let status = db();
    let (before, rest) = status.split_once("  retry:").expect("a retry");
    let (_, after) = rest.split_once("  events:").expect("events");
    let in_backoff = |time: &str| {
        let message = format!("exited with 1; restarting at {time}");
        let status = format!("{before}  events:{after}").replace("restarts when its delay is over", &message);
        source.write("db.status.yaml", &status);
        source.run(&["describe", "db"]).stdout
    };
    let later = ago(-6);
    let expected = format!("Next:          next attempt at {later} (in 5h59m)\n");
    let got = in_backoff(&later);
    assert!(got.contains(&expected), "{got}");
    let got = in_backoff(&ago(9));
    assert!(got.contains("(9h ago); is a controller running?\n"), "{got}");
}

#[test]
fn events_are_one_log_newest_last() {
    let source = Source::with_two();
    let expected = "\
LAST SEEN   TYPE      REASON    WORKSPACE   MESSAGE
5d          Warning   Died      api-dev     exit code 1
9h          Normal    Started   api-dev     container started (x3 over 5d)
";
    assert_eq!(source.run(&["events"]).stdout, expected);
    let list = json(&source.run(&["events", "-o", "json"]).stdout);
    let newest = &list["items"][1];
    assert_eq!(
        (&newest["workspace"], &newest["reason"], &newest["count"]),
        (&"api-dev".into(), &"Started".into(), &3.into())
    );
    let none = source.run(&["events", "db"]);
    assert_eq!((none.code, none.stdout.as_str()), (0, ""));
    assert!(none.stderr.contains("no events yet"), "{}", none.stderr);
}

#[test]
fn nothing_from_a_status_file_reaches_the_terminal_raw() {
    let source = Source::empty();
    // Every text of a status file, each with a sequence that would clear the screen, a line break and a C1 control.
    let hostile = r"\e[2J\nFORGED\x9b1m";
    let status = api_dev(&format!("\"{hostile}\""))
        .replace("name: api-dev", &format!("name: \"api{hostile}\""))
        .replace("payments", &format!("\"pay{hostile}\""))
        .replace("acme/dev:1.4", &format!("\"img{hostile}\""))
        .replace("container started", &format!("\"msg{hostile}\""))
        .replace("it was stopped", &format!("\"cause{hostile}\""))
        .replace("team/api-dev.yaml", &format!("\"path{hostile}\""));
    source.write("hostile.status.yaml", &status);
    for arguments in [
        &["get"][..],
        &["get", "-o", "wide"],
        &["get", "-o", "name"],
        &["get", "-o", "json"],
        &["get", "-o", "yaml"],
        &["describe", "-l", "tier"],
        &["events"],
        &["events", "-o", "json"],
        &["get", "api\u{1b}[2"],
    ] {
        let got = source.run(arguments);
        assert!(got.code == 0 || arguments.len() == 2, "{got:?}");
        let everything = got.stdout.clone() + &got.stderr;
        assert!(!everything.is_empty());
        assert!(!everything.contains(|c: char| c.is_control() && c != '\n'), "{arguments:?}: {everything:?}");
        assert!(!everything.lines().any(|line| line.starts_with("FORGED")), "{arguments:?}: {everything}");
    }
}
