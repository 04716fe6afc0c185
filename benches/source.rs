//! What it costs to follow a directory, and how long a save takes to be noticed. Prints a table; asserts nothing.

#![allow(clippy::cast_precision_loss, reason = "figures are shown with three digits")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use wharf::source::{Directory, Options, Source};

use support::figures::{figure, median, milliseconds, percentiles};
use support::process::own_processor_time;

const SAVES: usize = 500;
const IDLE: Duration = Duration::from_secs(20);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for count in [100, 1_000, 10_000] {
        let tree = source_of(count)?;
        let mut directory = Directory::new(tree.path(), Vec::new());
        let first = timed(|| drop(directory.scan()));
        until_nothing_is_read_again(&mut directory);
        let again = median(&(0..50).map(|_| timed(|| drop(directory.scan()))).collect::<Vec<_>>());
        figure(&format!("source, {count} files: first scan"), first, "ms", None);
        figure(&format!("source, {count} files: rescan of unchanged ones, median"), again, "ms", None);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(follow())
}

async fn follow() -> Result<(), Box<dyn std::error::Error>> {
    let tree = source_of(100)?;
    let mut source = Source::new(tree.path(), Vec::new(), Options::default());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        source.changed().await;
        source.scan().await;
    }
    let (mut noticed, mut read) = (Vec::new(), Vec::new());
    for index in 0..SAVES {
        let text = manifest(7, index);
        let begun = Instant::now();
        fs::write(tree.path().join("7.yaml"), text)?;
        source.changed().await;
        noticed.push(begun.elapsed());
        source.scan().await;
        read.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    percentiles("source: save → hint", &noticed, None);
    percentiles("source: save → reading", &read, None);

    settle(&mut source, Duration::from_secs(5)).await;
    let before = own_processor_time();
    settle(&mut source, IDLE).await;
    let used = own_processor_time().saturating_sub(before);
    let share = 100.0 * used.as_secs_f64() / IDLE.as_secs_f64();
    figure("source, 100 files: followed while nothing changes, share of a core", share, "%", None);
    Ok(())
}

/// Follows for a time.
async fn settle(source: &mut Source, time: Duration) {
    let following = async {
        loop {
            source.changed().await;
            source.scan().await;
        }
    };
    // Ends by its time only.
    let _: Result<(), _> = tokio::time::timeout(time, following).await;
}

fn source_of(count: usize) -> std::io::Result<tempfile::TempDir> {
    let tree = tempfile::tempdir()?;
    for index in 0..count {
        save(tree.path(), index)?;
    }
    Ok(tree)
}

fn save(root: &Path, index: usize) -> std::io::Result<()> {
    fs::write(root.join(format!("{index}.yaml")), manifest(index, 0))
}

fn manifest(index: usize, version: usize) -> String {
    format!(
        "apiVersion: wharf/v1\nkind: Workspace\nmetadata:\n  name: w{index}\nspec:\n  image: busybox:{version}\n  \
         env:\n  - {{name: A, value: b}}\n  resources: {{cpu: '1.5', memory: 512Mi}}\n"
    )
}

/// Files are read again until their times are older than the clock's ticks.
fn until_nothing_is_read_again(directory: &mut Directory) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        let before = directory.reads();
        directory.scan();
        if directory.reads() == before {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    milliseconds(begun.elapsed())
}
