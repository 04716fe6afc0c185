//! The real program, ended at each boundary of what it does: the next run comes to the same end as one that was never disturbed.
//!
//! Only in builds with the feature `crash-points`; `./tests/run` makes one for this program. Which boundaries there are is not written
//! down: an undisturbed run tells.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use wharf::model::WorkspaceStatus;
use wharf::model::status::Condition;

#[path = "../support/mod.rs"]
mod support;

use support::manifest::Manifest;
use support::tell::tell;
use support::world::World;

/// What a person does between two runs, over and over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// Two workspaces, one with a volume and a network.
    Begin,
    /// One needs a new container, the other is changed in place.
    Change,
    /// One is to have no container, the other is to be stopped.
    Rest,
    /// Both are deleted, with volume and network.
    Delete,
}

const STEPS: [Step; 4] = [Step::Begin, Step::Change, Step::Rest, Step::Delete];

/// The boundaries are shared out among so many tests, which run side by side.
const SHARES: usize = 4;

/// Boundaries that must be among those that are walked, or the walk is none.
const LANDMARKS: [&str; 14] = [
    "disk.create.before",
    "disk.remove.before",
    "disk.rename.before",
    "disk.seal.after",
    "disk.write-half.after",
    "engine.create.after",
    "engine.remove-volume.after",
    "engine.remove.after",
    "engine.rename.before",
    "engine.start.before",
    "engine.stop.after",
    "engine.update.after",
    "store.flush.after",
    "store.write.before",
];

impl Step {
    fn take(self, world: &World) {
        let one = Manifest::named("one").with("network", "{mode: Isolated}");
        let one = one.with("volumes", "[{name: cache, mountPath: /cache}]").with("deleteVolumes", "true");
        let two = Manifest::named("two").with("resources", "{memory: 16Mi}");
        match self {
            Self::Begin => {
                world.declare("one", &one);
                world.declare("two", &two);
            }
            Self::Change => {
                world.declare("one", &one.with("env", "[{name: REVISION, value: \"2\"}]"));
                world.declare("two", &two.with("resources", "{memory: 24Mi}"));
            }
            Self::Rest => {
                world.declare("one", &one.with("state", "Archived"));
                world.declare("two", &two.with("state", "Stopped"));
            }
            Self::Delete => ["one.yaml", "two.yaml"].map(|file| world.remove(file)).into_iter().collect(),
        }
    }
}

/// Runs the program until everything has settled; with a boundary, it ends there. Returns whether it came to its end.
fn settle(world: &World, variable: Option<(&str, &str)>) -> bool {
    let (status, log) = world.run_once(variable);
    let may_end = variable.is_some_and(|(name, _)| name == "WHARF_CRASH_AT");
    assert!(status.code() == Some(0) || (may_end && status.code().is_none()), "{variable:?}: {status}\n{log}");
    status.success()
}

/// What there is after a step, without what is another thing each time: IDs, times, the world's own names.
fn state(world: &World) -> BTreeSet<String> {
    let mut state = world.on_engine();
    for entry in fs::read_dir(world.source()).expect("readable").flatten() {
        state.insert(format!("file {}", entry.file_name().to_string_lossy()));
    }
    for WorkspaceStatus { metadata, status, .. } in world.statuses() {
        let of = |it: &Condition| format!("{:?}={:?}({})", it.kind, it.status, it.reason);
        let conditions: Vec<String> = status.conditions.iter().map(of).collect();
        let (observed, generation) = (status.observed_generation, metadata.generation);
        let conditions = conditions.join(", ");
        let line = format!("status {}: {observed} of {generation}, {:?}, {conditions}", metadata.name, status.phase);
        state.insert(line);
    }
    state
}

/// A world in which nothing has happened but that a workspace is there which stays: a source is never empty.
fn begin() -> World {
    let world = World::new();
    world.declare("anchor", &Manifest::named("anchor"));
    assert!(settle(&world, None));
    world
}

/// The boundaries that undisturbed runs cross, and the state after each step.
fn undisturbed() -> (Vec<String>, BTreeMap<Step, BTreeSet<String>>) {
    let world = begin();
    let log = world.beside_source("boundaries").display().to_string();
    let mut states = BTreeMap::new();
    for step in STEPS {
        step.take(&world);
        assert!(settle(&world, Some(("WHARF_CRASH_LOG", &log))));
        states.insert(step, state(&world));
    }
    let text = fs::read_to_string(&log).expect("boundaries were crossed");
    // What fails does so by chance, such as a look at a container that has just gone.
    let boundaries = text.lines().filter(|name| !name.ends_with(".failed"));
    let boundaries: BTreeSet<String> = boundaries.map(str::to_owned).collect();
    for landmark in LANDMARKS {
        assert!(boundaries.contains(landmark), "{landmark} is not crossed: {boundaries:?}");
    }
    (boundaries.into_iter().collect(), states)
}

/// Walks one share of the boundaries: each step ended there, then done again to its end.
fn walk(share: usize) {
    let (boundaries, expected) = undisturbed();
    let own: Vec<&String> = boundaries.iter().skip(share).step_by(SHARES).collect();
    let world = begin();
    let mut ended = 0;
    for boundary in &own {
        let mut met = 0;
        for step in STEPS {
            step.take(&world);
            met += usize::from(!settle(&world, Some(("WHARF_CRASH_AT", boundary))));
            assert!(settle(&world, None), "{step:?}, ended at {boundary}");
            assert_eq!(state(&world), expected[&step], "{step:?}, ended at {boundary}");
        }
        ended += met;
    }
    assert!(ended >= own.len(), "only {ended} ends at {} boundaries", own.len());
    let outcome = format!("{} of {} boundaries; the same end each time", own.len(), boundaries.len());
    tell(34, "abort at each boundary", ended, &outcome);
}

#[test]
fn the_first_share_of_boundaries() {
    walk(0);
}

#[test]
fn the_second_share_of_boundaries() {
    walk(1);
}

#[test]
fn the_third_share_of_boundaries() {
    walk(2);
}

#[test]
fn the_fourth_share_of_boundaries() {
    walk(3);
}
