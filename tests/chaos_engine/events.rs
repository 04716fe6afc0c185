//! Row 29: what the engine tells arrives otherwise than it was told.

use std::time::Duration;

use crate::manifest::Manifest;
use crate::support::proxy::Fault;
use crate::support::stream::Disturbance;
use crate::trial::{Trial, at_full_size, longest};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// How many of them are tried always.
const ALWAYS: usize = 3;

const STREAMS: [(&str, Fault); 9] = [
    ("swallowed", Fault::Disturb(Disturbance::Swallow)),
    ("replayed", Fault::Disturb(Disturbance::Replay)),
    ("followed by garbage", Fault::Disturb(Disturbance::Garbage)),
    ("doubled", Fault::Disturb(Disturbance::Double)),
    ("swapped", Fault::Disturb(Disturbance::Swap)),
    ("ended", Fault::Disturb(Disturbance::End)),
    ("cut in half", Fault::Disturb(Disturbance::Cut)),
    ("not begun", Fault::Swallow),
    ("refused", Fault::Answer { status: "500 Internal Server Error", body: String::new() }),
];

/// What happens while events come as they come: to each workspace something else, from outside and by its manifest.
fn live(trial: &Trial, revision: usize) {
    let [killed, removed, edited] = NAMES;
    let client = trial.world.client();
    client.docker(&["kill", &trial.world.object(killed)]);
    client.docker(&["rm", "--force", &trial.world.object(removed)]);
    let env = format!("[{{name: REVISION, value: '{revision}'}}]");
    trial.world.declare(edited, &manifest(edited).with("env", env));
}

fn manifest(name: &str) -> Manifest {
    // The deaths are the test's, and not to be waited out.
    Manifest::named(name).with("recovery", "{maxRetries: 100, backoff: {initial: 100ms, max: 100ms}}")
}

/// Starts a controller whose events come like this, lives a while, and ends it; how long it took until all was as declared.
fn one_life(trial: &Trial, fault: &Fault, revision: usize) -> Duration {
    trial.proxy.inject_always("GET /events", fault.clone());
    let controller = trial.start();
    trial.converges(&NAMES);
    let done = trial.proxy.mutations().len();
    live(trial, revision);
    let generation = 1 + u64::try_from(revision).expect("few");
    trial.world.until_ready(NAMES[2], generation);
    let took = trial.converges(&NAMES);
    trial.is_quiet();
    let calls = &trial.proxy.mutations()[done..];
    // A start; a creation and a start; and a replacement: create, stop, start, remove, rename.
    assert_eq!(calls.len(), 1 + 2 + 5, "no further action: {calls:?}");
    controller.stop();
    trial.proxy.heal();
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn however_events_come_the_end_is_the_same() {
    let Some(trial) = Trial::new(&[]) else { return };
    for name in NAMES {
        trial.world.declare(name, &manifest(name));
    }
    let mut took = Vec::new();
    let streams = if at_full_size() { &STREAMS[..] } else { &STREAMS[..ALWAYS] };
    for (revision, (_, fault)) in streams.iter().enumerate() {
        took.push(one_life(&trial, fault, revision + 1));
    }
    let controller = trial.start();
    trial.converges(&NAMES);
    trial.is_quiet();
    let injected = trial.proxy.injected();
    let outcome = format!("converged in at most {}, and no further action", longest(&took));
    let kinds: Vec<&str> = streams.iter().map(|(how, _)| *how).collect();
    trial.ends_well(controller, 29, &format!("events {}", kinds.join(", ")), injected, &outcome);
}
