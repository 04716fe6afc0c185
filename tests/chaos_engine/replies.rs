//! Rows 17 and 19: calls that had their effect and seem to have failed, and people who are faster.

use std::time::Duration;

use crate::manifest::Manifest;
use crate::support::proxy::Fault;
use crate::trial::{Trial, longest, rounds, seconds};
use crate::world::until;

const NAMES: [&str; 3] = ["a", "b", "c"];

const MUTATIONS: [&str; 7] = [
    "POST /containers/create",
    "POST /containers/{id}/start",
    "POST /containers/{id}/stop",
    "POST /containers/{id}/rename",
    "POST /containers/{id}/update",
    "DELETE /containers/{id}",
    "POST /networks/create",
];

fn revised(name: &str, revision: usize) -> Manifest {
    let memory = 32 + revision;
    Manifest::named(name)
        .with("env", format!("[{{name: REVISION, value: '{revision}'}}]"))
        .with("resources", format!("{{memory: {memory}Mi}}"))
        .with("network", format!("{{mode: Group, group: {name}-{}}}", revision % 2))
        .with("recovery", "{maxRetries: 100, backoff: {initial: 100ms, max: 500ms}}")
}

fn declare_all(trial: &Trial, revision: usize) {
    for name in NAMES {
        trial.world.declare(name, &revised(name, revision));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_makes_nothing_twice() {
    let Some(trial) = Trial::new(&[]) else { return };
    declare_all(&trial, 0);
    let lose_one_of_each = || MUTATIONS.iter().for_each(|call| trial.proxy.inject(call, Fault::LoseReply));
    lose_one_of_each();
    let controller = trial.start();
    let mut took = vec![trial.converges(&NAMES)];
    for revision in 1..=rounds() {
        lose_one_of_each();
        declare_all(&trial, revision);
        let generation = u64::try_from(revision + 1).expect("few");
        for name in NAMES {
            trial.world.until_ready(name, generation);
        }
        took.push(trial.converges(&NAMES));
    }
    let injected = trial.proxy.injected();
    trial.proxy.heal();
    trial.is_quiet();
    let outcome = format!("adopted, never two; converged in at most {}", longest(&took));
    trial.ends_well(
        controller,
        17,
        "create, start, stop, rename, update, remove done and the reply lost",
        injected,
        &outcome,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_are_faster_do_no_harm() {
    let Some(trial) = Trial::new(&[]) else { return };
    declare_all(&trial, 0);
    let controller = trial.start();
    trial.converges(&NAMES);
    let client = trial.world.client();
    let mut raced = 0;
    for revision in 1..=2 * rounds() {
        declare_all(&trial, revision);
        // Each of these may meet the controller at any step of the replacement; where there is nothing to do, it says so. None
        // starts anything: two that run would be that person's doing.
        for command in [&["stop", "--time", "0"][..], &["rm", "--force"], &["kill"]] {
            for name in
                [trial.world.object(NAMES[raced % 3]), trial.world.object(&format!("{}.next", NAMES[raced % 3]))]
            {
                raced += usize::from(client.succeeds(&[command, &[name.as_str()]].concat()));
            }
        }
    }
    let took = trial.converges(&NAMES);
    trial.is_quiet();
    let outcome = format!("converged in {}", seconds(took));
    trial.ends_well(controller, 19, "stop, remove, kill by a second client during replacements", raced, &outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_and_the_dead_are_waited_for() {
    let Some(mut trial) = Trial::new(&[]) else { return };
    declare_all(&trial, 0);
    let controller = trial.start();
    trial.converges(&NAMES);
    let ids = NAMES.map(|name| trial.world.id(name));
    let removing = format!(r#"{{"message": "removal of container {} is already in progress"}}"#, ids[0]);
    trial.proxy.inject("DELETE /containers/{id}", Fault::Answer { status: "409 Conflict", body: removing });
    let gone = r#"{"message": "No such container"}"#.to_owned();
    trial.proxy.inject("POST /containers/{id}/stop", Fault::Answer { status: "404 Not Found", body: gone });
    trial
        .proxy
        .inject("POST /containers/{id}/start", Fault::Answer { status: "304 Not Modified", body: String::new() });
    declare_all(&trial, 1);
    for name in NAMES {
        trial.world.until_ready(name, 2);
    }
    let mut took = vec![trial.converges(&NAMES)];

    // A container that the engine could not quite remove.
    trial.has_twins();
    let ids = NAMES.map(|name| trial.world.id(name));
    trial.proxy.inject_always("GET /containers/json", Fault::Replace(r#""State":"exited""#, r#""State":"dead"  "#));
    let dead = Fault::Replace(r#""Status":"exited""#, r#""Status":"dead"  "#);
    trial.proxy.inject_always(&format!("GET /containers/{}/json", ids[1]), dead);
    trial.world.client().docker(&["kill", &ids[1]]);
    until("another takes its place", || trial.world.container("b").is_some_and(|it| it["Id"] != ids[1].as_str()));
    took.push(trial.converges(&NAMES));
    let injected = trial.proxy.injected();
    trial.proxy.heal();
    trial.is_quiet();
    assert_eq!(trial.world.id("a"), ids[0], "the others are as they were");
    assert!(took.iter().all(|took| *took < Duration::from_secs(30)));
    let outcome = format!("waited for or made anew; converged in at most {}", longest(&took));
    trial.ends_well(controller, 19, "304, 404, 409 removal in progress, dead", injected, &outcome);
}
