//! The simulated engine is checked against reality: stories of what happens to containers, with what a real engine told of
//! it and how they looked afterwards (`recorded/*.txt`).
//!
//! One driver plays each story on two engines. On the real one it proves that the recording is not stale, and with
//! `UPDATE_EXPECT=1` writes it anew; on the simulated one it proves that the simulation does not lie. Where reality itself varies, the
//! recording says so ([`allowed`]): `STORY_RUNS=20` plays each story as often and counts what it came to, and `STORY=memory` plays
//! those with such a title.
//!
//! ```text
//! == Title
//! container box memory=16Mi checked stubborn missing network=net
//! network net                                       # made before the story begins
//! engine live-restore                               # an engine of the story's own, of this kind
//! create box                                        # what the controller does: start, stop, unpause, rename, update, remove …
//! docker network disconnect net box                 # what a person does, as typed
//! box exits with 3                                  # what processes do
//! the engine is killed                              # what happens to the engine
//! docker kill box, until Died box and box is exited # what is waited for besides
//! told:
//!   create box
//!     Created box                                   # the events, in order
//!     box is created                                # how it looks, if that is news
//! ```

mod allowed;
mod look;
mod play;
mod script;
mod stage;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use futures_util::StreamExt;
use futures_util::stream;
use wharf::engine::simulated::Simulated;

use crate::cases;
use crate::docker::Real;
use crate::simulated::Simulation;

pub use script::Story;
pub use stage::{Deed, Power, Stage};

/// Stories that any engine can play, and those that need one of their own.
const SHARED: &str = "conformance/recorded";
const OWN: &str = "conformance/recorded/engine";

/// How many stories are played at once on a real engine: they mostly wait.
const AT_ONCE: usize = 4;

#[tokio::test(start_paused = true)]
async fn the_simulated_engine_does_as_recorded() {
    for (folder, at_least) in [(SHARED, 20), (OWN, 5)] {
        let mut outcomes = Outcomes::new();
        for case in cases::all(folder) {
            let played = match Story::parse(&case) {
                Ok(story) => {
                    let engine = Simulated::new(1);
                    let engine = if story.live_restore { engine } else { engine.without_live_restore() };
                    Ok(play::play(&Simulation::of(engine), &story).await)
                }
                Err(problem) => Err(problem),
            };
            outcomes.insert(case.title, vec![played]);
        }
        // Only what happened on a real engine is written down.
        compare(folder, at_least, false, &outcomes);
    }
}

#[tokio::test]
async fn the_real_engine_does_as_recorded() {
    compare(SHARED, 20, cases::updates(), &on_real_engines(SHARED, async |_| Real::bench().await).await);
}

#[tokio::test]
async fn an_engine_that_goes_and_comes_does_as_recorded() {
    let make = async |story: &Story| Real::with_own_engine(story.live_restore).await;
    compare(OWN, 5, cases::updates(), &on_real_engines(OWN, make).await);
}

/// What each story came to, each time that it was played.
type Outcomes = BTreeMap<String, Vec<Result<Vec<String>, String>>>;

/// Plays the stories of a folder, each on a bench of its own.
async fn on_real_engines(folder: &str, make: impl AsyncFn(&Story) -> Real) -> Outcomes {
    let runs = std::env::var("STORY_RUNS").map_or(1, |runs| runs.parse().expect("STORY_RUNS is a number"));
    let chosen = std::env::var("STORY").unwrap_or_default();
    let cases = cases::all(folder).into_iter().filter(|case| case.title.contains(&chosen));
    let stories = cases.flat_map(|case| {
        let story = Story::parse(&case);
        (0..runs).map(move |_| (case.title.clone(), story.clone()))
    });
    let make = &make;
    let played = stream::iter(stories).map(|(title, story)| async move {
        match story {
            Ok(story) => (title, Ok(play::play(&make(&story).await, &story).await)),
            Err(problem) => (title, Err(problem)),
        }
    });
    let mut outcomes = Outcomes::new();
    for (title, outcome) in played.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await {
        outcomes.entry(title).or_default().push(outcome);
    }
    outcomes
}

/// Compares with the recordings what the stories came to.
fn compare(folder: &str, at_least: usize, update: bool, outcomes: &Outcomes) {
    cases::check(folder, at_least, update, |case| {
        let recorded = case.section("told");
        let told = match outcomes.get(&case.title).map(Vec::as_slice) {
            // Not chosen this time.
            None => recorded,
            Some([only]) => {
                let told = only.clone()?;
                if allowed::allows(&recorded, &told) { recorded } else { told }
            }
            Some(several) if several.iter().flatten().all(|told| allowed::allows(&recorded, told)) => recorded,
            Some(several) => return Err(tally(several)),
        };
        Ok(vec![("told", told.join("\n"))])
    });
}

/// Different outcomes of one story, and how often each of them was.
fn tally(outcomes: &[Result<Vec<String>, String>]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for outcome in outcomes {
        let text = outcome.as_ref().map_or_else(String::clone, |told| told.join("\n"));
        *counts.entry(text).or_default() += 1;
    }
    counts.iter().fold(String::new(), |mut all, (text, count)| {
        let _ = writeln!(all, "{count} of {} times:\n{text}\n", outcomes.len());
        all
    })
}
