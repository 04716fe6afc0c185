//! Calls and events that go wrong.

use futures_util::StreamExt;
use wharf::engine::simulated::{CallRule, EventFault, EventRule, Fault, Operation, Refusal};
use wharf::engine::{Change, Engine, EngineError};
use wharf::model::status::ContainerState;

use crate::bench::{
    SECOND, TIMEOUT, arriving, engine, image, inspect, instance, run, spec, states, subscribed, texts, unavailable,
    unknown,
};

#[tokio::test(start_paused = true)]
async fn a_refused_call_has_no_effect() {
    let engine = engine();
    engine.inject(CallRule::new(Fault::Unavailable).on(Operation::Create).nth(1));
    let no_space = Refusal::Failed("no space left on device".to_owned());
    engine.inject(CallRule::new(Fault::Refuse(no_space)).on(Operation::Create).nth(1));
    assert!(unavailable(&engine.create(&spec("api")).await));
    let error = engine.create(&spec("api")).await.expect_err("refused");
    assert_eq!(error.to_string(), "create container wharf-api: no space left on device");
    assert_eq!(engine.snapshot(), []);
    engine.create(&spec("api")).await.expect("the third one is not concerned");
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_has_its_effect() {
    let engine = engine();
    engine.inject(CallRule::new(Fault::LostReply).on(Operation::Create).of("wharf-api").times(1));
    assert!(unknown(&engine.create(&spec("api")).await));
    assert_eq!(engine.find_by_name("wharf-api").await.expect("it is there").state, ContainerState::Created);
    let again = engine.create(&spec("api")).await;
    assert!(matches!(again, Err(EngineError::Conflict { .. })), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_short_delay_delays_and_a_long_one_times_out_before_the_effect() {
    let engine = engine();
    let begin = tokio::time::Instant::now();
    engine.inject(CallRule::new(Fault::Delay(SECOND * 3)).on(Operation::Create).nth(1));
    let id = engine.create(&spec("api")).await.expect("created");
    assert_eq!(begin.elapsed(), SECOND * 3);

    engine.inject(CallRule::new(Fault::Delay(SECOND * 15)).on(Operation::Start).nth(1));
    assert!(unknown(&engine.start(&id).await));
    assert_eq!(begin.elapsed(), SECOND * 3 + TIMEOUT);
    assert_eq!(inspect(&engine, &id).await.state, ContainerState::Created);
    tokio::time::advance(SECOND * 5).await;
    assert_eq!(inspect(&engine, &id).await.state, ContainerState::Running, "the request was on its way");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_ends_without_an_effect() {
    let engine = engine();
    let id = run(&engine, &spec("api")).await;
    engine.inject(CallRule::new(Fault::Hang));
    let begin = tokio::time::Instant::now();
    assert!(unknown(&engine.list(&instance()).await));
    assert!(unknown(&engine.remove(&id).await));
    assert!(unknown(&engine.pull(&image(), &|_| {}).await));
    assert_eq!(begin.elapsed(), TIMEOUT * 3);
    assert!(engine.events(&instance()).next().await.is_some_and(|item| unknown(&item)));
    engine.clear_faults();
    assert_eq!(inspect(&engine, &id).await.state, ContainerState::Running);
}

#[tokio::test(start_paused = true)]
async fn a_stale_list_is_an_old_one() {
    let engine = engine();
    engine.inject(CallRule::new(Fault::Stale(2)).on(Operation::List).after(1));
    let id = run(&engine, &spec("api")).await;
    engine.stop(&id, SECOND).await.expect("stopped");
    assert_eq!(states(&engine).await, [ContainerState::Exited], "the first list is fresh");
    // Changes so far: created, started, ended.
    assert_eq!(states(&engine).await, [ContainerState::Created]);
    engine.remove(&id).await.expect("removed");
    assert_eq!(states(&engine).await, [ContainerState::Running], "it was removed, and before that it ended");
    engine.create(&spec("other")).await.expect("created");
    assert_eq!(states(&engine).await, [ContainerState::Exited], "neither the removal nor the new one is seen");
}

#[tokio::test(start_paused = true)]
async fn events_are_dropped_doubled_delayed_and_swapped() {
    use Change::{Created, Died, Started};
    for (fault, expected) in [
        (EventFault::Drop, vec![Created, Died]),
        (EventFault::Duplicate, vec![Created, Started, Started, Died]),
        (EventFault::Swap, vec![Created, Died, Started]),
        (EventFault::Delay(SECOND), vec![Created, Died, Started]),
        (EventFault::End, vec![Created]),
        (EventFault::Garbage, vec![Created]),
    ] {
        let engine = engine();
        let mut events = subscribed(&engine).await;
        engine.inject_event(EventRule::new(fault.clone()).on(Started));
        let id = run(&engine, &spec("api")).await;
        engine.stop(&id, SECOND).await.expect("stopped");
        assert_eq!(arriving(&mut events).await, expected, "{fault:?}");
        assert_eq!(texts(&engine.emitted()), ["Created wharf-api", "Started wharf-api", "Died wharf-api"]);
    }
}

#[tokio::test(start_paused = true)]
async fn garbage_is_an_error_and_the_end() {
    let engine = engine();
    let mut events = subscribed(&engine).await;
    engine.inject_event(EventRule::new(EventFault::Garbage).of("wharf-api"));
    engine.create(&spec("api")).await.expect("created");
    assert!(events.next().await.is_some_and(|item| item.is_err()));
    assert!(events.next().await.is_none());
}
