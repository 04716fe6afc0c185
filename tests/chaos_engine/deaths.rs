//! Row 20: what starts ends at once.

use wharf::model::event::EventReason;
use wharf::model::status::Phase;

use crate::manifest::Manifest;
use crate::trial::{Trial, seconds};
use crate::world::eventually;

const RETRIES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_at_once_is_restarted_as_often_as_declared() {
    let Some(trial) = Trial::new(&[]) else { return };
    let recovery =
        |fallback| format!("{{maxRetries: {RETRIES}, backoff: {{initial: 100ms, max: 200ms}}, fallback: {fallback}}}");
    let ends = |name, fallback| {
        Manifest::named(name).with("command", "[/bin/false]").with("args", "[]").with("recovery", recovery(fallback))
    };
    trial.world.declare("ends", &ends("ends", "Stop"));
    trial.world.declare("goes", &ends("goes", "Remove"));
    trial.declare(&["works"]);
    let controller = trial.start();
    for name in ["ends", "goes"] {
        trial.world.until_phase(name, Phase::Failed);
        let status = trial.world.status(name).expect("a status");
        assert!(status.status.events.iter().any(|event| event.reason == EventReason::BudgetSpent), "{status:?}");
    }
    eventually("the fallback is to remove it", || trial.world.container("goes").is_none().then_some(()));
    trial.world.until_ready("works", 1);
    trial.is_quiet();
    let id = trial.world.id("ends");
    let starts =
        |id: &str| trial.proxy.mutations().iter().filter(|call| call.ends_with(&format!("{id}/start"))).count();
    assert_eq!(starts(&id), 1 + RETRIES);

    // The fix is a change of the manifest.
    for name in ["ends", "goes"] {
        trial.world.declare(name, &Manifest::named(name));
        trial.world.until_ready(name, 2);
    }
    let took = trial.converges(&["ends", "goes", "works"]);
    trial.is_quiet();
    let outcome = format!("{RETRIES} restarts each, then the fallback; works after the fix ({})", seconds(took));
    trial.ends_well(controller, 20, "/bin/false", 2 * (1 + RETRIES), &outcome);
}

/// A budget of none is for restarts: a first start is not one.
#[tokio::test(flavor = "multi_thread")]
async fn without_retries_there_is_one_start_and_one_more_for_each_change() {
    let Some(trial) = Trial::new(&[]) else { return };
    let manifest =
        |code: u8| Manifest::named("once").with("args", format!("['exit {code}']")).with("recovery", "{maxRetries: 0}");
    trial.world.declare("once", &manifest(3));
    let controller = trial.start();
    let ended = |code: i64| {
        eventually(&format!("it ran and ended with {code}"), || {
            let container = trial.world.status("once")?.status.container?;
            (container.exit_code == Some(code)).then_some(())
        });
        trial.world.until_phase("once", Phase::Failed);
        trial.is_quiet();
    };
    ended(3);
    trial.world.declare("once", &manifest(4));
    ended(4);
    let starts = trial.proxy.mutations().iter().filter(|call| call.ends_with("/start")).count();
    assert_eq!(starts, 2, "{:?}", trial.proxy.mutations());
    trial.ends_well(controller, 20, "a process that ends, without retries", 2, "one start for each manifest");
}
