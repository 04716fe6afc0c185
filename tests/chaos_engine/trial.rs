//! A private engine, a proxy in front of it, a world on it, somebody else's container beside it, and eyes on all of them.

use std::time::{Duration, Instant};

use crate::manifest::Manifest;
use crate::support::private::PrivateEngine;
use crate::support::proxy::Proxy;
use crate::support::real::IMAGE;
use crate::support::tell::tell;
use crate::watch::Watch;
use crate::world::{Controller, World, eventually_within, is_ready};

/// How often the controllers here list whatever happens.
const RESYNC: &str = "500ms";

/// How soon all is as declared after a fault: one resync as it is by default.
pub const CONVERGES_WITHIN: Duration = Duration::from_secs(30);

/// What nobody may touch.
const FOREIGN: &str = "somebody-elses";

/// How long after the last change the store may still write it down.
const WRITTEN_AFTER: Duration = Duration::from_secs(1);

const LIST: &str = "GET /containers/json";

/// How many times a fault is injected where more of them show more: from `WHARF_TEST_ROUNDS`, which `tests/chaos` sets; else
/// once, so that these tests stay a small part of all.
pub fn rounds() -> usize {
    std::env::var("WHARF_TEST_ROUNDS").map_or(1, |text| text.parse().expect("WHARF_TEST_ROUNDS is a number"))
}

/// Whether there is time to wait for what takes long by design.
pub fn at_full_size() -> bool {
    rounds() > 1
}

/// One test's place. What it consists of goes with it, the engine last.
pub struct Trial {
    watch: Watch,
    pub proxy: Proxy,
    pub world: World,
    pub engine: PrivateEngine,
    foreign: String,
    has_twins: bool,
}

impl Trial {
    /// On an engine with these options; `None`, and told, where there cannot be one.
    pub fn new(options: &[&str]) -> Option<Self> {
        let engine = PrivateEngine::start(options)?;
        let client = engine.client();
        let run = ["run", "--detach", "--network", "none", "--name", FOREIGN, "--restart", "always", IMAGE];
        let foreign =
            client.docker(&[&run[..], &["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]].concat());
        let world = World::on(&client);
        let proxy = Proxy::before(&engine.socket());
        let watch = Watch::start(engine.socket(), world.source());
        Some(Self { watch, proxy, world, engine, foreign, has_twins: false })
    }

    /// Declares small workspaces of these names.
    pub fn declare(&self, names: &[&str]) {
        for name in names {
            self.world.declare(name, &Manifest::named(name));
        }
    }

    /// Starts a controller that reaches the engine through the proxy. It measures nothing: what is measured is written, be it in a moment in
    /// which nothing should be.
    pub fn start(&self) -> Controller {
        self.world.start(&["--host", &self.proxy.host(), "--resync", RESYNC, "--monitor-interval", "0"])
    }

    /// Kills the engine, and with it whoever listens on its socket.
    pub fn kill_engine(&mut self) {
        self.proxy.hang_up();
        self.engine.kill();
    }

    /// Starts the engine again.
    pub fn revive_engine(&mut self) {
        self.engine.start_again();
        self.proxy.listen_again();
    }

    /// Waits until every workspace of the world is ready in its generation, and its container runs; how long that took.
    pub fn converges(&self, names: &[&str]) -> Duration {
        let start = Instant::now();
        eventually_within(CONVERGES_WITHIN, "all is as declared", || {
            let statuses = self.world.statuses();
            let ready = statuses.iter().filter(|it| is_ready(it, it.metadata.generation)).count();
            let all = ready == names.len() && statuses.len() == ready && self.world.containers().len() == ready;
            let runs = |name: &&str| self.world.container(name).is_some_and(|it| it["State"]["Running"] == true);
            (all && names.iter().all(runs)).then_some(())
        });
        start.elapsed()
    }

    /// Resyncs pass in which nothing is changed and nothing written. What was learned last is written down a moment after it was
    /// acted on, so the first moments are not looked at.
    pub fn is_quiet(&self) {
        self.proxy.take_calls();
        let start = Instant::now();
        while start.elapsed() < WRITTEN_AFTER {
            self.resyncs(1);
        }
        let (files, mutations) = (self.world.files(), self.proxy.mutations().len());
        let calls = self.resyncs(3);
        let changes: Vec<_> = self.proxy.mutations().drain(mutations..).collect();
        assert_eq!(changes, [""; 0], "nothing is left to do, among {calls:?}");
        assert_eq!(self.world.files(), files, "nothing is left to write");
    }

    /// Waits until so many lists have been asked for.
    fn resyncs(&self, count: usize) -> Vec<String> {
        let mut calls = Vec::new();
        eventually_within(CONVERGES_WITHIN, "resyncs pass", || {
            calls.extend(self.proxy.take_calls());
            (calls.iter().filter(|call| *call == LIST).count() >= count).then_some(())
        });
        calls
    }

    /// A container of the same spec takes a container's place here, as it does where the engine cannot start one any more.
    pub fn has_twins(&mut self) {
        self.has_twins = true;
    }

    /// Ends the controller, asserts what holds whatever happened, and tells what was measured.
    pub fn ends_well(mut self, controller: Controller, row: u8, fault: &str, injected: usize, outcome: &str) {
        controller.stop();
        let seen = self.watch.end();
        assert_eq!(seen.violations, [""; 0]);
        assert!(self.has_twins || seen.twins.is_empty(), "{:?}", seen.twins);
        assert!(seen.looks > 0, "nobody looked on");
        let ours = |call: &String| !call.contains(&self.foreign) && !call.contains(FOREIGN);
        assert!(self.proxy.mutations().iter().all(ours), "what belongs to somebody else is left alone");
        let foreign = self.engine.client().inspect(&self.foreign).expect("somebody else's container is still there");
        assert_eq!(foreign["Name"], format!("/{FOREIGN}"));
        let looks = seen.looks;
        tell(row, fault, injected, &format!("{outcome}; no violation in {looks} looks"));
    }
}

/// Seconds, as they are told.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// The longest of several, as it is told.
pub fn longest(durations: &[Duration]) -> String {
    seconds(durations.iter().copied().max().unwrap_or_default())
}
