//! A minute of everything at once, many times: people edit and interfere, engine and network fail, the controller is killed.
//! Whatever happens, no rule is broken on the way, and once it ends, all is as declared and stays so.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wharf::controller::Input;
use wharf::engine::simulated::Simulated;
use wharf::engine::{ContainerDetail, Limits};
use wharf::model::quantity::Memory;
use wharf::model::status::{ConditionType, ContainerState, WorkspaceStatus};

use super::rig::{Rig, manifest};

/// How many seeds are tried. `WHARF_SEEDS=1000` tries more, `WHARF_SEED=17` only that one.
const SEEDS: u64 = 100;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

#[tokio::test(start_paused = true)]
async fn whatever_happens_ends_as_declared() {
    let number = |variable| std::env::var(variable).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("WHARF_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WHARF_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let _told = Told(seed);
        World::new(seed).run().await;
    }
}

/// Tells the seed of a run that fails.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with WHARF_SEED={}", self.0);
        }
    }
}

/// `SplitMix64`. Source: <https://prng.di.unimi.it/splitmix64.c>.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).expect("small")).expect("small")
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

/// What a valid manifest asks for, as far as it is checked at the end.
#[derive(Clone, Debug)]
struct Wanted {
    image: &'static str,
    memory: Option<&'static str>,
    state: &'static str,
    depends_on: Option<&'static str>,
    rest: &'static str,
}

impl Wanted {
    fn spec(&self) -> String {
        let memory = self.memory.map(|memory| format!(", resources: {{memory: {memory}}}")).unwrap_or_default();
        let depends_on = self.depends_on.map(|name| format!(", dependsOn: [{name}]")).unwrap_or_default();
        // Failures are only those that pass, so no budget is to end them.
        let recovery = "recovery: {maxRetries: 1000, backoff: {initial: 1s, max: 5s}}";
        let Self { image, state, rest, .. } = self;
        format!("image: '{image}', state: {state}, {recovery}{memory}{depends_on}{rest}")
    }
}

struct World {
    rig: Rig,
    /// Whether containers outlive the engine. No more is then known of their health: it would stay `starting` for ever.
    live_restore: bool,
    random: Random,
    /// The valid manifests.
    wanted: BTreeMap<&'static str, Wanted>,
    /// Workspaces whose file was broken by the last edit.
    broken: BTreeSet<&'static str>,
    generations: BTreeMap<String, u64>,
    renamed: u64,
    trace: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let engine = Simulated::new(seed).with_any_image().with_latency(Duration::from_millis(40));
        let engine = engine.with_replay(Duration::from_secs(1));
        let live_restore = seed.is_multiple_of(2);
        let rig = Rig::on(if live_restore { engine } else { engine.without_live_restore() });
        let rig = rig.tuned(|options| options.audit = Duration::from_secs(60));
        let (wanted, broken, generations) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        Self { rig, live_restore, random: Random(seed), wanted, broken, generations, renamed: 0, trace: Vec::new() }
    }

    async fn run(mut self) {
        // So that the source never is empty.
        self.rig.declare("anchor", "image: debian:12, network: {mode: None}");
        for name in NAMES {
            self.declare(name);
        }
        self.rig.engine.inject_weather(u64::try_from(5 + self.random.below(40)).expect("small"));
        self.rig.start();
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            self.happen().await;
            let pause = Duration::from_millis(u64::try_from(self.random.below(4000)).expect("small"));
            self.rig.pass(pause).await;
            self.check_rules();
        }
        self.calm_down().await;
        self.check_end().await;
    }

    async fn happen(&mut self) {
        let name = self.random.pick(&NAMES);
        let what = self.random.below(20);
        self.trace.push(format!("{:?} {what} {name}", self.rig.engine.now()));
        match what {
            0..=5 => self.declare(name),
            6 => self.withdraw(name),
            7 => self.damage(name),
            8..=13 => self.interfere(),
            14 => self.rig.engine.stop_engine(),
            15 => self.rig.engine.kill_engine(),
            16 | 17 => self.rig.engine.start_engine(),
            18 => {
                self.rig.kill().await;
                self.rig.start();
            }
            _ => {
                self.rig.lose_source("not mounted");
                self.rig.pass(Duration::from_secs(1)).await;
                self.rig.read_source();
            }
        }
    }

    fn declare(&mut self, name: &'static str) {
        let earlier: Vec<&'static str> = NAMES.into_iter().filter(|other| *other < name).collect();
        let mut wanted = Wanted {
            image: self.random.pick(&["debian:12", "debian:13", "debian:14"]),
            memory: self.random.pick(&[None, Some("128Mi"), Some("256Mi")]),
            state: self.random.pick(&["Running", "Running", "Running", "Stopped", "Archived"]),
            depends_on: if earlier.is_empty() || self.random.below(3) > 0 {
                None
            } else {
                Some(self.random.pick(&earlier))
            },
            rest: self.random.pick(&[
                "",
                ", network: {mode: Group, group: g}",
                ", network: {mode: None}",
                ", healthCheck: {command: [/bin/true], interval: 1s}",
                ", volumes: [{name: cache, mountPath: /cache}], deleteVolumes: true",
            ]),
        };
        if self.live_restore && wanted.rest.contains("healthCheck") {
            wanted.rest = "";
        }
        self.rig.declare(name, &wanted.spec());
        self.wanted.insert(name, wanted);
        self.broken.remove(name);
    }

    fn withdraw(&mut self, name: &'static str) {
        if self.wanted.remove(name).is_some() {
            self.rig.delete(&format!("{name}.yaml"));
            self.broken.remove(name);
        }
    }

    fn damage(&mut self, name: &'static str) {
        if self.wanted.contains_key(name) {
            let text = self.random.pick(&["nonsense", "{", "a: &a [*a]"]);
            self.rig.write(&format!("{name}.yaml"), text);
            self.broken.insert(name);
        }
    }

    /// What a person does to a container.
    fn interfere(&mut self) {
        let containers = self.rig.engine.snapshot();
        if containers.is_empty() {
            return;
        }
        let name = containers[self.random.below(containers.len())].name.clone();
        let person = self.rig.engine.outside();
        // What they try may not be possible at this moment.
        let _ = match self.random.below(7) {
            0 => person.kill(&name),
            1 => person.stop(&name),
            2 => person.pause(&name),
            3 => person.remove(&name),
            4 => {
                self.renamed += 1;
                person.rename(&name, &format!("mine-{}", self.renamed))
            }
            5 => {
                let memory = Some(Memory::from_bytes(64 << 20));
                person.update(&name, &Limits { memory, ..Limits::default() })
            }
            _ => {
                person.exit(&name, 1);
                Ok(())
            }
        };
    }

    fn statuses(&self) -> Vec<WorkspaceStatus> {
        let files = NAMES.iter().chain(&["anchor"]);
        files.flat_map(|name| self.rig.statuses(&format!("{name}.status.yaml"))).collect()
    }

    /// What holds at any moment.
    fn check_rules(&mut self) {
        assert!(self.rig.engine.violations().is_empty(), "{:?}\n{}", self.rig.engine.violations(), self.picture());
        for status in self.statuses() {
            let Some(uid) = status.metadata.uid else { continue };
            let generation = status.status.observed_generation;
            let before = self.generations.insert(uid.to_string(), generation).unwrap_or_default();
            assert!(before <= generation, "{} went back to {generation}\n{}", status.metadata.name, self.picture());
        }
    }

    /// Nothing goes wrong any more, and what is broken or held is put right.
    async fn calm_down(&mut self) {
        self.rig.engine.clear_faults();
        self.rig.engine.start_engine();
        for name in std::mem::take(&mut self.broken) {
            let text = manifest(name, &self.wanted[name].spec());
            self.rig.write(&format!("{name}.yaml"), &text);
        }
        self.rig.read_source();
        self.rig.pass(Duration::from_secs(20)).await;
        let gone = NAMES.iter().filter(|name| !self.wanted.contains_key(**name));
        self.rig.send(Input::Confirmed(gone.map(|name| name.parse().expect("a name")).collect()));
        self.rig.pass(Duration::from_secs(100)).await;
        self.check_rules();
    }

    async fn check_end(&self) {
        for name in NAMES {
            self.check_workspace(name);
        }
        let (mutations, stamps) = (self.rig.engine.mutations(), self.rig.stamps());
        let count = self.rig.count();
        self.rig.pass(Duration::from_secs(125)).await;
        let calls = self.rig.calls_since(count);
        assert_eq!(self.rig.engine.mutations(), mutations, "{calls:?}\n{}", self.picture());
        self.rig.assert_unwritten(&stamps);
        assert!(self.rig.engine.violations().is_empty(), "{:?}\n{}", self.rig.engine.violations(), self.picture());
    }

    fn check_workspace(&self, name: &'static str) {
        let prefix = format!("wharf-{name}");
        let of_this =
            |it: &ContainerDetail| it.labels.get(wharf::model::labels::WORKSPACE).is_some_and(|it| it == name);
        let containers: Vec<ContainerDetail> = self.rig.engine.snapshot().into_iter().filter(of_this).collect();
        let picture = || format!("{name}: {:?}\n{}", self.wanted.get(name), self.picture());
        let Some(wanted) = self.wanted.get(name) else {
            assert!(containers.is_empty(), "it was deleted\n{}", picture());
            assert!(self.rig.status(name).is_none(), "it was deleted\n{}", picture());
            return;
        };
        let status = self.rig.status(name).unwrap_or_else(|| panic!("no status\n{}", picture())).status;
        match wanted.state {
            "Archived" => assert!(containers.is_empty(), "{}", picture()),
            "Stopped" => {
                assert!(containers.len() <= 1, "{}", picture());
                assert!(containers.iter().all(|it| it.state != ContainerState::Running), "{}", picture());
            }
            // A replacement that was interrupted may wait together with what it replaces.
            _ if self.is_waiting(wanted) => return,
            _ => {
                assert_eq!(containers.len(), 1, "{}", picture());
                let container = &containers[0];
                let memory = container.limits.memory.map(|memory| format!("{}Mi", memory.bytes() >> 20));
                assert_eq!(container.state, ContainerState::Running, "{}", picture());
                assert_eq!(
                    (container.name.as_str(), container.image.as_str()),
                    (prefix.as_str(), wanted.image),
                    "{}",
                    picture()
                );
                assert_eq!(memory.as_deref(), wanted.memory, "{}", picture());
                assert!(status.is(ConditionType::Ready), "{}", picture());
            }
        }
        assert!(status.is(ConditionType::Reconciled) && status.is(ConditionType::Accepted), "{}", picture());
        assert!(status.retry.is_none() && !status.is(ConditionType::Held), "{}", picture());
    }

    /// Whether it waits for another one that does not run, directly or not.
    fn is_waiting(&self, wanted: &Wanted) -> bool {
        let Some(name) = wanted.depends_on else { return false };
        self.wanted.get(name).is_none_or(|other| other.state != "Running" || self.is_waiting(other))
    }

    fn picture(&self) -> String {
        format!("{}\n{}", self.trace.join("\n"), self.rig.picture())
    }
}
