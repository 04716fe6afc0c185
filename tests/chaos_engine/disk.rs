//! Row 31: the disk of the controller's memory, and that of the status files, is full.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use wharf::model::WorkspaceStatus;

use crate::manifest::Manifest;
use crate::support::small_disk::SmallDisk;
use crate::trial::{Trial, rounds, seconds};
use crate::world::{is_ready, until};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// What the log says of it.
const FULL: &str = "no space left for the store";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn sized(name: &str, memory: usize) -> Manifest {
    Manifest::named(name).with("resources", format!("{{memory: {memory}Mi}}"))
}

/// A controller that keeps its memory and the status files on a disk that fills, beside one that has room for the sources.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_no_workspace_and_is_recovered_from() {
    let Some(disk) = SmallDisk::new("8m") else { return };
    let Some(trial) = Trial::new(&[]) else { return };
    let (state, statuses) = (disk.path().join("state"), disk.path().join("statuses"));
    let places = [
        "--monitor-interval",
        "0",
        "--host",
        &trial.proxy.host(),
        "--resync",
        "500ms",
        "--state-dir",
        text(&state),
        "--status-dir",
        text(&statuses),
    ];
    let told = || trial.world.statuses_in(Some(&statuses));
    let memory = |name| trial.world.container(name).map(|it| it["HostConfig"]["Memory"].clone());
    for name in NAMES {
        trial.world.declare(name, &sized(name, 32));
    }
    let controller = trial.world.start(&places);
    let ready = |generation: u64| {
        let ready = |status: &WorkspaceStatus| is_ready(status, generation);
        told().iter().filter(|status| ready(status)).count() == NAMES.len()
    };
    until("all are ready", || ready(1));
    let ids = NAMES.map(|name| trial.world.id(name));

    let mut took = Duration::ZERO;
    for round in 1..=rounds() {
        disk.fill();
        // What is declared is done all the same, and what died is started.
        for name in NAMES {
            trial.world.declare(name, &sized(name, 32 + round));
        }
        trial.world.client().docker(&["kill", &ids[0]]);
        for name in NAMES {
            until("it is in force", || memory(name).is_some_and(|it| it == (32 + round) << 20));
        }
        until("it runs again", || trial.world.container("a").is_some_and(|it| it["State"]["Running"] == true));
        until("the log says so", || controller.log().contains(FULL));
        assert_eq!(told().len(), NAMES.len(), "the old statuses are still there, and parse");
        disk.free();
        let start = Instant::now();
        let generation = u64::try_from(round + 1).expect("few");
        until("the statuses are written", || ready(generation));
        took = took.max(start.elapsed());
    }
    trial.is_quiet();
    assert_eq!(NAMES.map(|name| trial.world.id(name)), ids, "the same containers");
    // What was remembered while there was no room is on the disk by now.
    controller.kill();
    assert!(fs::metadata(state.join("db")).is_ok());
    let controller = trial.world.start(&places);
    let generation = u64::try_from(rounds() + 1).expect("few");
    until("the next controller goes on", || controller.log().contains("the engine answers") && ready(generation));
    trial.is_quiet();
    let outcome =
        format!("all in force meanwhile; written {} after there was room, and nothing forgotten", seconds(took));
    trial.ends_well(controller, 31, "disk of memory and statuses full, then freed", rounds(), &outcome);
}
