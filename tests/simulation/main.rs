//! What simulation found once stays found: scenarios that broke a promise, and some seeds of each run.

mod end;
mod generate;
mod judge;
mod panics;
mod people;
mod requests;
mod scenario;
mod shrink;
mod world;

use std::path::Path;
use std::sync::Once;

use crate::scenario::Scenario;
use crate::world::play;

/// Seeds that these tests play; `./tests/simulate` plays as many as it is told.
const SEEDS: u64 = 60;

/// Plays a scenario; where it breaks a promise, tells the smallest one that does.
fn assert_keeps_promises(what: &str, scenario: &Scenario) {
    static NOTING: Once = Once::new();
    NOTING.call_once(|| panics::note_all(false));
    let Some(violation) = play(scenario, false).violation else { return };
    let small = shrink::shrink(scenario, &violation);
    let trace = play(&small, true).trace.join("\n");
    panic!("{what}: invariant {}: {}\n{}{trace}", violation.invariant, violation.what, small.to_text());
}

fn found() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulation/found");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).expect("readable");
        (path.display().to_string(), Scenario::from_text(&text))
    };
    paths.iter().map(read).collect()
}

#[test]
fn what_was_found_once_does_not_happen_again() {
    let found = found();
    assert!(!found.is_empty(), "no scenario in tests/simulation/found");
    for (path, scenario) in found {
        assert_keeps_promises(&path, &scenario);
    }
}

#[test]
fn whatever_happens_no_promise_is_broken() {
    for seed in 0..SEEDS {
        assert_keeps_promises(&format!("seed {seed}"), &generate::scenario(seed));
    }
}

#[test]
fn a_scenario_takes_the_same_way_each_time() {
    for seed in 0..10 {
        let scenario = generate::scenario(seed);
        let (first, second) = (play(&scenario, true), play(&scenario, true));
        assert!(first.steps > 50, "seed {seed}: only {} steps", first.steps);
        assert_eq!(first.trace, second.trace, "seed {seed}");
    }
}

#[test]
fn scenarios_are_written_down_without_loss() {
    for seed in 0..50 {
        let scenario = generate::scenario(seed);
        assert_eq!(Scenario::from_text(&scenario.to_text()), scenario);
    }
}

#[test]
fn a_scenario_is_made_smaller_to_what_it_takes() {
    let scenario = generate::scenario(3);
    let middle = scenario.happenings[scenario.happenings.len() / 2].clone();
    let small = shrink::smallest(&scenario, |candidate| candidate.happenings.contains(&middle));
    assert_eq!(small, Scenario { latency: 0, happenings: vec![middle], ..scenario });
}
