//! Row 16: the engine is killed. Containers that end while it is away end without an event.

use std::process::Command;
use std::time::Duration;

use wharf::model::status::Phase;

use crate::trial::{Trial, longest, rounds};
use crate::world::Controller;

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Without it, an engine that starts ends what an earlier one left running.
const LIVE_RESTORE: &str = "--live-restore";

/// Kills the engine again and again.
fn killed(trial: &mut Trial) -> (Controller, Vec<Duration>) {
    trial.declare(&NAMES);
    let controller = trial.start();
    trial.converges(&NAMES);
    let uids = trial.world.containers();
    let mut took = Vec::new();
    for _ in 0..rounds() {
        trial.kill_engine();
        for name in NAMES {
            trial.world.until_phase(name, Phase::Unknown);
        }
        trial.revive_engine();
        took.push(trial.converges(&NAMES));
    }
    trial.is_quiet();
    assert_eq!(trial.world.containers(), uids, "they are the same workspaces");
    (controller, took)
}

fn ids(trial: &Trial) -> Vec<String> {
    NAMES.iter().map(|name| trial.world.id(name)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_engine_took_along_runs_again() {
    let Some(mut trial) = Trial::new(&[]) else { return };
    let (controller, took) = killed(&mut trial);
    let created = trial.proxy.mutations().iter().filter(|call| call.ends_with("/create")).count();
    assert_eq!(created, NAMES.len(), "the same containers are started again");
    let outcome = format!("converged in at most {}, in the same containers", longest(&took));
    trial.ends_well(controller, 16, "engine killed -9, without live-restore", took.len(), &outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lives_on_without_its_engine_is_not_touched() {
    let Some(mut trial) = Trial::new(&[LIVE_RESTORE]) else { return };
    let (controller, took) = killed(&mut trial);
    let started = trial.proxy.mutations().len();
    assert_eq!(started, 2 * NAMES.len(), "created and started once: {:?}", trial.proxy.mutations());
    let outcome = format!("converged in at most {}, nothing was done", longest(&took));
    trial.ends_well(controller, 16, "engine killed -9, with live-restore", took.len(), &outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_while_the_engine_is_away_is_started_again() {
    let Some(mut trial) = Trial::new(&[LIVE_RESTORE]) else { return };
    trial.declare(&NAMES);
    let controller = trial.start();
    trial.converges(&NAMES);
    let (before, calls) = (ids(&trial), trial.proxy.mutations().len());
    let process = trial.world.container("b").expect("a container")["State"]["Pid"].to_string();
    trial.kill_engine();
    assert!(Command::new("sh").args(["-c", &format!("kill -9 {process}")]).status().expect("a shell").success());
    trial.revive_engine();
    let took = trial.converges(&NAMES);
    trial.is_quiet();
    assert_eq!(ids(&trial), before);
    let start = format!("POST /containers/{}/start", before[1]);
    assert_eq!(trial.proxy.mutations()[calls..], [start], "only what died is started");
    let outcome = format!("converged in {}, one start", longest(&[took]));
    trial.ends_well(controller, 16, "a container dies while the engine is away (live-restore)", 1, &outcome);
}
