//! `wharf validate`.

use std::process::Command;

use serde_json::Value;

use crate::fixture::{Source, outcome, wharf};

fn manifest(name: &str) -> String {
    format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata:\n  name: {name}\nspec:\n  image: busybox\n")
}

#[test]
fn valid_manifests_are_0_and_say_nothing_on_standard_output() {
    let source = Source::empty();
    source.write("a.yaml", &manifest("a"));
    source.write("team/b.yml", &manifest("b"));
    let got = source.run(&["validate", "."]);
    assert_eq!((got.code, got.stdout.as_str(), got.stderr.as_str()), (0, "", "2 workspaces in 2 files: valid\n"));
}

#[test]
fn every_problem_has_its_place_and_help() {
    let source = Source::empty();
    source.write("good.yaml", &manifest("good"));
    source.write("bad.yaml", &manifest("bad").replace("  image: busybox", "  imagee: busybox"));
    let got = source.run(&["validate", "."]);
    assert_eq!(got.code, 1, "{got:?}");
    assert!(got.stdout.starts_with("bad.yaml:"), "{}", got.stdout);
    let place = got.stdout.split(": ").next().expect("a place");
    let numbers: Vec<u32> = place.split(':').skip(1).map(|number| number.parse().expect("a number")).collect();
    assert_eq!(numbers.len(), 2, "{place}");
    assert!(got.stdout.contains("\n  help: "), "{}", got.stdout);
    assert!(got.stderr.contains("1 file"), "{}", got.stderr);
}

#[test]
fn problems_are_machine_readable() {
    let source = Source::empty();
    source.write("good.yaml", &manifest("good"));
    let got = source.run(&["validate", "good.yaml", "missing.yaml", "-o", "json"]);
    assert_eq!(got.code, 1);
    let report: Value = serde_json::from_str(&got.stdout).expect("JSON");
    assert_eq!((&report["files"], &report["workspaces"]), (&2.into(), &1.into()));
    let problem = &report["problems"][0];
    assert_eq!((&problem["file"], &problem["line"]), (&"missing.yaml".into(), &Value::Null));
    assert!(problem["message"].as_str().expect("text").starts_with("cannot be read: "), "{problem}");

    source.write("bad.yaml", "spec: 1\n");
    let report: Value =
        serde_json::from_str(&source.run(&["validate", "bad.yaml", "-o", "json"]).stdout).expect("JSON");
    assert!(report["problems"][0]["line"].is_u64() && report["problems"][0]["column"].is_u64(), "{report}");
}

#[test]
fn a_name_is_claimed_once() {
    let source = Source::empty();
    source.write("a.yaml", &manifest("api"));
    source.write("b.yaml", &manifest("api"));
    let got = source.run(&["validate", "a.yaml", "b.yaml"]);
    assert_eq!(got.code, 1);
    assert!(
        got.stdout.starts_with("b.yaml:1:1: workspace `api` is declared already at a.yaml:1\n  help: "),
        "{}",
        got.stdout
    );
    // The same file by two ways is one file.
    assert_eq!(source.run(&["validate", "a.yaml", "./a.yaml"]).code, 0);
}

#[test]
fn standard_input_is_a_file() {
    let good = outcome(wharf().args(["validate", "-"]).write_stdin(manifest("a")));
    assert_eq!((good.code, good.stdout.as_str()), (0, ""), "{good:?}");
    let bad = outcome(wharf().args(["validate", "-"]).write_stdin("spec: 1\n"));
    assert_eq!(bad.code, 1);
    assert!(bad.stdout.starts_with("<stdin>:"), "{}", bad.stdout);
}

#[test]
fn directories_are_read_as_the_controller_reads_them() {
    let source = Source::with_two();
    source.write("a.yaml", &manifest("a"));
    for ignored in [".hidden.yaml", ".git/x.yaml", "a.yaml~", "notes.txt"] {
        source.write(ignored, "not: [valid\n");
    }
    let got = source.run(&["validate", "."]);
    assert_eq!((got.code, got.stderr.as_str()), (0, "1 workspace in 1 file: valid\n"), "{got:?}");

    assert!(Command::new("mkfifo").arg(source.path().join("pipe.yaml")).status().expect("mkfifo").success());
    let got = source.run(&["validate", "."]);
    assert_eq!(got.code, 1);
    assert!(got.stdout.starts_with("pipe.yaml: is a named pipe, not a file"), "{}", got.stdout);
}

#[test]
fn an_emptied_file_is_an_error_and_one_with_a_comment_is_not() {
    let source = Source::empty();
    source.write("a.yaml", "");
    source.write("b.yaml", "# nothing yet\n");
    let expected = "a.yaml:1:1: the file is empty\n  help: write a manifest, or delete the file; an emptied file \
                    deletes nothing\n";
    for path in [".", "a.yaml"] {
        let got = source.run(&["validate", path]);
        assert_eq!((got.code, got.stdout.as_str()), (1, expected), "{path}");
    }
    assert_eq!(source.run(&["validate", "b.yaml"]).code, 0);
}

#[test]
fn an_empty_directory_is_pointed_out() {
    let got = Source::empty().run(&["validate", "."]);
    assert_eq!((got.code, got.stdout.as_str()), (0, ""));
    assert!(got.stderr.contains("there are no manifests here"), "{}", got.stderr);
}

#[test]
fn nothing_from_a_manifest_reaches_the_terminal_raw() {
    let source = Source::empty();
    source.write("bad.yaml", "apiVersion: wharf/v1\n\"ki\\e[2Jnd\": Workspace\nmetadata: {name: \"a\\e[31m\"}\n");
    let got = source.run(&["validate", "."]);
    assert_eq!(got.code, 1);
    assert!(!got.stdout.contains('\u{1b}'), "{:?}", got.stdout);
}
