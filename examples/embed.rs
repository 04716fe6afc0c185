//! A controller inside another program: keeps the workspaces of a directory, and tells when one becomes Ready.
//!
//! ```sh
//! cargo run --example embed -- examples/quickstart
//! ```
//!
//! It uses the simulated engine, so it needs nothing; for a real one, use `wharf::engine::docker::Docker::connect(None)`.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use wharf::controller::{self, Options};
use wharf::engine::simulated::Simulated;
use wharf::model::status::ConditionType;
use wharf::source::{self, Source};
use wharf::status_file::StatusFiles;
use wharf::store::{Lock, Store};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).ok_or("which directory? cargo run --example embed -- DIR")?;
    // Status files and memory go elsewhere, so that the example leaves the directory as it is.
    let scratch = tempfile::tempdir()?;
    let mut options = Options::new(std::path::absolute(directory)?);
    options.state_dir = scratch.path().join("state");
    options.status_dir = Some(scratch.path().join("status"));

    let lock = Lock::acquire(&options.state_dir, "the embedding example")?;
    let store = Store::open(&lock)?.store;
    let shutdown = CancellationToken::new();
    let source = Source::new(&options.source, vec![options.state_dir.clone()], source::Options::default());
    let (inputs, receiver) = mpsc::unbounded_channel();
    let following = controller::follow_directory(source, options.state_dir.clone(), inputs, shutdown.clone());
    tokio::spawn(following);
    let status_dir = scratch.path().join("status");
    let watching = tokio::spawn(tell_who_is_ready(options.source.clone(), status_dir.clone(), shutdown.clone()));

    let status_files = StatusFiles::new(&options.source, Some(&status_dir));
    let engine = Simulated::new(1).with_any_image().with_image(&"wharf-quickstart:latest".parse()?);
    let ending = controller::run(engine, store, status_files, receiver, options, shutdown).await?;
    watching.await?;
    println!("the controller has ended: {ending:?}");
    Ok(())
}

/// Reads the status files until every workspace is Ready, or for ten seconds; then ends the controller.
async fn tell_who_is_ready(source: impl AsRef<Path>, status_dir: impl AsRef<Path>, shutdown: CancellationToken) {
    let files = StatusFiles::new(source.as_ref(), Some(status_dir.as_ref()));
    let mut told = BTreeSet::new();
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let found: Vec<_> = files.read_all().into_iter().flatten().filter_map(|found| found.status.ok()).collect();
        for status in found.iter().filter(|status| status.status.is(ConditionType::Ready)) {
            if told.insert(status.metadata.name.clone()) {
                println!("{} is ready: {}", status.metadata.name, status.status.summary);
            }
        }
        if !found.is_empty() && told.len() == found.len() {
            break;
        }
    }
    shutdown.cancel();
}
