//! Ending in order, in the middle of work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::manifest::Manifest;
use crate::world::{World, until};

const WORKSPACES: usize = 6;

/// Far less than the work that is left would take, and than the grace that actions under way have.
const ENDS_WITHIN: Duration = Duration::from_secs(15);

#[test]
fn sigterm_ends_in_order_and_the_next_run_goes_on() {
    ends_in_order("TERM");
}

#[test]
fn sigint_ends_in_order_and_the_next_run_goes_on() {
    ends_in_order("INT");
}

fn ends_in_order(signal: &str) {
    let world = World::new();
    let names: Vec<String> = (0..WORKSPACES).map(|number| format!("box-{number}")).collect();
    for name in &names {
        world.declare(name, &Manifest::named(name));
    }
    // One call at a time, so that there is work left.
    let mut controller = world.start(&["--concurrency", "1"]);
    until("it is at work", || !world.containers().is_empty());
    controller.signal(signal);
    let start = Instant::now();
    assert_eq!(controller.ended(), 0);
    assert!(start.elapsed() < ENDS_WITHIN);

    let statuses = world.statuses();
    assert_eq!(statuses.len(), WORKSPACES, "each has a status that can be read");
    let before: BTreeMap<String, String> = world.containers().into_iter().collect();
    for (name, uid) in &before {
        let status = statuses.iter().find(|status| world.object(&status.metadata.name) == *name);
        let told = status.and_then(|status| status.metadata.uid.as_ref()).map(ToString::to_string);
        assert_eq!(told.as_ref(), Some(uid), "{name}: the status knows whose container it is");
    }
    let again = world.wharf("run", &["--once"]);
    assert_eq!(again.code, 0, "{again:?}");
    let after: BTreeMap<String, String> = world.containers().into_iter().collect();
    assert_eq!(after.len(), WORKSPACES);
    assert!(before.iter().all(|(name, uid)| after.get(name) == Some(uid)), "they go on as they were");
    for name in &names {
        world.until_ready(name, 1);
    }
}
