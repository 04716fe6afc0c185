//! Row 15: the engine takes connections and answers nobody.

use std::time::{Duration, Instant};

use wharf::model::status::{ConditionType, Phase};

use crate::manifest::Manifest;
use crate::trial::{Trial, seconds};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A call that gets no answer is given up after ten seconds, and a resync comes every second.
const NOTICED_WITHIN: Duration = Duration::from_secs(20);

/// A command that reads does not wait for the engine.
const AT_ONCE: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_engine_is_noticed_and_nothing_is_deleted() {
    let Some(trial) = Trial::new(&[]) else { return };
    trial.declare(&NAMES);
    let controller = trial.start();
    trial.converges(&NAMES);
    let (before, done) = (trial.world.containers(), trial.proxy.mutations().len());

    trial.engine.freeze();
    let start = Instant::now();
    for name in NAMES {
        trial.world.until_phase(name, Phase::Unknown);
        trial.world.until_condition(name, ConditionType::Ready, "EngineUnreachable");
    }
    let noticed = start.elapsed();
    assert!(noticed < NOTICED_WITHIN, "{noticed:?}");
    let start = Instant::now();
    for command in ["get", "describe", "events"] {
        let said = trial.world.wharf(command, if command == "describe" { &["a"] } else { &[] });
        assert_eq!(said.code, 0, "{said:?}");
    }
    assert!(start.elapsed() < 3 * AT_ONCE);

    // What is decided meanwhile is done afterwards, and not before.
    trial.world.remove("c.yaml");
    trial.world.declare("b", &Manifest::named("b").with("resources", "{memory: 64Mi}"));
    trial.world.until_condition("b", ConditionType::Accepted, "Valid");
    assert_eq!(trial.proxy.mutations().len(), done, "nothing is asked of an engine that does not answer");
    trial.engine.thaw();
    let took = trial.converges(&NAMES[..2]);
    trial.is_quiet();
    assert_eq!(trial.world.containers(), before[..2], "the same workspaces");
    let outcome = format!("noticed after {}, converged in {}", seconds(noticed), seconds(took));
    trial.ends_well(controller, 15, "engine frozen", 1, &outcome);
}
