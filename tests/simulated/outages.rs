//! The engine goes down and comes back.

use futures_util::StreamExt;
use wharf::engine::simulated::{Behaviour, CallRule, Fault, Operation};
use wharf::engine::{Change, Engine};
use wharf::model::status::ContainerState;

use crate::bench::{
    SECOND, arriving, engine, inspect, instance, run, running_command, spec, subscribed, unavailable, unknown,
};

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_down_refuses_and_ends_what_is_under_way() {
    let engine = engine().with_any_image();
    let id = run(&engine, &spec("api")).await;
    engine.script("slow", Behaviour::ignores_stop());
    let slow = run(&engine, &spec("slow")).await;
    let mut events = subscribed(&engine).await;
    let other = "other:1".parse().expect("a valid reference");
    let outage = async {
        tokio::time::sleep(SECOND / 2).await;
        engine.stop_engine();
    };
    let begin = tokio::time::Instant::now();
    let (stopped, pulled, ()) = tokio::join!(engine.stop(&slow, SECOND * 60), engine.pull(&other, &|_| {}), outage);
    assert!(unknown(&stopped) && unknown(&pulled), "{stopped:?} {pulled:?}");
    assert_eq!(begin.elapsed(), SECOND / 2);
    assert!(events.next().await.is_some_and(|item| unknown(&item)));
    assert!(events.next().await.is_none());
    assert!(unavailable(&engine.info().await));
    assert!(unavailable(&engine.start(&id).await));
    assert!(unavailable(&engine.events(&instance()).next().await.expect("an error")));
    assert!(unavailable(&engine.outside().kill("wharf-api")));

    engine.start_engine();
    assert_eq!(inspect(&engine, &id).await.state, ContainerState::Running, "containers live on");
    assert_eq!(engine.image(&other).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn what_dies_during_an_outage_dies_silently() {
    let engine = engine();
    let by_itself = run(&engine, &running_command("brief", &["sleep", "5"])).await;
    let pushed = run(&engine, &spec("api")).await;
    engine.stop_engine();
    assert!(engine.outside().exit("wharf-api", 9));
    tokio::time::advance(SECOND * 10).await;
    engine.start_engine();
    let mut events = subscribed(&engine).await;
    assert_eq!(inspect(&engine, &pushed).await.exit_code, Some(9));
    let seen = inspect(&engine, &by_itself).await;
    assert_eq!(seen.exit_code, Some(0));
    let ran = seen.finished_at.expect("ended").duration_since(seen.started_at.expect("began"));
    assert_eq!(ran.as_secs(), 5, "it ended at its own time");
    assert_eq!(arriving(&mut events).await, []);
    assert!(engine.emitted().iter().all(|event| event.change != Change::Died));
}

#[tokio::test(start_paused = true)]
async fn a_killed_engine_takes_its_containers_along_and_late_effects_too() {
    let engine = engine();
    let id = run(&engine, &spec("api")).await;
    engine.inject(CallRule::new(Fault::Delay(SECOND * 5)).on(Operation::Create));
    let crash = async {
        tokio::time::sleep(SECOND).await;
        engine.kill_engine();
    };
    let other = spec("other");
    let (created, ()) = tokio::join!(engine.create(&other), crash);
    assert!(unknown(&created));
    tokio::time::advance(SECOND * 10).await;
    engine.start_engine();
    assert_eq!(inspect(&engine, &id).await.exit_code, Some(255), "nobody saw how it ended");
    assert_eq!(engine.snapshot().len(), 1);
}
