//! Rows 18, 21 and 22: a name, a port or the last subnet is somebody else's.

use std::time::{Duration, Instant};

use wharf::model::status::{ConditionStatus, ConditionType, ErrorClass};

use crate::manifest::Manifest;
use crate::support::real::IMAGE;
use crate::trial::{Trial, at_full_size, seconds};
use crate::world::{eventually, eventually_within};

const SLEEP: [&str; 3] = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"];

/// Starts somebody else's container.
fn foreign(trial: &Trial, options: &[&str]) -> String {
    trial.world.client().docker(&[&["run", "--detach"], options, &[IMAGE], &SLEEP].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_waited_for() {
    let Some(trial) = Trial::new(&[]) else { return };
    let (held, next) = (trial.world.object("held"), trial.world.object("renews.next"));
    let theirs = [held, next].map(|name| foreign(&trial, &["--network", "none", "--name", &name]));
    let names = ["held", "renews", "works"];
    trial.declare(&names);
    let controller = trial.start();
    trial.world.until_ready("works", 1);
    trial.world.until_ready("renews", 1);
    let waits = trial.world.until_condition("held", ConditionType::Held, "NameConflict");
    assert_eq!(waits.status, ConditionStatus::True);
    assert!(waits.message.contains(&theirs[0][..12]), "{}", waits.message);
    // The name that a replacement would have for a while.
    trial.world.declare("renews", &Manifest::named("renews").with("env", "[{name: NEW, value: '1'}]"));
    let told = || {
        trial.world.status("renews").is_some_and(|it| it.status.retry.is_some() || it.status.is(ConditionType::Held))
    };
    eventually("it is told", || told().then_some(()));
    assert!(trial.world.container("renews").is_some_and(|it| it["State"]["Running"] == true), "the old one runs on");
    let touched = |call: &String| theirs.iter().any(|id| call.contains(id.as_str()));
    assert!(!trial.proxy.mutations().iter().any(touched), "{:?}", trial.proxy.mutations());
    for id in &theirs {
        assert_eq!(trial.world.client().inspect(id).expect("there")["State"]["Running"], true);
        trial.world.client().docker(&["rm", "--force", id]);
    }
    let start = Instant::now();
    let mut generation = 1;
    if !at_full_size() {
        // A change of the manifest is tried at once.
        generation = 2;
        trial.world.declare("held", &Manifest::named("held").with("resources", "{memory: 64Mi}"));
    }
    // Nobody tells of somebody else's container; names that are taken are asked for every 30 seconds.
    eventually_within(Duration::from_secs(70), "the names are used when they are free", || {
        let ready =
            |name, generation| trial.world.status(name).is_some_and(|it| crate::world::is_ready(&it, generation));
        (ready("held", generation) && ready("renews", 2)).then_some(())
    });
    let took = start.elapsed();
    trial.is_quiet();
    trial.ends_well(
        controller,
        18,
        "names held by foreign containers",
        2,
        &format!("refused, then converged in {}", seconds(took)),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_waited_for_with_the_same_container() {
    let Some(trial) = Trial::new(&[]) else { return };
    let theirs = foreign(&trial, &["--publish", "127.0.0.1:18080:80"]);
    let port = Manifest::named("served")
        .with("network", "{mode: Isolated}")
        .with("ports", "[{container: 80, host: 18080}]")
        .with("recovery", "{backoff: {initial: 200ms, max: 1s}}");
    trial.world.declare("served", &port);
    trial.declare(&["works"]);
    let controller = trial.start();
    trial.world.until_ready("works", 1);
    let retry = eventually("it is tried again and again", || {
        trial.world.status("served")?.status.retry.filter(|retry| retry.attempts >= 4)
    });
    assert!(retry.last_error.message.contains("host port 127.0.0.1:18080 is taken"), "{}", retry.last_error.message);
    assert_eq!(retry.last_error.class, ErrorClass::Engine);
    let id = trial.world.id("served");
    trial.world.client().docker(&["rm", "--force", &theirs]);
    let took = trial.converges(&["served", "works"]);
    trial.is_quiet();
    assert_eq!(trial.world.id("served"), id, "it is not made anew");
    let created = trial.proxy.mutations().iter().filter(|call| call.ends_with("/create")).count();
    assert_eq!(created, 3, "two containers and a network: {:?}", trial.proxy.mutations());
    let attempts = usize::try_from(retry.attempts).expect("few");
    trial.ends_well(
        controller,
        21,
        "host port taken",
        attempts,
        &format!("one container, started after {}", seconds(took)),
    );
}

/// One subnet is the default bridge's, and two are left.
const THREE_SUBNETS: &str = "base=10.213.0.0/22,size=24";

#[tokio::test(flavor = "multi_thread")]
async fn subnets_that_are_used_up_hold_back_only_who_needs_one() {
    let Some(trial) = Trial::new(&["--bip", "10.213.3.1/24", "--default-address-pool", THREE_SUBNETS]) else { return };
    let client = trial.world.client();
    let mut taken = Vec::new();
    while client.succeeds(&["network", "create", &format!("theirs-{}", taken.len())]) {
        taken.push(format!("theirs-{}", taken.len()));
        assert!(taken.len() < 5, "the pool is small");
    }
    // Leaves room for one network.
    client.docker(&["network", "rm", &taken.pop().expect("at least one")]);
    let isolated = ["a", "b", "c", "d"];
    for name in isolated {
        trial.world.declare(name, &Manifest::named(name).with("network", "{mode: Isolated}"));
    }
    let controller = trial.start();
    trial.converges(&isolated);
    let group = Manifest::named("grouped")
        .with("network", "{mode: Group, group: shop}")
        .with("recovery", "{backoff: {initial: 200ms, max: 1s}}");
    trial.world.declare("grouped", &group);
    let retry =
        eventually("it is told", || trial.world.status("grouped")?.status.retry.filter(|retry| retry.attempts >= 3));
    let words = retry.last_error.message;
    assert!(words.contains("address pool"), "{words}");
    for name in isolated {
        trial.world.until_ready(name, 1);
    }
    client.docker(&["network", "rm", &taken.pop().expect("another")]);
    let took = trial.converges(&["a", "b", "c", "d", "grouped"]);
    trial.is_quiet();
    let attempts = usize::try_from(retry.attempts).expect("few");
    let outcome =
        format!("4 isolated workspaces on one subnet; the group told \"{words}\" and converged in {}", seconds(took));
    trial.ends_well(controller, 22, "address pools exhausted", attempts, &outcome);
}
