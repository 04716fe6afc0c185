//! Nothing is deleted by accident.

use std::fs;

use wharf::model::status::ConditionType;

use crate::manifest::Manifest;
use crate::world::{World, until};

const NAMES: [&str; 2] = ["a", "b"];

#[test]
fn deletions_of_everything_wait_until_they_are_confirmed() {
    let world = World::new();
    for name in NAMES {
        world.declare(name, &Manifest::named(name));
    }
    let controller = world.start(&[]);
    for name in NAMES {
        world.until_ready(name, 1);
    }
    let before = world.containers();
    for name in NAMES {
        world.remove(&format!("{name}.yaml"));
    }
    for name in NAMES {
        world.until_condition(name, ConditionType::Held, "PruneHeld");
    }
    assert_eq!(world.containers(), before);
    // A new controller holds them just the same.
    controller.stop();
    let controller = world.start(&["--poll", "200ms"]);
    until("it has read the source", || controller.log().contains("suddenly no manifests"));
    let listed = world.wharf("prune", &[]);
    assert_eq!((listed.code, listed.stdout.as_str()), (0, "a\nb\n"), "{}", listed.stderr);
    for name in NAMES {
        world.until_condition(name, ConditionType::Held, "PruneHeld");
    }
    assert_eq!(world.containers(), before);

    // One file that comes back is no longer held, and does not make the other's deletion a small one.
    world.declare("a", &Manifest::named("a"));
    world.until_condition("a", ConditionType::Held, "NotHeld");
    world.until_ready("a", 1);
    world.until_condition("b", ConditionType::Held, "PruneHeld");
    assert_eq!(world.containers(), before);
    world.remove("a.yaml");
    world.until_condition("a", ConditionType::Held, "PruneHeld");

    let confirmed = world.wharf("prune", &["--confirm"]);
    assert_eq!((confirmed.code, confirmed.stdout.as_str()), (0, "a\nb\n"), "{}", confirmed.stderr);
    until("both are deleted", || world.containers().is_empty() && world.statuses().is_empty());
}

#[test]
fn a_source_that_is_away_deletes_nothing() {
    let world = World::new();
    for name in NAMES {
        world.declare(name, &Manifest::named(name));
    }
    let [state, statuses, away] = ["state", "statuses", "away"].map(|name| world.beside_source(name));
    let places = ["--state-dir", path(&state), "--status-dir", path(&statuses), "--poll", "200ms"];
    let _controller = world.start(&places);
    let all = |kind: ConditionType, reason: &str| {
        let found = world.statuses_in(Some(&statuses));
        let is_so = |status: &wharf::model::WorkspaceStatus| {
            status.status.condition(kind).is_some_and(|condition| condition.reason.to_string() == reason)
        };
        found.len() == NAMES.len() && found.iter().all(is_so)
    };
    until("both run", || all(ConditionType::Ready, "Running"));
    let before = world.containers();

    fs::rename(world.source(), &away).expect("moved");
    until("both are held", || all(ConditionType::Held, "SourceLost"));
    assert_eq!(world.containers(), before);
    assert!(all(ConditionType::Ready, "Running"));

    fs::rename(&away, world.source()).expect("moved back");
    until("none is held", || all(ConditionType::Held, "NotHeld"));
    assert_eq!(world.containers(), before);
    // It is followed again.
    world.remove("b.yaml");
    until("one is deleted", || world.statuses_in(Some(&statuses)).len() == 1);
    assert_eq!(world.containers(), before[..1]);
}

fn path(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}
