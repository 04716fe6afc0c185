//! Subscribers hear what happens, in order; a slow one misses and is told so; one that panics harms nobody.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf::events::{Heard, Subscription};
use wharf::model::event::{Details, Event, EventKind, EventReason};
use wharf::model::status::{Phase, Reason};

use super::rig::Rig;

/// What can be heard without waiting.
fn heard(subscription: &mut Subscription) -> Vec<Arc<Event>> {
    use futures_util::FutureExt;
    let mut events = Vec::new();
    while let Some(Some(Heard::Event(event))) = subscription.next().now_or_never() {
        events.push(event);
    }
    events
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_event_is_told_in_the_order_of_the_log() {
    let mut rig = Rig::new();
    let mut subscription = rig.hub.subscribe();
    rig.engine.inject(
        wharf::engine::simulated::CallRule::new(wharf::engine::simulated::Fault::Refuse(
            wharf::engine::simulated::Refusal::Failed("busy".to_owned()),
        ))
        .on(wharf::engine::simulated::Operation::Create),
    );
    rig.declare("box", "image: debian:12");
    rig.start();
    rig.until("a failure", |rig| rig.has_event("box", EventReason::Failed, "busy")).await;
    rig.engine.clear_faults();
    rig.until_ready(&["box"]).await;
    rig.settle().await;
    let events = heard(&mut subscription);
    let of = |kind: EventKind| events.iter().filter(move |event| event.kind == kind);
    for kind in EventKind::ALL {
        let wanted = kind != EventKind::MetricsUpdate;
        assert_eq!(of(kind).next().is_some(), wanted, "{kind:?}: {events:#?}");
    }
    let sequences: Vec<u64> = events.iter().filter_map(|event| event.sequence).collect();
    assert!(sequences.is_sorted() && sequences.len() > 5, "{sequences:?}");
    let recovered = of(EventKind::Recovery).next().and_then(|event| event.record.details.clone());
    assert!(
        matches!(recovered, Some(Details::Recovery { attempts: 1.., after_millis: 1.. })),
        "how many attempts, and after how long: {recovered:?}"
    );
    let complete = of(EventKind::SyncComplete).filter_map(|event| event.record.details.clone());
    let acted = complete.filter(|it| matches!(it, Details::Sync { workspaces: 1, actions: 1.., .. })).count();
    assert!(acted > 0, "{events:#?}");
    let phases = of(EventKind::StatusChanged).filter_map(|event| match event.record.details {
        Some(Details::Phase { old, new, .. }) => Some((old, new)),
        _ => None,
    });
    let phases: Vec<_> = phases.collect();
    assert_eq!(phases.first().map(|(old, _)| *old), Some(None), "{phases:?}");
    assert_eq!(phases.last().map(|(_, new)| *new), Some(Phase::Active), "{phases:?}");
}

#[tokio::test(start_paused = true)]
async fn a_controller_at_rest_stores_no_events() {
    let rig = Rig::running(&[("box", "image: debian:12")]).await;
    let mut subscription = rig.hub.subscribe();
    rig.pass(Duration::from_secs(100)).await;
    let events = heard(&mut subscription);
    assert!(events.len() >= 6, "three comparisons, each with a beginning and an end: {events:?}");
    assert!(events.iter().all(|event| event.sequence.is_none()), "{events:?}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_subscriber_is_told_what_it_missed() {
    let rig = Rig::new();
    let mut subscription = rig.hub.subscribe();
    let event = |number: u64| {
        let occurrence = wharf::model::event::Occurrence::normal(EventReason::Updated, "x");
        let record = wharf::model::EventRecord::of(occurrence, rig.engine.now().into());
        Event::of(Some(number), None, record)
    };
    let more = 10;
    for number in 0..u64::try_from(wharf::events::CAPACITY).expect("small") + more {
        rig.hub.tell(event(number));
    }
    let Some(Heard::Missed(missed)) = subscription.next().await else { panic!("it missed some") };
    let Some(Heard::Event(next)) = subscription.next().await else { panic!("the rest is there") };
    assert_eq!(next.sequence, Some(missed), "nothing between what is missed and what is heard");
    assert!(missed >= more);
}

#[tokio::test]
async fn callbacks_hear_state_changes_though_they_panic_or_are_slow() {
    let hub = wharf::events::Hub::new();
    let calls = Arc::new(Mutex::new(Vec::new()));
    let (seen, gate) = (Arc::clone(&calls), Arc::new(Mutex::new(())));
    let held = gate.lock().expect("free");
    let wait = Arc::clone(&gate);
    let slow = hub.on_state_change(move |_| drop(wait.lock())).expect("a thread");
    let registration = hub
        .on_state_change(move |change| {
            seen.lock().expect("not poisoned").push((change.workspace.clone(), change.old, change.new));
            assert!(change.workspace != "first", "callbacks may be bad code");
        })
        .expect("a thread");
    let tell = |workspace: &str| {
        let details = Details::Phase { old: Some(Phase::Pending), new: Phase::Active, reason: Reason::Running };
        let occurrence =
            wharf::model::event::Occurrence::normal(EventReason::PhaseChanged, "Pending to Active").with(details);
        let record = wharf::model::EventRecord::of(occurrence, jiff::Timestamp::UNIX_EPOCH.into());
        hub.tell(Event::of(None, Some(&workspace.parse().expect("a name")), record));
    };
    tell("first");
    tell("second");
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while calls.lock().expect("not poisoned").len() < 2 {
        assert!(std::time::Instant::now() < deadline, "never called: {calls:?}");
        std::thread::yield_now();
    }
    let expected = ["first", "second"].map(|name| (name.to_owned(), Some(Phase::Pending), Phase::Active));
    assert_eq!(*calls.lock().expect("not poisoned"), expected);
    drop((registration, slow, held));
}
