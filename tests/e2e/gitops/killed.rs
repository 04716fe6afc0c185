//! `kill -9` in the middle of syncs: one commit is in force, whole.

use std::fs;
use std::thread;
use std::time::Duration;

use wharf::model::random::Random;

use super::stage::{Stage, Way};
use crate::crash::seed;
use crate::support::tell::tell;
use crate::world::{eventually, is_ready};

const KILLS: usize = 20;
/// When the first one comes at the latest, in milliseconds after the start. One that was too early for the commit makes the next ones later,
/// one that was not earlier: so they are around the moment that counts, however busy the machine is.
const LATEST: u64 = 700;
/// What one commit says of both alike.
const PAIR: [&str; 2] = ["one", "two"];
/// The memory limit of commit 0, in MiB; each adds one.
const MEMORY: usize = 16;

impl Stage {
    fn push_pair(&self, number: usize) {
        for name in PAIR {
            self.declare(name, MEMORY + number);
        }
        self.push(&number.to_string());
    }

    /// Waits until all is as some commit says, and returns the commit's number. What is of two commits never is.
    fn settles(&self) -> usize {
        eventually("both workspaces are as the commit in force says", || {
            let number: usize = self.source()?["revision"]["subject"].as_str()?.parse().ok()?;
            let is_so = |name: &str| {
                let is_ready = self.world.status(name).is_some_and(|it| is_ready(&it, it.metadata.generation));
                is_ready && self.memory(name) == Some(MEMORY + number)
            };
            PAIR.into_iter().all(is_so).then_some(number)
        })
    }
}

#[test]
fn a_controller_killed_during_syncs_has_one_commit_in_force_and_needs_no_remote_for_it() {
    let stage = Stage::new(Way::path);
    stage.follow();
    stage.push_pair(0);
    let mut controller = stage.world.start(&[]);
    assert_eq!(stage.settles(), 0);
    let before = stage.world.containers();
    let away = stage.world.beside_source("away.git");
    // One for controllers that have just begun, and one for those that have run for a while.
    let (mut random, mut latest) = (Random::new(seed(), 0), [LATEST; 2]);
    let (mut last, mut taken) = (0, 0);
    for number in 1..=KILLS {
        let kind = number % 2;
        if kind == 0 {
            controller.kill();
            stage.push_pair(number);
            controller = stage.world.start(&[]);
        } else {
            stage.push_pair(number);
            assert_eq!(stage.world.wharf("sync", &["--sources"]).code, 0);
        }
        // Not to wait for anything: the moment itself is what is tried.
        thread::sleep(Duration::from_millis(random.below(latest[kind])));
        controller.kill();
        fs::rename(stage.hub(), &away).expect("moved");
        controller = stage.world.start(&[]);
        let settled = stage.settles();
        assert!(settled == number || settled == last, "commit {settled} after {number}, before which was {last}");
        let eighth = latest[kind] / 8;
        if settled == number {
            taken += 1;
            latest[kind] -= eighth;
        } else {
            latest[kind] += eighth;
        }
        last = settled;
        fs::rename(&away, stage.hub()).expect("moved back");
    }
    assert!(controller.log().contains(&format!("in force since the last run: \"{last}\"")), "{}", controller.log());
    assert!(
        taken > 0 && taken < KILLS,
        "{taken} of {KILLS} commits came into force: kills before and after are needed"
    );
    assert_eq!(stage.world.containers(), before, "the same workspaces all the time");
    let outcome = format!("the new commit {taken} times, the former one else; never of both, and without the remote");
    tell(13, "kill -9 of a controller that syncs", KILLS, &outcome);
}
