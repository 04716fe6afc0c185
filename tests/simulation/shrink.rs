//! Making a scenario smaller without losing what it shows.

use crate::judge::Violation;
use crate::scenario::Scenario;
use crate::world::play;

/// The smallest scenario found that breaks the same promise.
pub fn shrink(scenario: &Scenario, violation: &Violation) -> Scenario {
    smallest(scenario, |candidate| {
        play(candidate, false).violation.is_some_and(|found| found.invariant == violation.invariant)
    })
}

/// The smallest scenario found that shows something: none of its happenings can be left out.
pub fn smallest(scenario: &Scenario, shows: impl Fn(&Scenario) -> bool) -> Scenario {
    let mut smallest = scenario.clone();
    let mut chunk = smallest.happenings.len().div_ceil(2);
    while chunk > 0 {
        let before = smallest.happenings.len();
        let mut from = 0;
        while from < smallest.happenings.len() {
            let mut candidate = smallest.clone();
            let to = (from + chunk).min(candidate.happenings.len());
            candidate.happenings.drain(from..to);
            if shows(&candidate) {
                smallest = candidate;
            } else {
                from += chunk;
            }
        }
        // Once nothing alone can be left out, nothing can.
        let is_done = chunk == 1 && smallest.happenings.len() == before;
        chunk = if is_done { 0 } else { (chunk / 2).max(1) };
    }
    let quick = Scenario { latency: 0, ..smallest.clone() };
    if shows(&quick) { quick } else { smallest }
}
