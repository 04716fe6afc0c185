//! The engine is down, frozen, slow at one thing, or talks in fragments.

use std::time::Duration;

use super::rig::Rig;
use wharf::engine::simulated::{CallRule, EventFault, EventRule, Fault, Operation};
use wharf::model::status::{ConditionType, Phase};

const SPEC: &str = "image: debian:12";

#[tokio::test(start_paused = true)]
async fn what_died_with_the_engine_is_started_again() {
    let rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    rig.engine.kill_engine();
    for name in ["a", "b"] {
        rig.until_phase(name, Phase::Unknown).await;
        let status = rig.status(name).expect("a status").status;
        assert!(status.container.is_some(), "the last known one");
        let ready = rig.condition(name, ConditionType::Ready).expect("always there");
        assert_eq!(ready.reason.to_string(), "EngineUnreachable");
    }
    rig.pass(Duration::from_secs(60)).await;
    rig.engine.start_engine();
    rig.pass(Duration::from_secs(11)).await;
    assert!(rig.is_running("wharf-a") && rig.is_running("wharf-b"), "{}", rig.picture());
    rig.until_ready(&["a", "b"]).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn what_lived_on_without_the_engine_is_not_touched() {
    let rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    let mutations = rig.engine.mutations();
    rig.engine.stop_engine();
    rig.until_phase("a", Phase::Unknown).await;
    rig.engine.outside().exit("wharf-b", 1);
    rig.pass(Duration::from_secs(10)).await;
    rig.engine.start_engine();
    rig.until_ready(&["a", "b"]).await;
    assert_eq!(rig.engine.mutations(), mutations + 1, "only b was started: nobody told of its end");
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_at_the_start_is_waited_for() {
    let mut rig = Rig::new();
    rig.engine.stop_engine();
    rig.declare("a", SPEC);
    rig.start();
    rig.until_phase("a", Phase::Unknown).await;
    let count = rig.count();
    rig.pass(Duration::from_secs(600)).await;
    let calls = rig.count() - count;
    assert!((50..400).contains(&calls), "{calls} calls in ten minutes");
    rig.engine.start_engine();
    rig.pass(Duration::from_secs(11)).await;
    rig.until_ready(&["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn manifests_are_taken_in_while_the_engine_is_away() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    rig.engine.stop_engine();
    rig.until_phase("a", Phase::Unknown).await;
    rig.declare("a", "image: debian:13");
    rig.until("generation 2", |rig| rig.status("a").is_some_and(|it| it.status.observed_generation == 2)).await;
    rig.write("b.yaml", "nonsense");
    rig.until_condition("b", ConditionType::Accepted, "Invalid").await;
    rig.declare("c", SPEC);
    rig.until_phase("c", Phase::Unknown).await;
    rig.declare("b", SPEC);
    rig.delete("b.yaml");
    rig.until_phase("b", Phase::Unknown).await;
    rig.engine.start_engine();
    rig.until("a is replaced", |rig| rig.container("wharf-a").is_some_and(|it| it.image == "debian:13")).await;
    rig.until_ready(&["a", "c"]).await;
    rig.until("b is gone", |rig| rig.container("wharf-b").is_none() && rig.status("b").is_none()).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_frozen_engine_is_noticed_within_a_resync_and_a_timeout() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    let mutations = rig.engine.mutations();
    rig.engine.inject(CallRule::new(Fault::Hang));
    rig.pass(Duration::from_secs(41)).await;
    assert_eq!(rig.status("a").map(|it| it.status.phase), Some(Phase::Unknown));
    // Files are read and answered all the same, and nothing is deleted on the word of a frozen engine.
    rig.write("a.yaml", "nonsense");
    rig.until_condition("a", ConditionType::Accepted, "Invalid").await;
    rig.pass(Duration::from_secs(300)).await;
    assert_eq!(rig.engine.mutations(), mutations);
    rig.engine.clear_faults();
    rig.until_phase("a", Phase::Active).await;
}

#[tokio::test(start_paused = true)]
async fn a_frozen_engine_is_noticed_at_once_by_who_needs_it() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    rig.engine.inject(CallRule::new(Fault::Hang));
    rig.declare("a", "image: debian:13");
    rig.pass(Duration::from_secs(21)).await;
    assert_eq!(rig.status("a").map(|it| it.status.phase), Some(Phase::Unknown), "{}", rig.picture());
    rig.engine.clear_faults();
    rig.until_ready(&["a"]).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn one_container_that_hangs_delays_no_other() {
    let names: Vec<String> = (0..20).map(|index| format!("w{index}")).collect();
    for operation in [Operation::Inspect, Operation::Start, Operation::Stop, Operation::Create] {
        let workspaces: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), SPEC)).collect();
        let mut rig = Rig::running(&workspaces).await;
        rig.engine.outside().pull(&"debian:13".parse().expect("a reference"));
        for object in ["wharf-w0", "wharf-w0.next"] {
            rig.engine.inject(CallRule::new(Fault::Hang).on(operation).of(object));
        }
        for name in &names {
            rig.declare(name, "image: debian:13");
        }
        rig.pass(Duration::from_secs(1)).await;
        for name in &names[1..] {
            let image = rig.container(&format!("wharf-{name}")).map(|it| it.image);
            assert_eq!(image.as_deref(), Some("debian:13"), "{operation}: {name}");
        }
        rig.pass(Duration::from_secs(60)).await;
        let phase = rig.status("w1").map(|it| it.status.phase);
        assert_eq!(phase, Some(Phase::Active), "{operation}: the engine answers others, so it is not away");
        rig.engine.clear_faults();
        rig.pass(Duration::from_secs(300)).await;
        rig.until_ready(&["w0"]).await;
        rig.assert_lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_that_ends_again_and_again_does_no_harm() {
    for fault in [EventFault::End, EventFault::Garbage] {
        let rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
        rig.engine.inject_event(EventRule::new(fault));
        for _ in 0..10 {
            rig.engine.outside().kill("wharf-a").expect("it runs");
            rig.pass(Duration::from_secs(200)).await;
            assert!(rig.is_running("wharf-a"), "{}", rig.picture());
        }
        let count = rig.count();
        rig.pass(Duration::from_secs(300)).await;
        let calls = rig.calls_since(count);
        assert!(calls.iter().all(|call| call == "list" || call == "events") && calls.len() < 60, "{calls:?}");
        rig.until_ready(&["a", "b"]).await;
        rig.assert_lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_events_lists_are_enough() {
    let mut rig = Rig::new();
    rig.engine.inject(CallRule::new(Fault::Unavailable).on(Operation::Events));
    rig.declare("a", SPEC);
    rig.start();
    rig.until_ready(&["a"]).await;
    rig.engine.outside().kill("wharf-a").expect("it runs");
    rig.pass(Duration::from_secs(31)).await;
    assert!(rig.is_running("wharf-a"));
}

#[tokio::test(start_paused = true)]
async fn events_that_come_twice_late_or_in_another_order_lead_to_no_further_action() {
    for fault in [EventFault::Duplicate, EventFault::Delay(Duration::from_secs(3)), EventFault::Swap] {
        let mut rig = Rig::new();
        rig.engine.inject_event(EventRule::new(fault.clone()));
        rig.declare("a", SPEC);
        rig.start();
        rig.until_ready(&["a"]).await;
        rig.declare("a", "image: debian:13");
        rig.until_reconciled("a", 2).await;
        rig.pass(Duration::from_secs(40)).await;
        rig.engine.outside().kill("wharf-a").expect("it runs");
        rig.pass(Duration::from_secs(40)).await;
        assert!(rig.is_running("wharf-a"));
        // Ensure the network, create, start; create, stop, start, remove, rename; start. And two pulls.
        assert_eq!(rig.engine.mutations(), 11, "{fault:?}: {:#?}", rig.calls_since(0));
        rig.assert_lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_told_to_end_finishes_what_it_has_begun() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    rig.engine.inject(CallRule::new(Fault::Delay(Duration::from_secs(3))).on(Operation::Stop).times(1));
    rig.declare("a", "image: debian:13");
    rig.until("it stops the old one", |rig| !rig.times_of(Operation::Stop, 0).is_empty()).await;
    let begun = tokio::time::Instant::now();
    rig.stop().await;
    assert!((2..4).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(rig.is_running("wharf-a"), "the old one was stopped, so the new one is started");
    assert_eq!(rig.engine.snapshot().len(), 1, "{}", rig.picture());
    rig.start();
    rig.until_ready(&["a"]).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_told_to_end_waits_no_longer_than_its_grace() {
    let mut rig = Rig::with_options(|options| options.shutdown_grace = Duration::from_secs(5));
    rig.declare("a", SPEC);
    rig.engine.inject(CallRule::new(Fault::Hang).on(Operation::Create).times(1));
    rig.start();
    rig.until("it creates", |rig| !rig.times_of(Operation::Create, 0).is_empty()).await;
    let begun = tokio::time::Instant::now();
    rig.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}
