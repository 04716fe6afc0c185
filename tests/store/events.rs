//! The event log.

use std::time::Instant;

use wharf::model::event::{Event, EventFilter, EventKind, EventReason, Occurrence};
use wharf::store::{DEDUPLICATION_WINDOW, MAX_EVENTS, MAX_EVENTS_PER_WORKSPACE, Opened, Store};

use crate::support::{at, name, open, put, record, size_of, temp};

/// The newest events of a workspace or of all, newest first.
fn newest(store: &Store, workspace: Option<&str>, limit: usize) -> Vec<Event> {
    let filter = EventFilter { workspace: workspace.map(name), ..EventFilter::default() };
    let mut events = store.events(&filter, limit).expect("events");
    events.reverse();
    events
}

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

    let events = newest(&store, Some("a"), 10);
    let told: Vec<_> =
        events.iter().map(|e| &e.record).map(|e| (e.reason, e.count, e.first_time, e.last_time)).collect();
    let expected =
        [(EventReason::Held, 3, at(1).into(), at(5).into()), (EventReason::Failed, 3, at(0).into(), at(4).into())];
    assert_eq!(told, expected);
    let all = newest(&store, None, 2);
    assert_eq!(
        all.iter().map(|it| (it.workspace.as_deref(), it.record.count)).collect::<Vec<_>>(),
        [(Some("b"), 1), (Some("a"), 3)]
    );

    // Beyond the window an equal event begins anew.
    for number in 0..DEDUPLICATION_WINDOW {
        let other = Occurrence::normal(EventReason::Updated, format!("change {number}"));
        store.append(&name("a"), other, at(20)).expect("logged");
    }
    store.append(&name("a"), failed(), at(30)).expect("logged");
    assert_eq!(newest(&store, Some("a"), 1)[0].record.count, 1);

    let before = newest(&store, None, usize::MAX);
    drop(store);
    assert_eq!(newest(&open(dir.path()).store, None, usize::MAX), before);
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
            let events = newest(&store, Some("w-0"), usize::MAX);
            assert_eq!(events.len(), MAX_EVENTS_PER_WORKSPACE);
            assert_eq!(events[0].record.message, "change 99 of the limits");
        }
    }
    let all = newest(&store, None, usize::MAX);
    assert_eq!(all.len(), MAX_EVENTS);
    let newest_first = (15_000 - 10_000..15_000).rev().map(|number| format!("change {number} of the limits"));
    assert!(all.iter().map(|event| event.record.message.clone()).eq(newest_first));

    store.forget(&name("w-0")).expect("forgotten");
    assert!(!newest(&store, Some("w-0"), 1).is_empty(), "what became of it can still be read");
    drop(store);
    let size = size_of(&dir.path().join("db"));
    assert!(size < 24 << 20, "{size} bytes on disk");
    let started = Instant::now();
    assert_eq!(newest(&open(dir.path()).store, None, usize::MAX).len(), MAX_EVENTS);
    eprintln!("{size} bytes on disk, reopened and read in {:?}", started.elapsed());
}

#[test]
fn the_log_is_read_on_from_a_place_in_it() {
    let dir = temp();
    let Opened { store, .. } = open(dir.path());
    let told = |of: &str, reason| store.append(&name(of), Occurrence::normal(reason, "x"), at(0)).expect("logged");
    let first = told("a", EventReason::Created);
    let second = told("b", EventReason::Started);
    store.append(None, Occurrence::normal(EventReason::SyncCompleted, "x"), at(1)).expect("logged");
    let again = told("a", EventReason::Created);
    assert_eq!((first.sequence, again.sequence, again.record.count), (Some(1), Some(4), 2));

    let read = |filter: EventFilter, limit| {
        let events = store.events(&filter, limit).expect("events");
        events.into_iter().map(|event| (event.sequence.expect("stored"), event.workspace)).collect::<Vec<_>>()
    };
    let after = |after| EventFilter { after, ..EventFilter::default() };
    let (a, b) = (Some("a".to_owned()), Some("b".to_owned()));
    assert_eq!(read(after(first.sequence), 10), [(2, b.clone()), (3, None), (4, a.clone())]);
    assert_eq!(read(after(second.sequence), 1), [(3, None)], "the first ones after it");
    assert_eq!(read(after(None), 2), [(3, None), (4, a.clone())], "the newest");
    assert_eq!(read(after(Some(u64::MAX)), 2), []);
    let updates = EventFilter { kinds: vec![EventKind::ContainerUpdate], ..EventFilter::default() };
    assert_eq!(read(updates, 10), [(2, b), (4, a.clone())]);
    let of_a = EventFilter { workspace: Some(name("a")), ..EventFilter::default() };
    assert_eq!(read(of_a, 10), [(4, a)]);
}

#[test]
fn old_events_give_way_one_by_one() {
    let dir = temp();
    let Opened { store, .. } = open(dir.path());
    let day = 24 * 3600;
    for number in 0..3 {
        let of = format!("w-{number}");
        store.append(&name(&of), Occurrence::normal(EventReason::Created, "x"), at(number)).expect("logged");
    }
    store.append(&name("w-9"), Occurrence::normal(EventReason::Created, "x"), at(31 * day)).expect("logged");
    let kept = newest(&store, None, 10);
    let kept: Vec<_> = kept.iter().rev().filter_map(|event| event.workspace.as_deref()).collect();
    assert_eq!(kept, ["w-1", "w-2", "w-9"]);
}
