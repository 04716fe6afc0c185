//! What people do to containers behind the controller's back is reported and repaired.

use std::time::{Duration, Instant};

use serde_json::Value;
use wharf::model::event::EventReason;

use crate::manifest::Manifest;
use crate::support::real::docker;
use crate::support::tell::tell;
use crate::world::{World, until};

/// How soon a change from outside is repaired, from the end of the command that made it.
const REPAIRED_WITHIN: Duration = Duration::from_secs(2);

/// Attempts before a slow repair counts: other tests load the machine at the same time.
const ATTEMPTS: usize = 3;

/// One kind of meddling: the command, where `{}` stands for the container's name, and the event that tells of it.
struct Meddling {
    command: &'static [&'static str],
    told: EventReason,
}

const MEDDLING: [Meddling; 6] = [
    Meddling { command: &["kill", "{}"], told: EventReason::Died },
    Meddling { command: &["stop", "{}"], told: EventReason::Died },
    Meddling { command: &["rm", "--force", "{}"], told: EventReason::Drift },
    Meddling { command: &["pause", "{}"], told: EventReason::Drift },
    Meddling { command: &["rename", "{}", "{}-elsewhere"], told: EventReason::Drift },
    Meddling { command: &["update", "--memory", "48m", "--memory-swap", "48m", "{}"], told: EventReason::Drift },
];

#[test]
fn what_is_done_from_outside_is_repaired_at_once() {
    let world = World::new();
    let manifest = Manifest::named("box")
        .with("resources", "{memory: 64Mi}")
        // The first restart is immediate; later attempts of this test must not wait long either.
        .with("recovery", "{maxRetries: 20, backoff: {initial: 100ms, max: 100ms}}");
    world.declare("box", &manifest);
    let _controller = world.start(&[]);
    let mut longest = Duration::ZERO;
    for meddling in MEDDLING {
        let took = (0..ATTEMPTS).map(|_| repaired_after(&world, &meddling)).find(|took| *took < REPAIRED_WITHIN);
        assert!(took.is_some(), "docker {} was not repaired in time", meddling.command.join(" "));
        longest = longest.max(took.unwrap_or_default());
    }
    let outcome = format!("reported, and repaired within {} ms", longest.as_millis());
    tell(25, "kill, stop, rm, pause, rename, update by a person", MEDDLING.len(), &outcome);
}

/// Meddles once and measures how long it takes until that is repaired and told.
fn repaired_after(world: &World, meddling: &Meddling) -> Duration {
    world.until_ready("box", 1);
    let object = world.object("box");
    let told = || times_told(world, meddling.told);
    let told_before = told();
    let before = world.container("box").expect("the container");
    let command: Vec<String> = meddling.command.iter().map(|word| word.replace("{}", &object)).collect();
    docker(&command.iter().map(String::as_str).collect::<Vec<_>>());
    let start = Instant::now();
    until("repaired", || world.container("box").is_some_and(|now| is_as_declared(&now, &before, meddling)));
    let took = start.elapsed();
    println!("repaired {} ms after docker {}", took.as_millis(), meddling.command.join(" "));
    until("told", || told() > told_before);
    world.until_ready("box", 1);
    assert_eq!(world.containers().len(), 1);
    took
}

fn times_told(world: &World, reason: EventReason) -> u32 {
    let status = world.status("box");
    let events = status.iter().flat_map(|it| &it.status.events).filter(|event| event.reason == reason);
    events.map(|event| event.count).sum()
}

/// Whether the container runs again, under its name, with its limits: the same one, unless it was removed.
fn is_as_declared(now: &Value, before: &Value, meddling: &Meddling) -> bool {
    let removed = meddling.command[0] == "rm";
    let restarted = ["kill", "stop"].contains(&meddling.command[0]);
    let state = &now["State"];
    state["Running"] == true
        && state["Paused"] == false
        && now["HostConfig"]["Memory"] == 64 << 20
        && (now["Id"] != before["Id"]) == removed
        && (state["StartedAt"] != before["State"]["StartedAt"]) == (restarted || removed)
}
