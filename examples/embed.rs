//! A controller inside another program: keeps the workspaces of a directory, tells each change of their states, and asks for something.
//!
//! ```sh
//! cargo run --example embed -- examples/quickstart
//! ```
//!
//! It uses the simulated engine, so it needs nothing; for a real one, use `wharf::engine::docker::Docker::connect(None)`.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use wharf::controller::{self, Handle, Options, Readings, follow_directory};
use wharf::engine::simulated::Simulated;
use wharf::model::Name;
use wharf::model::batch::Verb;
use wharf::model::status::ConditionType;
use wharf::source::{self, Source};
use wharf::status_file::StatusFiles;
use wharf::store::{Lock, Store};
use wharf::tracker::{Tracked, Tracker};

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
    // Called on a thread of its own: a callback may block, or panic, and harms nobody.
    let telling = options.hub.on_state_change(|change| {
        let old = change.old.map_or("new".to_owned(), |old| format!("{old:?}"));
        println!("{}: {old} -> {:?} ({})", change.workspace, change.new, change.reason);
    })?;
    let (handle, tracker) = (Handle::new(inputs.clone()), options.tracker.clone());
    let readings = Readings::new(&options.places, tracker.sources().clone(), inputs);
    tokio::spawn(follow_directory(source, 0, readings, shutdown.clone()));
    let asking = tokio::spawn(stop_one_when_all_are_ready(handle, tracker, shutdown.clone()));

    let status_files = StatusFiles::new(&options.source, options.status_dir.as_deref());
    let engine = Simulated::new(1).with_any_image().with_image(&"wharf-quickstart:latest".parse()?);
    let ending = controller::run(engine, store, status_files, receiver, options, shutdown).await?;
    asking.await?;
    drop(telling);
    println!("the controller has ended: {ending:?}");
    Ok(())
}

/// Waits until every workspace is Ready, or for ten seconds; asks for the first one to be stopped, and ends the controller when it rests.
async fn stop_one_when_all_are_ready(handle: Handle, tracker: Tracker, shutdown: CancellationToken) {
    let mut changes = tracker.changes();
    let story = async {
        let is = |tracked: &Arc<Tracked>, kind| tracked.document.status.is(kind);
        until(&mut changes, || {
            let all = tracker.all();
            !all.is_empty() && all.iter().all(|one| is(one, ConditionType::Ready))
        })
        .await;
        let first = tracker.all().into_iter().find_map(|one| one.document.metadata.name.parse::<Name>().ok());
        let Some(first) = first else { return };
        println!("all are ready; {first} is asked to rest");
        if let Err(error) = handle.ask(Verb::Stop, first.clone(), "the only request".to_owned()).await {
            return println!("it will not: {error}");
        }
        until(&mut changes, || tracker.get(first.as_str()).is_some_and(|one| !is(&one, ConditionType::Ready))).await;
    };
    if tokio::time::timeout(Duration::from_secs(10), story).await.is_err() {
        println!("not all were ready in time");
    }
    shutdown.cancel();
}

/// Waits until something is so.
async fn until(changes: &mut watch::Receiver<u64>, predicate: impl Fn() -> bool) {
    while !predicate() {
        if changes.changed().await.is_err() {
            return;
        }
    }
}
