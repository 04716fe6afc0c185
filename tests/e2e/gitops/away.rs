//! What may happen to a repository: workspaces stay as they are, what is wrong is told, and it goes on when it is right again.

use std::fs;
use std::process::Command;

use wharf::model::status::ConditionType;

use super::stage::{Stage, Way};
use crate::support::git::https::HttpsServer;
use crate::support::git::ssh::SshServer;
use crate::world::{Controller, eventually, until};

impl Stage {
    /// With two workspaces, which run.
    fn running(way: impl FnOnce(&std::path::Path) -> Way) -> (Self, Controller, String) {
        let stage = Self::new(way);
        stage.follow();
        for name in ["a", "b"] {
            stage.declare(name, 32);
        }
        let commit = stage.push("Declare a and b");
        let controller = stage.world.start(&[]);
        for name in ["a", "b"] {
            stage.world.until_ready(name, 1);
        }
        (stage, controller, commit)
    }

    /// The limit of `a` is changed by a commit, which comes into force.
    fn goes_on(&self, memory: usize) -> String {
        self.declare("a", memory);
        let commit = self.push("Change the limit of a");
        self.until_in_force(&commit);
        until("the limit is in force", || self.memory("a") == Some(memory));
        commit
    }

    /// What runs, by name and UID, and the commit that it is of.
    fn in_force(&self) -> (Vec<(String, String)>, String, Option<usize>) {
        let source = self.source().expect("the controller answers");
        let commit = source["revision"]["commit"].as_str().expect("a commit").to_owned();
        (self.world.containers(), commit, self.memory("a"))
    }
}

#[test]
fn a_server_that_is_away_changes_nothing_and_is_waited_for() {
    let mut server = SshServer::new();
    server.knows("host");
    let (stage, _controller, _) = Stage::running(|hub| Way::ssh(&server, hub));
    let before = stage.in_force();
    server.stop();
    let source = stage.until_error("the server cannot be reached");
    assert!(source["lastError"]["since"].is_string() && source["nextSync"].is_string(), "{source}");
    assert_eq!(stage.in_force(), before);
    server.start();
    stage.goes_on(40);
}

#[test]
fn a_server_that_says_nothing_is_given_up_and_holds_nobody_up() {
    let server = SshServer::new();
    server.knows("host");
    let (stage, controller, _) = Stage::running(|hub| Way::ssh(&server, hub));
    controller.stop();
    stage.world.configure(&format!("  sources: [{}]\n", stage.item("1s", "timeout: 2s")));
    let before = stage.world.containers();
    server.freeze();
    let controller = stage.world.start(&[]);
    let source = eventually("the sync is given up", || {
        stage.source().filter(|it| it["lastError"]["message"].as_str().is_some_and(|it| it.contains("within 2 s")))
    });
    assert_eq!((&source["outcome"], &source["workspaces"]), (&"Applied".into(), &2.into()), "{source}");
    assert_eq!(stage.world.containers(), before);
    // The next attempt hangs as well, and ends with the controller.
    controller.stop();
    server.thaw();
    let _controller = stage.world.start(&[]);
    stage.goes_on(40);
}

#[test]
fn a_token_that_is_revoked_changes_nothing_until_there_is_another() {
    let place = tempfile::tempdir().expect("a directory");
    let server = HttpsServer::of(place.path(), "canary-first");
    let (stage, controller, _) = Stage::running(|hub| {
        std::os::unix::fs::symlink(hub, place.path().join("hub.git")).expect("linked");
        Way::https(&server, "canary-first")
    });
    let before = stage.in_force();
    server.expect("canary-second");
    let source = stage.until_error("access is denied");
    assert_eq!(stage.in_force(), before);
    Way::renew(&server, "canary-second");
    stage.goes_on(40);
    // The server repeats in its answer what it was told.
    assert!(!format!("{source} {}", controller.log()).contains("canary"), "{source} {}", controller.log());
    let kept = ["state", "statuses"].map(|name| stage.world.beside_source(name));
    let grep =
        Command::new("grep").args(["--recursive", "--files-with-matches", "--text", "canary"]).args(kept).output();
    let grep = grep.expect("grep is installed");
    // It ends with 1 where it has read all and found nothing.
    assert_eq!((grep.status.code(), String::from_utf8_lossy(&grep.stdout).as_ref()), (Some(1), ""), "{grep:?}");
}

#[test]
fn a_branch_that_is_deleted_or_rewritten_or_emptied_deletes_nothing_by_accident() {
    let (stage, controller, first) = Stage::running(Way::path);
    let last = stage.goes_on(40);

    let before = stage.in_force();
    stage.git_push(&[":main"]);
    stage.until_error("it does not exist there");
    assert_eq!(stage.in_force(), before);
    stage.git_push(&["main"]);
    stage.until_in_force(&last);

    // History goes back, and then on another way.
    stage.desk.git(&["reset", "--quiet", "--hard", &first]);
    stage.declare("a", 48);
    let other = stage.desk.commit("Begin anew");
    stage.git_push(&["--force", "main"]);
    stage.until_in_force(&other);
    until("the other limit is in force", || stage.memory("a") == Some(48));
    assert_eq!(controller.log().matches("history was rewritten").count(), 1, "{}", controller.log());
    assert_eq!(stage.in_force().0, before.0, "the same workspaces");

    // The directory itself is gone: that is no commit to follow.
    fs::rename(stage.desk.path().join("workspaces"), stage.desk.path().join("elsewhere")).expect("moved");
    stage.push("Tidy up");
    stage.until_error("the subpath `workspaces` does not exist");
    assert_eq!(stage.in_force(), (before.0, other, Some(48)));
    fs::rename(stage.desk.path().join("elsewhere"), stage.desk.path().join("workspaces")).expect("moved back");
    stage.goes_on(56);
}

#[test]
fn a_commit_without_manifests_is_held_until_it_is_confirmed() {
    let (stage, _controller, _) = Stage::running(Way::path);
    let before = stage.world.containers();
    for name in ["a", "b"] {
        fs::remove_file(stage.desk.path().join(format!("workspaces/{name}.yaml"))).expect("removed");
    }
    let empty = stage.push("Remove everything");
    stage.until_in_force(&empty);
    for name in ["a", "b"] {
        stage.world.until_condition(name, ConditionType::Held, "PruneHeld");
    }
    assert_eq!(stage.world.containers(), before);
    let confirmed = stage.world.wharf("prune", &["--confirm"]);
    assert_eq!((confirmed.code, confirmed.stdout.as_str()), (0, "a\nb\n"), "{}", confirmed.stderr);
    until("both are deleted", || stage.world.containers().is_empty() && stage.world.statuses().is_empty());
}
