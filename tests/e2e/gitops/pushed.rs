//! From a push to a container that is another one.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::forge::Forge;
use super::stage::{Stage, Way};
use crate::support::git::https::HttpsServer;
use crate::support::git::ssh::SshServer;
use crate::world::{eventually, until};

/// How many changes are timed at least. The best of them counts: the others say how busy the machine is.
const CHANGES: usize = 3;
/// How many are if none of those was in time.
const MOST: usize = 30;

/// Pushes changes, each once the source is `ready` for it, and has each `told`; how long it took from then until the container had the limit.
/// One of them must not take longer than `limit`.
fn assert_soon(stage: &Stage, way: &str, limit: Duration, ready: impl Fn(), told: impl Fn()) {
    let mut took: Vec<Duration> = Vec::new();
    let is_soon = |took: &[Duration]| took.iter().any(|took| *took < limit);
    while took.len() < CHANGES || (took.len() < MOST && !is_soon(&took)) {
        let memory = 40 + took.len();
        stage.declare("box", memory);
        ready();
        stage.push("Change the limit");
        let begun = Instant::now();
        told();
        until("the limit is in force", || stage.memory("box") == Some(memory));
        took.push(begun.elapsed());
    }
    println!("{way}: {took:?} from a push until the container has the limit");
    assert!(is_soon(&took), "{way}: none within {limit:?} of {took:?}");
}

#[test]
fn what_is_pushed_over_ssh_is_in_force_within_a_second_of_the_forges_message() {
    let server = SshServer::new();
    server.knows("host");
    let stage = Stage::new(|hub| Way::ssh(&server, hub));
    let forge = Forge::of(&stage);
    stage.declare("box", 32);
    let first = stage.push("Declare box");
    let _controller = stage.world.start(&[]);
    stage.world.until_ready("box", 1);
    let id = stage.world.id("box");
    assert_eq!(forge.tells_with("what somebody else knows"), 403);

    // Looks at one source are a second apart at least, and times are told in whole seconds.
    let rested = || {
        eventually("the last look is a while ago", || {
            let last: Timestamp = stage.source()?["lastSync"].as_str()?.parse().ok()?;
            (Timestamp::now().duration_since(last).as_secs() >= 2).then_some(())
        });
    };
    let told = || assert_eq!(forge.tells(), 202);
    assert_soon(&stage, "ssh, with a message", Duration::from_secs(1), rested, told);
    // A message that comes while the repository is looked at is about news that the look may have missed.
    for memory in 60..64 {
        stage.declare("box", memory);
        stage.push("Change the limit again");
        assert_eq!(forge.tells(), 202);
    }
    until("the last of several pushes is in force", || stage.memory("box") == Some(63));
    assert_eq!(stage.world.id("box"), id, "changed in place");
    assert_ne!(stage.source().expect("it answers")["revision"]["commit"], first.as_str());
}

#[test]
fn what_is_pushed_over_https_is_in_force_after_the_interval_without_a_message() {
    let place = tempfile::tempdir().expect("a directory");
    let server = HttpsServer::of(place.path(), "canary-15b7");
    let stage = Stage::new(|hub| {
        std::os::unix::fs::symlink(hub, place.path().join("hub.git")).expect("linked");
        Way::https(&server, "canary-15b7")
    });
    stage.follow();
    stage.declare("box", 32);
    stage.push("Declare box");
    let controller = stage.world.start(&[]);
    stage.world.until_ready("box", 1);
    // An interval, a tenth of it, and the time that it takes to fetch and to act.
    assert_soon(&stage, "https, asked each second", Duration::from_secs(2), || (), || ());
    assert!(!controller.log().contains("canary"), "{}", controller.log());
}
