//! How soon Wharf does something about what happens, with many workspaces on the real engine: saves, deaths, events.
//!
//! Requests are seen by a proxy on the engine's socket, looked at ten times a millisecond; the engine's events are timed by the
//! engine's own clock, which is this machine's.

mod support;

#[path = "../tests/support/proxy.rs"]
#[allow(dead_code, unused_imports, reason = "tests use the rest")]
mod proxy;
#[path = "../tests/support/stream.rs"]
#[allow(dead_code, reason = "tests use the rest")]
mod stream;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use wharf::engine::docker::Docker;
use wharf::engine::{Change, Engine, EngineEvent};
use wharf::model::labels;
use wharf::model::status::{ContainerState, WorkspaceStatus};

use proxy::Proxy;
use support::figures::percentiles;
use support::{Source, changed_at, real, statuses, until};

/// How long nothing must be asked of the engine before the next sample.
const QUIET: Duration = Duration::from_millis(60);

fn main() {
    real::ensure_image();
    let count = support::workspaces();
    let runtime = Runtime::new().expect("a runtime");
    let proxy = runtime.block_on(async { Proxy::start() });
    let source = Source::with_workspaces(count);
    // A list that happens to be due would be taken for an answer to what happened.
    let host = proxy.host();
    let _wharf = source.run(&["--host", &host, "--resync", "1h"]);
    source.until_ready(count);
    let bench = Bench { events: subscribe(&runtime, &source), runtime, proxy, source, count };
    bench.settle();
    bench.saves("written in place", |path, text| fs::write(path, text).expect("written"));
    bench.saves("renamed into place", |path, text| {
        let temporary = path.with_extension("new");
        fs::write(&temporary, text).expect("written");
        fs::rename(&temporary, path).expect("renamed");
    });
    let mut bench = bench;
    bench.deaths();
    bench.observed();
    percentiles("container dies → a bare client has inspected it", &bench.floor(), None);
}

struct Bench {
    runtime: Runtime,
    proxy: Proxy,
    source: Source,
    count: usize,
    events: mpsc::UnboundedReceiver<EngineEvent>,
}

impl Bench {
    /// A limit is changed, which takes one call.
    fn saves(&self, how: &str, save: impl Fn(&Path, &str)) {
        let mut times = Vec::new();
        for index in 0..self.count {
            let path = self.source.manifest(index);
            let text = fs::read_to_string(&path).expect("a manifest");
            let (old, new) = if text.contains("64Mi") { ("64Mi", "96Mi") } else { ("96Mi", "64Mi") };
            let text = text.replace(old, new);
            let begun = Instant::now();
            save(&path, &text);
            self.until_called("POST ");
            times.push(begun.elapsed());
            self.settle();
        }
        percentiles(&format!("manifest {how} → first engine request"), &times, Some((5.0, 20.0)));
    }

    /// Every container dies once, so each restart is due at once.
    fn deaths(&mut self) {
        let (mut looks, mut restarts) = (Vec::new(), Vec::new());
        for index in 0..self.count {
            let died = self.kill(index);
            let mut looked = None;
            until("Wharf restarts the container", || {
                let calls = self.proxy.take_calls();
                if !calls.is_empty() {
                    looked.get_or_insert(since(died));
                }
                calls.iter().any(|call| call == "POST /containers/{id}/start")
            });
            restarts.push(since(died));
            looks.extend(looked);
            self.event(index, Change::Started);
            self.settle();
        }
        percentiles("container dies → first engine request", &looks, None);
        percentiles("container dies → restart requested", &restarts, Some((5.0, 20.0)));
    }

    /// A suspended workspace is observed only: what passes between an event and the disk is all there is to it.
    fn observed(&mut self) {
        let suspended = self.count / 2;
        for index in 0..suspended {
            self.source.declare(index, "  suspend: true\n");
            let path = self.source.status(index);
            until("it is suspended", || statuses(&path).iter().any(|it| it.status.summary.contains("suspend")));
        }
        self.settle();
        let mut times = Vec::new();
        for index in 0..suspended {
            let path = self.source.status(index);
            // Times of files tick too slowly to be compared with the event's.
            let before = changed_at(&path);
            let died = self.kill(index);
            until("the status shows the death", || {
                changed_at(&path) != before && statuses(&path).iter().any(has_exited)
            });
            times.push(since(died));
            self.settle();
        }
        percentiles("engine event → status file on disk", &times, Some((50.0, 50.0)));
    }

    /// What the engine takes to answer an inspection of what has just died, whoever asks.
    fn floor(&mut self) -> Vec<Duration> {
        let other = Source::new();
        let engine = Docker::connect(None).expect("an engine's address");
        let subject = support::subjects(1, other.instance(), real::IMAGE).remove(0);
        let events = subscribe(&self.runtime, &other);
        let own = std::mem::replace(&mut self.events, events);
        let network = subject.network.expect("Isolated has one");
        self.runtime.block_on(engine.ensure_network(&network)).expect("a network");
        let id = self.runtime.block_on(engine.create(&subject.container)).expect("created");
        let mut times = Vec::new();
        for _ in 0..self.count {
            self.runtime.block_on(engine.start(&id)).expect("started");
            self.event(0, Change::Started);
            real::docker(&["kill", &id]);
            let died = self.event(0, Change::Died);
            self.runtime.block_on(engine.inspect(&id)).expect("inspected");
            times.push(since(died));
        }
        self.events = own;
        times
    }

    /// Kills a container; returns when the engine says that it died.
    fn kill(&mut self, index: usize) -> SystemTime {
        while self.events.try_recv().is_ok() {}
        self.proxy.take_calls();
        real::docker(&["kill", &self.source.container(index)]);
        self.event(index, Change::Died)
    }

    fn event(&mut self, index: usize, change: Change) -> SystemTime {
        let workspace = format!("w{index}");
        let is_it = |event: &EngineEvent| event.change == change && event.labels[labels::WORKSPACE] == workspace;
        let events = &mut self.events;
        let event = self.runtime.block_on(async {
            loop {
                let event = events.recv().await.expect("the engine tells of events");
                if is_it(&event) {
                    return event;
                }
            }
        });
        event.time.into()
    }

    fn until_called(&self, call: &str) {
        until("Wharf calls the engine", || self.proxy.take_calls().iter().any(|it| it.starts_with(call)));
    }

    fn settle(&self) {
        loop {
            std::thread::sleep(QUIET);
            if self.proxy.take_calls().is_empty() {
                return;
            }
        }
    }
}

fn has_exited(document: &WorkspaceStatus) -> bool {
    document.status.container.as_ref().is_some_and(|it| it.state == ContainerState::Exited)
}

fn since(time: SystemTime) -> Duration {
    SystemTime::now().duration_since(time).expect("in the past")
}

/// The engine's events about these workspaces, as Wharf gets them but by a way of their own.
fn subscribe(runtime: &Runtime, source: &Source) -> mpsc::UnboundedReceiver<EngineEvent> {
    let (sender, events) = mpsc::unbounded_channel();
    let engine = Docker::connect(None).expect("an engine's address");
    let mut stream = engine.events(source.instance());
    runtime.spawn(async move {
        // Kept for the stream.
        let _engine = engine;
        while let Some(Ok(event)) = stream.next().await {
            drop(sender.send(event));
        }
    });
    events
}
