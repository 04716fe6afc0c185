//! The event log.

use std::time::Instant;

use wharf::model::event::{EventReason, Occurrence};
use wharf::store::{DEDUPLICATION_WINDOW, MAX_EVENTS, MAX_EVENTS_PER_WORKSPACE, Opened};

use crate::support::{at, name, open, put, record, size_of, temp};

#[test]
fn equal_events_are_counted() {
    let dir = temp();
    let Opened { store, .. } = open(dir.path());
    let failed = || Occurrence::warning(EventReason::Failed, "pull failed");
    let held = || Occurrence::normal(EventReason::Held, "waiting");
    for second in 0..6 {
        let occurrence = if second % 2 == 0 { failed() } else { held() };
        store.append(&name("a"), occurrence, at(second)).expect("logged");
    }
    store.append(&name("b"), failed(), at(9)).expect("logged");

    let events = store.events_of(&name("a"), 10).expect("events");
    let told: Vec<_> = events.iter().map(|e| (e.reason, e.count, e.first_time, e.last_time)).collect();
    let expected =
        [(EventReason::Held, 3, at(1).into(), at(5).into()), (EventReason::Failed, 3, at(0).into(), at(4).into())];
    assert_eq!(told, expected);
    let all = store.all_events(2).expect("events");
    assert_eq!(all.iter().map(|(name, event)| (name.as_str(), event.count)).collect::<Vec<_>>(), [("b", 1), ("a", 3)]);

    // Beyond the window an equal event begins anew.
    for number in 0..DEDUPLICATION_WINDOW {
        let other = Occurrence::normal(EventReason::Updated, format!("change {number}"));
        store.append(&name("a"), other, at(20)).expect("logged");
    }
    store.append(&name("a"), failed(), at(30)).expect("logged");
    assert_eq!(store.events_of(&name("a"), 1).expect("events")[0].count, 1);

    let before = store.all_events(usize::MAX).expect("events");
    drop(store);
    assert_eq!(open(dir.path()).store.all_events(usize::MAX).expect("events"), before);
}

#[test]
fn events_are_bounded_for_each_workspace_and_in_all_and_on_disk() {
    let dir = temp();
    let Opened { store, .. } = open(dir.path());
    put(&store, &[record("w-0", 1)]).expect("written");
    let workspaces = 250;
    for number in 0..15_000 {
        let occurrence = Occurrence::normal(EventReason::Updated, format!("change {number} of the limits"));
        let of = if number < 100 { 0 } else { number % workspaces };
        store.append(&name(&format!("w-{of}")), occurrence, at(number)).expect("logged");
        if number == 99 {
            let events = store.events_of(&name("w-0"), usize::MAX).expect("events");
            assert_eq!(events.len(), MAX_EVENTS_PER_WORKSPACE);
            assert_eq!(events[0].message, "change 99 of the limits");
        }
    }
    let all = store.all_events(usize::MAX).expect("events");
    assert_eq!(all.len(), MAX_EVENTS);
    let newest_first = (15_000 - 10_000..15_000).rev().map(|number| format!("change {number} of the limits"));
    assert!(all.iter().map(|(_, event)| event.message.clone()).eq(newest_first));

    store.forget(&name("w-0")).expect("forgotten");
    assert!(!store.events_of(&name("w-0"), 1).expect("events").is_empty(), "what became of it can still be read");
    drop(store);
    let size = size_of(&dir.path().join("db"));
    assert!(size < 24 << 20, "{size} bytes on disk");
    let started = Instant::now();
    assert_eq!(open(dir.path()).store.all_events(usize::MAX).expect("events").len(), MAX_EVENTS);
    eprintln!("{size} bytes on disk, reopened and read in {:?}", started.elapsed());
}
