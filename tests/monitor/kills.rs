//! Kills of a process that keeps history.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use wharf::model::Uid;

use crate::history::{ask, on_disk, total, usage};

const WRITER: &str = "WHARF_TEST_HISTORY_WRITER";

/// Readings between two flushes.
const FLUSHED_TOGETHER: i64 = 6;

fn uid() -> Uid {
    Uid::new("01JHISTORY")
}

/// The first of the readings that a life of the writer adds, one each ten seconds.
fn start(life: i64) -> Timestamp {
    let day: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    day + SignedDuration::from_hours(life)
}

/// Not a test of its own: what the test below runs in a child process. Adds readings, and prints how many were flushed.
#[test]
fn writer_process() {
    let Some(argument) = std::env::var_os(WRITER) else { return };
    let argument = argument.into_string().expect("UTF-8");
    let (life, directory) = argument.split_once(':').expect("a life and a directory");
    let life: i64 = life.parse().expect("a number");
    let metrics = on_disk(Path::new(directory));
    for number in 1..=360 {
        let time = start(life) + SignedDuration::from_secs((number - 1) * 10);
        metrics.add(&uid(), &usage(time, 50.0, 1_000));
        if number % FLUSHED_TOGETHER == 0 {
            metrics.flush(time).expect("flushed");
            writeln!(std::io::stdout(), "flushed {number}").expect("a reader");
        }
    }
}

fn launch(directory: &Path, life: i64) -> Child {
    Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "kills::writer_process", "--nocapture"])
        .env(WRITER, format!("{life}:{}", directory.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts")
}

/// Lets a writer live until it has flushed so often, and kills it; returns how many readings it is known to have flushed.
fn live(directory: &Path, life: i64, times: usize) -> i64 {
    let mut child = launch(directory, life);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let number = |line: String| line.split_once("flushed ").and_then(|(_, number)| number.parse::<i64>().ok());
    let seen = lines.by_ref().filter_map(number).take(times).last().expect("it flushed");
    child.kill().expect("killed");
    child.wait().expect("ended");
    // What it said before it was killed.
    lines.filter_map(number).last().unwrap_or(seen)
}

#[test]
fn kill_9_loses_at_most_what_was_not_flushed_and_every_tier_agrees() {
    let directory = tempfile::tempdir().expect("a directory");
    let (mut least, mut most) = (0, 0);
    for life in 0..8 {
        let flushed = live(directory.path(), life, 1 + usize::try_from(life * 5 % 13).expect("small"));
        least += flushed;
        // The flush that was under way may have reached the disk.
        most += flushed + FLUSHED_TOGETHER;
    }
    let metrics = on_disk(directory.path());
    let now = start(8);
    let counts = [60, 3_600, 86_400].map(|step| total(&ask(&metrics, &uid(), start(0), now, step, now)));
    assert!((least.unsigned_abs()..=most.unsigned_abs()).contains(&counts[0]), "{least} {counts:?} {most}");
    assert!(counts.iter().all(|count| *count == counts[0]), "the tiers disagree: {counts:?}");
}
