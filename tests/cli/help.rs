//! Help, usage errors, completions and manual pages.

use crate::fixture::{Source, outcome, wharf};

const COMMANDS: [&str; 24] = [
    "adopt",
    "gc",
    "start",
    "stop",
    "restart",
    "sync",
    "resume",
    "delete",
    "batch",
    "validate",
    "policy",
    "get",
    "describe",
    "events",
    "summary",
    "metrics",
    "top",
    "logs",
    "exec",
    "explain",
    "schema",
    "completions",
    "man",
    "doctor",
];

#[test]
fn every_command_has_help_with_examples_and_exit_codes() {
    for command in COMMANDS {
        let help = outcome(wharf().args([command, "--help"]));
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{command}");
        for part in [&format!("Usage: wharf {command}"), "Examples:\n  ", "Exit codes:\n  0  "] {
            assert!(help.stdout.contains(part), "{command} --help lacks {part:?}:\n{}", help.stdout);
        }
        assert!(!help.stdout.contains("The arguments of"), "a docstring for developers shows:\n{}", help.stdout);
    }
}

#[test]
fn the_help_names_every_command() {
    let help = outcome(wharf().arg("--help"));
    assert_eq!(help.code, 0);
    for command in COMMANDS {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command}");
    }
}

#[test]
fn a_senseless_command_line_is_2_and_says_so_on_standard_error() {
    for arguments in [
        &["gte"][..],
        &[],
        &["get", "-o", "xml"],
        &["get", "-l", "a in (b)"],
        &["get", "x", "-l", "a"],
        &["describe"],
        &["logs"],
        &["metrics"],
        &["metrics", "x", "--metric", "cpus"],
        &["metrics", "x", "--since", "then"],
        &["metrics", "x", "--recommend", "--since", "1h"],
        &["exec", "x"],
        &["logs", "x", "--since", "then"],
    ] {
        let outcome = outcome(wharf().args(arguments));
        assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(outcome.stderr.contains("Usage:") || outcome.stderr.contains("error:"), "{outcome:?}");
    }
    let outcome = outcome(wharf().args(["--log", "wharf=loud", "schema"]));
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(outcome.stderr.starts_with("error: `wharf=loud` is not a log filter\n"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("\n  help: use one such as `info`"), "{}", outcome.stderr);
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = outcome(wharf().args(["completions", shell]));
        assert_eq!(script.code, 0, "{shell}");
        for command in COMMANDS {
            assert!(script.stdout.contains(command), "{shell} does not complete {command}");
        }
    }
}

#[test]
fn manual_pages_are_printed_one_by_one_and_written_all_together() {
    let main = outcome(wharf().arg("man"));
    assert!(
        main.code == 0 && main.stdout.contains(".TH wharf 1") && main.stdout.contains("Wharf Manual"),
        "{}",
        main.stdout
    );
    let get = outcome(wharf().args(["man", "get"]));
    assert!(get.stdout.contains(".TH wharf-get 1") && get.stdout.contains("Exit codes:"), "{}", get.stdout);
    let unknown = outcome(wharf().args(["man", "gte"]));
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("there is no command `gte`"), "{}", unknown.stderr);

    let directory = Source::empty();
    let written = directory.run(&["man", "--write", "share/man1"]);
    assert_eq!((written.code, written.stdout.as_str()), (0, ""), "{written:?}");
    for page in COMMANDS.map(|command| format!("wharf-{command}.1")).iter().chain([&"wharf.1".to_owned()]) {
        let text = std::fs::read_to_string(directory.path().join("share/man1").join(page)).expect(page);
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
}
