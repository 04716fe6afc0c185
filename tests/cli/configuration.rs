//! The configuration file: checked, run, and found by commands that only look.

use std::fs;
use std::path::Path;

use crate::fixture::{Source, outcome, wharf};

const HEAD: &str = "apiVersion: wharf/v1\nkind: ControllerConfiguration\nspec:\n";

/// A configuration of one directory beside it, with a state directory and status files of their own.
fn place() -> Source {
    let place = Source::empty();
    let rest = "  stateDir: state\n  statusDir: status\n  instance: shared\n  sources:\n    - {name: platform, directory: {path: source}}\n";
    place.write("wharf.yaml", &format!("{HEAD}{rest}"));
    let manifest = "apiVersion: wharf/v1\nkind: Workspace\nmetadata: {name: box}\nspec: {image: busybox}\n";
    place.write("source/box.yaml", manifest);
    place
}

#[test]
fn the_example_is_valid() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/wharf.yaml");
    let got = outcome(wharf().args(["validate", "--config", example]));
    assert_eq!((got.code, got.stdout.as_str()), (0, ""), "{got:?}");
    // What is commented out is an example, too.
    let text = fs::read_to_string(example).expect("readable");
    let whole: Vec<&str> =
        text.lines().map(|line| line.strip_prefix('#').filter(|it| it.starts_with("  ")).unwrap_or(line)).collect();
    let place = Source::empty();
    place.write("wharf.yaml", &whole.join("\n"));
    let got = place.run(&["validate", "--config", "wharf.yaml"]);
    assert_eq!((got.code, got.stdout.as_str()), (0, ""), "{got:?}");
    assert_ne!(text.lines().collect::<Vec<_>>(), whole, "nothing is commented out");
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    for (spec, expected) in [
        ("  stateDirr: x\n  sources: [{name: a, directory: {path: x}}]\n", "4:3: unknown field `spec.stateDirr`"),
        ("  sources: []\n", "4:12: `spec.sources` needs at least 1 item"),
        ("  sources: [{name: a}]\n", "4:13: `spec.sources[0]` has neither `directory` nor `git`"),
        (
            "  statusDir: x\n  sources: [{name: a, directory: {path: x}, git: {url: /x}}]\n",
            "5:50: `spec.sources[0]` has `directory` and `git`, which exclude each other",
        ),
        (
            "  sources: [{name: a, git: {url: /x}}]\n",
            "4:3: `spec.statusDir` is missing: the source is a git repository",
        ),
        (
            "  statusDir: x\n  sources: [{name: a, git: {url: /x, branch: a, tag: b}}]\n",
            "5:54: `spec.sources[0].git` has `branch` and `tag`, which exclude each other",
        ),
        (
            "  statusDir: x\n  sources: [{name: a, git: {url: /x, branch: a, statusBranch: a}}]\n",
            "5:63: `spec.sources[0].git.statusBranch` is `a`, the branch that the manifests come from",
        ),
        (
            "  statusDir: x\n  sources: [{name: a, git: {url: /x, statusBranch: s}}, {name: b, git: {url: /x, statusBranch: s}}]\n",
            "5:96: two sources push their statuses to branch `s`",
        ),
        (
            "  statusDir: x\n  sources: [{name: a, git: {url: 'ext::sh -c id'}}]\n",
            "5:34: `spec.sources[0].git.url`: not an address of a git repository",
        ),
        (
            "  statusDir: x\n  sources: [{name: a, git: {url: /x, verify: {}}}]\n",
            "5:46: `spec.sources[0].git.verify` has neither `allowedSignersFile` nor `keyringFile`",
        ),
        (
            "  statusDir: x\n  sources: [{name: a, directory: {path: x}}, {name: a, directory: {path: y}}]\n",
            "5:53: two sources are named `a`, first on line 5",
        ),
        (
            "  listen: {address: '0.0.0.0:80', tokenFile: x}\n  sources: [{name: a, directory: {path: x}}]\n",
            "4:21: `spec.listen.address` is `0.0.0.0:80`, which others than this machine reach",
        ),
        (
            "  resync: 0s\n  sources: [{name: a, directory: {path: x}}]\n",
            "4:11: `spec.resync` is `0s`, which is too short",
        ),
    ] {
        let place = Source::empty();
        place.write("wharf.yaml", &format!("{HEAD}{spec}"));
        let got = place.run(&["validate", "--config", "wharf.yaml"]);
        assert_eq!(got.code, 1, "{spec}");
        assert!(got.stdout.starts_with(&format!("wharf.yaml:{expected}")), "{spec}: {}", got.stdout);
        // The controller says the same and does not start.
        let run = place.run(&["run", "--config", "wharf.yaml"]);
        assert_eq!(run.code, 1, "{run:?}");
        assert!(run.stderr.contains(&format!("wharf.yaml:{expected}")), "{}", run.stderr);
    }
}

#[test]
fn a_password_in_an_address_is_shown_nowhere() {
    const SECRET: &str = "s3cr3t-canary";
    let place = Source::empty();
    let url = format!("https://user:{SECRET}@git.example.com/x.git");
    place.write("wharf.yaml", &format!("{HEAD}  statusDir: x\n  sources: [{{name: a, git: {{url: '{url}'}}}}]\n"));
    for (arguments, code) in [
        (&["validate", "--config", "wharf.yaml"][..], 1),
        (&["validate", "--config", "wharf.yaml", "-o", "json"], 1),
        (&["run", "--config", "wharf.yaml"], 1),
        (&["get", "--config", "wharf.yaml"], 1),
        (&["doctor", "--config", "wharf.yaml"], 1),
        (&["run", "--git", &url, "--status-dir", "x"], 2),
    ] {
        let got = place.run(arguments);
        assert_eq!(got.code, code, "{got:?}");
        assert!(!format!("{got:?}").contains(SECRET), "{got:?}");
        assert!(format!("{got:?}").contains("put the token into a file"), "{got:?}");
    }
}

#[test]
fn a_configuration_is_run_and_found_again() {
    let place = place();
    let run = place.run(&["run", "--config", "wharf.yaml", "--engine", "simulated", "--once"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(place.path().join("status/box.status.yaml").is_file(), "status files are where the file says");
    assert!(!place.path().join("source/box.status.yaml").exists());
    assert!(run.stderr.contains("instance=shared"), "{}", run.stderr);

    let elsewhere = Source::empty();
    let file = place.path().join("wharf.yaml");
    let get = |variables: &[(&str, &Path)]| {
        let mut command = wharf();
        command.current_dir(elsewhere.path()).envs(variables.iter().copied());
        outcome(command.args(["get", "-o", "name"])).stdout
    };
    assert_eq!(get(&[("WHARF_CONFIG", &file)]), "workspace/box\n");
    // A directory that is named comes before a configuration that a variable names.
    assert_eq!(get(&[("WHARF_CONFIG", &file), ("WHARF_DIR", elsewhere.path())]), "");
    let by_option = outcome(wharf().args(["get", "-o", "name", "--config"]).arg(&file));
    assert_eq!(by_option.stdout, "workspace/box\n");
    let described = outcome(wharf().args(["describe", "box", "--config"]).arg(&file));
    assert!(described.stdout.contains("busybox"), "the manifest is found: {described:?}");
}

#[test]
fn what_judges_by_one_directory_does_not_judge_by_another() {
    let place = Source::empty();
    place.write(
        "wharf.yaml",
        "apiVersion: wharf/v1\nkind: ControllerConfiguration\nspec:\n  stateDir: state\n  statusDir: status\n  \
         instance: shared\n  sources: [{name: a, directory: {path: a}}, {name: b, directory: {path: b}}]\n",
    );
    for path in ["a", "b", "status", "state"] {
        fs::create_dir(place.path().join(path)).expect("made");
    }
    for arguments in [&["gc"][..], &["gc", "--confirm"]] {
        let got = place.run(&[arguments, &["--config", "wharf.yaml"]].concat());
        assert_eq!((got.code, got.stdout.as_str()), (1, ""), "{arguments:?}: {got:?}");
        assert!(got.stderr.contains("looks at one directory by itself"), "{arguments:?}: {got:?}");
    }
}

#[test]
fn places_that_exclude_each_other_are_a_usage_error() {
    for arguments in [
        &["run", "x", "--git", "/x"][..],
        &["run", "x", "--config", "y"],
        &["run", "--git", "/x", "--config", "y"],
        &["run", "--branch", "main"],
        &["run", "--git", "/x", "--branch", "main", "--tag", "v1"],
        &["run", "--git", "/x", "--ssh-key", "a", "--ssh-known-hosts", "b", "--https-token-file", "c"],
        &["run", "--git", "/x", "--ssh-key", "a"],
        &["run", "--git", "/x"],
        &["get", "--dir", "x", "--config", "y"],
        &["run"],
    ] {
        let got = Source::empty().run(arguments);
        assert_eq!((got.code, got.stdout.as_str()), (2, ""), "{arguments:?}: {got:?}");
    }
    let missing = Source::empty().run(&["run", "--config", "none.yaml"]);
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("cannot read the configuration none.yaml"), "{}", missing.stderr);
    assert!(missing.stderr.contains("\n  help: check that it exists"), "{}", missing.stderr);
}
