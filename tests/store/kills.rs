//! Kills.

use std::fs;
use std::time::Duration;

use wharf::model::event::EventFilter;
use wharf::store::{Opened, Outcome};

use crate::support::{name, open, put, record, temp};
use crate::tell::tell;
use crate::writer::{WORKSPACES, Writer};

/// From `WHARF_TEST_KILLS`, else enough to meet every kind of moment.
fn kills() -> u64 {
    std::env::var("WHARF_TEST_KILLS").map_or(40, |text| text.parse().expect("WHARF_TEST_KILLS is a number"))
}

#[test]
fn kill_9_at_any_moment_loses_nothing_acknowledged() {
    let dir = temp();
    let mut acknowledged = 0;
    for round in 0..kills() {
        let mut writer = Writer::start(dir.path());
        for _ in 0..=(round * 7 % 23) {
            acknowledged = writer.next_acknowledged().expect("the child writes on");
        }
        // Somewhere within the next writes.
        std::thread::sleep(Duration::from_micros(round * 331 % 2_900));
        writer.kill();
        while let Some(number) = writer.next_acknowledged() {
            acknowledged = number;
        }

        let Opened { store, outcome, records } = open(dir.path());
        assert_eq!(outcome, Outcome::Existing, "round {round}");
        let first = acknowledged.saturating_sub(WORKSPACES - 1).max(1);
        for number in first..=acknowledged {
            let of = number % WORKSPACES;
            let generation = |side: &str| records[&name(&format!("{side}-{of}"))].generation;
            assert!(generation("left") >= number, "round {round} lost acknowledged write {number}");
            assert_eq!(generation("left"), generation("right"), "round {round}: half of a batch was kept");
            let filter = EventFilter { workspace: Some(name(&format!("left-{of}"))), ..EventFilter::default() };
            let events = store.events(&filter, 2).expect("events");
            let logged = events.iter().any(|event| event.record.message == format!("generation {number}"));
            assert!(logged, "round {round} lost the event of {number}: {events:?}");
        }
    }
    let kills = usize::try_from(kills()).expect("few");
    assert!(acknowledged > 400, "the child was given time to write: {acknowledged}");
    tell(
        30,
        "kill -9 of a writer of the store",
        kills,
        &format!("nothing acknowledged lost, up to write {acknowledged}"),
    );
}

#[test]
fn snapshots_that_a_kill_left_behind_do_not_poison_the_store() {
    let dir = temp();
    let Opened { store, .. } = open(dir.path());
    put(&store, &[record("a", 1)]).expect("written");
    drop(store);
    for poison in ["snap.0000000000FFFFFF.generating", "snap.0000000000FFFFFF"] {
        fs::write(dir.path().join("db").join(poison), "").expect("a poisoned snapshot");
    }
    let again = open(dir.path());
    assert_eq!(again.outcome, Outcome::Existing);
    assert!(again.records.contains_key(&name("a")));
}
