//! Plays many seeds; `./tests/simulate` runs it.

mod end;
mod generate;
mod judge;
mod panics;
mod people;
mod requests;
mod scenario;
mod shrink;
mod world;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::scenario::Scenario;
use crate::world::play;

/// A run that ended badly is told in full for so many seeds, and the others are only counted.
const TOLD: u64 = 5;
/// One of so many seeds is played twice: the same seed gives the same trace.
const REPEATED: u64 = 200;

#[derive(Debug, Default)]
struct Arguments {
    seeds: u64,
    from: u64,
    jobs: u64,
    /// Tells everything that happens in the first seed, broken promise or not.
    trace: bool,
    /// Plays scenarios that were written down instead.
    files: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    panics::note_all(true);
    let begun = Instant::now();
    let (steps, violations) = if arguments.files.is_empty() { explore(&arguments) } else { replay(&arguments) };
    let played = if arguments.files.is_empty() { arguments.seeds } else { arguments.files.len() as u64 };
    let seconds = begun.elapsed().as_secs_f64();
    println!("seeds {played}, steps {steps}, violations {violations}, seconds {seconds:.1}");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments { seeds: 1000, jobs: 1, ..Arguments::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} needs a number behind it"))?;
            value.parse::<u64>().map_err(|_| format!("{word} {value}: this is no number"))
        };
        match word.as_str() {
            "--seeds" => found.seeds = number()?,
            "--from" => found.from = number()?,
            "--jobs" => found.jobs = number()?.max(1),
            "--seed" => (found.from, found.seeds, found.trace) = (number()?, 1, true),
            file if !file.starts_with('-') => found.files.push(file.to_owned()),
            _ => {
                return Err(format!(
                    "{word}: give --seeds N, --from SEED, --jobs N, --seed SEED or files of scenarios"
                ));
            }
        }
    }
    Ok(found)
}

/// Plays all seeds on all jobs; returns steps and violations.
fn explore(arguments: &Arguments) -> (u64, u64) {
    let (next, steps, violations) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= arguments.seeds {
                        return;
                    }
                    let seed = arguments.from + index;
                    let scenario = generate::scenario(seed);
                    let outcome = play(&scenario, arguments.trace);
                    steps.fetch_add(outcome.steps, Ordering::Relaxed);
                    let differs = seed.is_multiple_of(REPEATED) && differs(&scenario);
                    if outcome.violation.is_none() && !differs {
                        outcome.trace.iter().for_each(|line| println!("{line}"));
                        continue;
                    }
                    if violations.fetch_add(1, Ordering::Relaxed) < TOLD {
                        tell(&format!("seed {seed}"), &scenario);
                    }
                }
            });
        }
    });
    (steps.into_inner(), violations.into_inner())
}

/// Whether a scenario played twice takes two ways.
fn differs(scenario: &Scenario) -> bool {
    let differs = play(scenario, true).trace != play(scenario, true).trace;
    if differs {
        println!("VIOLATION of invariant 14: two runs of one scenario differ");
    }
    differs
}

fn replay(arguments: &Arguments) -> (u64, u64) {
    let (mut steps, mut violations) = (0, 0);
    for file in &arguments.files {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let scenario = Scenario::from_text(&text);
        let outcome = play(&scenario, false);
        steps += outcome.steps;
        if outcome.violation.is_some() {
            violations += 1;
            tell(file, &scenario);
        }
    }
    (steps, violations)
}

/// Prints the smallest scenario that breaks the same promise, and what happens in it.
fn tell(what: &str, scenario: &Scenario) {
    let Some(violation) = play(scenario, false).violation else { return };
    let small = shrink::shrink(scenario, &violation);
    let outcome = play(&small, true);
    let violation = outcome.violation.unwrap_or(violation);
    println!("--- {what}: invariant {} is broken: {}", violation.invariant, violation.what);
    println!("--- the smallest scenario that shows it:\n{}--- what happens in it:", small.to_text());
    outcome.trace.iter().for_each(|line| println!("{line}"));
}
