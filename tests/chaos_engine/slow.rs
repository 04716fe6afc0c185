//! Row 24: a call about one container hangs.

use std::time::{Duration, Instant};

use crate::manifest::Manifest;
use crate::support::proxy::Fault;
use crate::trial::{Trial, at_full_size, seconds};
use crate::world::eventually_within;

const NAMES: [&str; 3] = ["hangs", "a", "b"];

/// Far less than the ten seconds and more for which a call that hangs is waited for.
const NOT_DELAYED: Duration = Duration::from_secs(8);

/// The manifest after an edit that needs a new container.
fn edited(name: &str) -> Manifest {
    Manifest::named(name).with("env", "[{name: NEW, value: '1'}]").with("stopGracePeriod", "1s")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_hangs_delays_no_other() {
    let Some(trial) = Trial::new(&[]) else { return };
    for name in NAMES {
        trial.world.declare(name, &Manifest::named(name).with("stopGracePeriod", "1s"));
    }
    let controller = trial.start();
    trial.converges(&NAMES);
    let id = trial.world.id("hangs");
    let (look, stop) = (format!("GET /containers/{id}/json"), format!("POST /containers/{id}/stop"));
    if at_full_size() {
        trial.proxy.inject_always(&look, Fault::Swallow);
        trial.proxy.inject_always(&stop, Fault::Swallow);
    } else {
        // Each is waited for long.
        trial.proxy.inject(&stop, Fault::Swallow);
    }
    for name in NAMES {
        trial.world.declare(name, &edited(name));
    }
    let start = Instant::now();
    for name in &NAMES[1..] {
        trial.world.until_ready(name, 2);
    }
    let others = start.elapsed();
    assert!(others < NOT_DELAYED, "{others:?}");
    eventually_within(Duration::from_secs(60), "the call is given up and told", || {
        let retry = trial.world.status("hangs").and_then(|it| it.status.retry)?;
        retry.last_error.message.contains("no answer").then_some(())
    });
    assert_eq!(trial.world.container("hangs").expect("it is there")["Id"], id, "its container is still there");
    trial.proxy.heal();
    let took = trial.converges(&NAMES);
    trial.is_quiet();
    let injected = trial.proxy.injected();
    let outcome = format!("others done after {}, converged in {}", seconds(others), seconds(took));
    let calls = if at_full_size() { "inspect and stop of one container hang" } else { "a stop of one container hangs" };
    trial.ends_well(controller, 24, calls, injected, &outcome);
}
