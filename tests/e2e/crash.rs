//! `kill -9` at any moment: the next run goes on, and nothing is there twice or left behind.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use wharf::model::random::Random;

use crate::manifest::Manifest;
use crate::support::real::docker;
use crate::support::tell::tell;
use crate::world::{World, eventually, is_ready};

const WORKSPACES: u64 = 20;
const KILLS: usize = 50;
/// Changes of manifests between two kills.
const EDITS: usize = 4;
/// When the kills come, in milliseconds after the start: from before the controller has read anything to when it is done.
const MOMENTS: std::ops::Range<u64> = 5..600;

/// From `WHARF_TEST_SEED`, to repeat a run; else a new one.
pub fn seed() -> u64 {
    let given = env::var("WHARF_TEST_SEED").ok().map(|text| text.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        now.as_secs() ^ u64::from(now.subsec_nanos())
    });
    println!("WHARF_TEST_SEED={seed}");
    seed
}

/// What the manifest of a workspace says: the revision needs a new container, the memory is changed in place.
#[derive(Clone, Copy)]
struct Declared {
    revision: u64,
    memory: u64,
}

impl Declared {
    fn manifest(self, name: &str) -> Manifest {
        let Self { revision, memory } = self;
        Manifest::named(name)
            .with("env", format!("[{{name: REVISION, value: '{revision}'}}]"))
            .with("resources", format!("{{memory: {memory}Mi}}"))
            .with("stopGracePeriod", "0s")
    }
}

/// The workspaces as they are declared, and the people who edit them.
struct Fleet<'a> {
    world: &'a World,
    random: Random,
    declared: BTreeMap<String, Declared>,
    /// The one whose manifest is away at the moment.
    away: Option<(String, Declared)>,
    /// Those whose manifest was away: theirs may be another life.
    were_away: Vec<String>,
}

impl Fleet<'_> {
    fn declare(&self, name: &str) {
        self.world.declare(name, &self.declared[name].manifest(name));
    }

    /// Changes something, so that each controller finds work to do.
    fn edit(&mut self) {
        let at = self.random.below(self.declared.len() as u64);
        let name = self.declared.keys().nth(usize::try_from(at).expect("small")).expect("one of them").clone();
        match self.random.below(4) {
            0 | 1 => self.declared.entry(name.clone()).and_modify(|it| it.revision += 1),
            2 => self.declared.entry(name.clone()).and_modify(|it| it.memory += 1),
            _ => return self.take_away_or_bring_back(name),
        };
        self.declare(&name);
    }

    fn take_away_or_bring_back(&mut self, name: String) {
        if let Some((name, declared)) = self.away.take() {
            self.declared.insert(name.clone(), declared);
            self.declare(&name);
        } else {
            self.world.remove(&format!("{name}.yaml"));
            let declared = self.declared.remove(&name).expect("declared");
            self.were_away.push(name.clone());
            self.away = Some((name, declared));
        }
    }

    /// The UIDs told so far.
    fn uids(&self) -> BTreeMap<String, String> {
        let uid =
            |status: wharf::model::WorkspaceStatus| Some((status.metadata.name, status.metadata.uid?.to_string()));
        self.world.statuses().into_iter().filter_map(uid).collect()
    }

    /// Waits until every workspace is as declared.
    fn converges(&self) {
        eventually("every workspace is as declared", || {
            let statuses = self.world.statuses();
            let ready = statuses.iter().filter(|status| is_ready(status, status.metadata.generation)).count();
            (ready == self.declared.len() && statuses.len() == ready && self.is_in_force()).then_some(())
        });
    }

    /// Whether the engine has exactly what is declared.
    fn is_in_force(&self) -> bool {
        let containers = self.world.containers();
        if containers.len() != self.declared.len() {
            return false;
        }
        let names: Vec<String> = self.declared.keys().map(|name| self.world.object(name)).collect();
        let format = "{{.State.Running}} {{.HostConfig.Memory}} {{.Name}} {{.Config.Env}}";
        let mut arguments = vec!["container", "inspect", "--format", format];
        arguments.extend(names.iter().map(String::as_str));
        let seen = docker(&arguments);
        seen.lines().zip(&self.declared).all(|(line, (name, declared))| {
            let start = format!("true {} /{} ", declared.memory << 20, self.world.object(name));
            line.starts_with(&start) && line.contains(&format!("REVISION={}", declared.revision))
        })
    }
}

#[test]
fn a_controller_killed_at_any_moment_leaves_nothing_behind() {
    let world = World::new();
    let names = (0..WORKSPACES).map(|number| format!("box-{number:02}"));
    let declared = names.map(|name| (name, Declared { revision: 0, memory: 16 })).collect();
    let mut fleet =
        Fleet { world: &world, random: Random::new(seed(), 0), declared, away: None, were_away: Vec::new() };
    for name in fleet.declared.keys() {
        fleet.declare(name);
    }
    let mut uids = BTreeMap::new();
    let mut at_work = 0;
    for _ in 0..KILLS {
        let controller = world.start(&[]);
        // Not to wait for anything: the moment itself is what is tried.
        thread::sleep(Duration::from_millis(MOMENTS.start + fleet.random.below(MOMENTS.end - MOMENTS.start)));
        at_work += usize::from(controller.log().contains(" workspace="));
        controller.kill();
        for (name, uid) in fleet.uids() {
            uids.entry(name).or_insert(uid);
        }
        for _ in 0..EDITS {
            fleet.edit();
        }
    }
    // How many are depends on how busy the machine is; a few are always.
    assert!(at_work > 2, "kills that find nothing to disturb show nothing");
    let controller = world.start(&[]);
    fleet.converges();
    controller.stop();
    nothing_is_left_behind(&fleet);
    let last = fleet.uids();
    for (name, uid) in uids.iter().filter(|(name, _)| !fleet.were_away.contains(name)) {
        assert_eq!(last.get(name), Some(uid), "{name} is the same workspace all the time");
    }
    let outcome = format!("{at_work} at work; converged, nothing twice and nothing left behind");
    tell(30, "kill -9 of a controller", KILLS, &outcome);
}

fn nothing_is_left_behind(fleet: &Fleet<'_>) {
    let world = fleet.world;
    let containers: BTreeMap<String, String> = world.containers().into_iter().collect();
    let expected: BTreeMap<String, String> =
        fleet.uids().into_iter().map(|(name, uid)| (world.object(&name), uid)).collect();
    assert_eq!(containers, expected, "one container a workspace, of the UID that its status says");
    let mut uids: Vec<&String> = containers.values().collect();
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), fleet.declared.len(), "UIDs are unique");
    let known = |path: &Path| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let stem = name.trim_end_matches(".yaml").trim_end_matches(".status");
        name == ".wharf" || fleet.declared.contains_key(stem)
    };
    let beside = std::fs::read_dir(world.source()).expect("readable").map(|entry| entry.expect("readable").path());
    let strange: Vec<PathBuf> = beside.filter(|path| !known(path)).collect();
    assert_eq!(strange, Vec::<PathBuf>::new(), "no temporary file");
    let plan = world.wharf("plan", &["--exit-code"]);
    assert_eq!((plan.code, plan.stdout.as_str()), (0, ""), "nothing to do, no orphan: {plan:?}");
}
