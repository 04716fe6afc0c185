//! What is planned in which situation: readable cases (`*.txt`) and properties over random situations.
//!
//! Every case is also carried out on a small model of an engine, in full and broken off after each step, and must come to
//! the same end without a violated invariant on the way.

#[path = "../common/mod.rs"]
mod common;
mod properties;
mod world;

use common::{cases, given::Given};
use wharf::plan::plan;
use world::World;

#[test]
fn cases_come_to_the_expected_plans_and_ends() {
    cases::check("plan", 70, cases::updates(), |case| {
        let (given, rest) = Given::parse(&case.given)?;
        if let [line, ..] = rest.as_slice() {
            return Err(format!("not understood: {line}"));
        }
        let text = plan(&given.situation()).to_string();
        let text = if text.is_empty() { "nothing to do".to_owned() } else { text };
        let end = World::new(given).end_however_interrupted()?;
        Ok(vec![("plan", text), ("end", end.to_string())])
    });
}
