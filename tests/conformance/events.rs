//! The stream of changes.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use wharf::engine::{Change, Engine, EngineError, EngineEvent, Limits};
use wharf::model::status::Health;

use crate::bench::{Bench, Meddling, Process, SOON, labels_of, plain, running, stranger};
use crate::lifecycle::quick_check;

type Events = BoxStream<'static, Result<EngineEvent, EngineError>>;

/// Subscribes, and waits until the subscription is in place.
async fn subscribed<B: Bench>(bench: &B) -> Events {
    let mut events = bench.engine().events(bench.instance());
    let first = next(&mut events).await;
    assert_eq!((first.change, first.id.as_str()), (Change::Subscribed, ""));
    events
}

async fn next(events: &mut Events) -> EngineEvent {
    let event = tokio::time::timeout(SOON, events.next()).await.expect("an event in time");
    event.expect("the stream goes on").expect("an event")
}

/// Reads until a change is told, and answers that event.
async fn until(events: &mut Events, change: Change) -> EngineEvent {
    loop {
        let event = next(events).await;
        if event.change == change {
            return event;
        }
    }
}

pub async fn a_life_is_told_in_order<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let mut events = subscribed(bench).await;
    let spec = plain(bench, "box", Process::Lasts);
    let id = running(bench, &spec).await;
    let new = bench.unique("new");
    engine.rename(&id, &new).await.expect("renamed");
    engine.update(&id, &Limits { pids: Some(50), ..Limits::default() }).await.expect("updated");
    engine.stop(&id, Duration::from_secs(10)).await.expect("stopped");
    engine.remove(&id).await.expect("removed");

    let mut told = Vec::new();
    let expected =
        [Change::Created, Change::Started, Change::Renamed, Change::Updated, Change::Died, Change::Destroyed];
    for change in expected {
        let event = until(&mut events, change).await;
        assert_eq!(event.id, id);
        for (key, value) in &spec.labels {
            assert_eq!(event.labels.get(key), Some(value));
        }
        told.push(event);
    }
    assert_eq!((told[0].name.as_str(), told[5].name.as_str()), (spec.name.as_str(), new.as_str()));
    assert!(told.is_sorted_by_key(|event| event.time));
}

pub async fn only_the_instance_is_told<B: Bench>(bench: &B) {
    let mut events = subscribed(bench).await;
    let mut foreign = plain(bench, "foreign", Process::Lasts);
    foreign.labels = labels_of(bench, &stranger(bench));
    bench.engine().create(&foreign).await.expect("created");
    let ours = bench.engine().create(&plain(bench, "ours", Process::Lasts)).await.expect("created");
    assert_eq!(next(&mut events).await.id, ours, "the foreign one came first and is not told");
}

pub async fn meddling_is_told<B: Bench>(bench: &B) {
    let id = running(bench, &plain(bench, "box", Process::Lasts)).await;
    let mut events = subscribed(bench).await;
    bench.meddle(&id, Meddling::Pause).await;
    until(&mut events, Change::Paused).await;
    bench.engine().unpause(&id).await.expect("unpaused");
    until(&mut events, Change::Unpaused).await;
    bench.meddle(&id, Meddling::Kill).await;
    until(&mut events, Change::Died).await;
    bench.meddle(&id, Meddling::Remove).await;
    assert_eq!(until(&mut events, Change::Destroyed).await.id, id);
}

pub async fn changes_of_health_are_told<B: Bench>(bench: &B) {
    let mut events = subscribed(bench).await;
    for (what, code, expected) in [("good", 0, Health::Healthy), ("bad", 1, Health::Unhealthy)] {
        let mut spec = plain(bench, what, Process::Lasts);
        spec.health_check = Some(quick_check(bench, code));
        let id = running(bench, &spec).await;
        assert_eq!(until(&mut events, Change::Health(expected)).await.id, id);
    }
}

pub async fn a_list_after_subscribing_misses_nothing<B: Bench>(bench: &B) {
    let spec = plain(bench, "box", Process::Lasts);
    let subscribe_and_list = async {
        let mut events = subscribed(bench).await;
        let listed = bench.engine().list(bench.instance()).await.expect("listed");
        if listed.is_empty() { next(&mut events).await.id } else { listed[0].id.clone() }
    };
    let (seen, created) = tokio::join!(subscribe_and_list, bench.engine().create(&spec));
    assert_eq!(seen, created.expect("created"));
}

/// Engines may replay a moment: the controller is told what it knows, and must not take it for news.
pub async fn what_was_before_a_subscription_comes_before_what_is_after_it<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let before = running(bench, &plain(bench, "before", Process::Lasts)).await;
    let mut events = subscribed(bench).await;
    let after = engine.create(&plain(bench, "after", Process::Lasts)).await.expect("created");
    let mut told = Vec::new();
    loop {
        let event = next(&mut events).await;
        if event.id == after {
            assert_eq!(event.change, Change::Created);
            break;
        }
        assert_eq!(event.id, before);
        told.push(event);
    }
    let changes: Vec<Change> = told.iter().map(|event| event.change).collect();
    assert!([Change::Created, Change::Started].ends_with(&changes), "all of it, or the end of it: {changes:?}");
    assert!(told.is_sorted_by_key(|event| event.time));
}
