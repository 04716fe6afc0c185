//! Documents that people follow step by step, followed word for word: on the real engine, with the real program.

mod blocks;
mod shell;

#[path = "../support/mod.rs"]
mod support;

use shell::Shell;
use support::real::{IMAGE, Scope, ensure_image};

/// A shell in a place of its own, for an instance of its own.
fn shell(place: &tempfile::TempDir, scope: &Scope) -> Shell {
    ensure_image();
    let git = [("GIT_AUTHOR_NAME", "A"), ("GIT_AUTHOR_EMAIL", "a@example.com"), ("GIT_CONFIG_NOSYSTEM", "1")];
    let committer = [("GIT_COMMITTER_NAME", "A"), ("GIT_COMMITTER_EMAIL", "a@example.com")];
    let own = [("IMAGE", IMAGE), ("WHARF_INSTANCE", scope.name()), ("NO_COLOR", "1"), ("LC_ALL", "C.UTF-8")];
    Shell::start(place.path(), &[&git[..], &committer, &own].concat())
}

fn walk(document: &str) {
    let (place, scope) = (tempfile::tempdir().expect("a directory"), Scope::new());
    shell(&place, &scope).walk(document);
}

#[test]
fn a_controller_of_a_directory() {
    walk(include_str!("directory.md"));
}

#[test]
#[should_panic(expected = "line 2:")]
fn a_step_that_fails_ends_the_walk() {
    walk("# Title\n```sh\ntrue\nfalse\ntrue\n```\n");
}

#[test]
fn a_controller_of_a_repository() {
    walk(include_str!("../../deploy/gitops.md"));
}
