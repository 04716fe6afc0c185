//! What containers do once they run.

use std::time::Duration;

use futures_util::StreamExt;
use wharf::engine::simulated::{Behaviour, Operation};
use wharf::engine::{Change, Console, Engine, EngineError, LogOptions, OutputStream};
use wharf::model::status::{ContainerState, Health};

use crate::bench::{SECOND, checked, engine, inspect, next, run, running_command, spec, subscribed};

#[tokio::test(start_paused = true)]
async fn commands_do_what_they_say_without_anybody_asking() {
    let engine = engine();
    let mut events = subscribed(&engine).await;
    let begin = tokio::time::Instant::now();
    run(&engine, &running_command("brief", &["/bin/sleep", "90"])).await;
    let changes = [next(&mut events).await.change, next(&mut events).await.change, next(&mut events).await.change];
    assert_eq!(changes, [Change::Created, Change::Started, Change::Died]);
    assert_eq!(begin.elapsed(), Duration::from_secs(90));

    let id = run(&engine, &running_command("failing", &["/bin/false"])).await;
    let seen = inspect(&engine, &id).await;
    assert_eq!((seen.state, seen.exit_code), (ContainerState::Exited, Some(1)));
    assert!(seen.finished_at >= seen.started_at);
}

#[tokio::test(start_paused = true)]
async fn health_takes_an_interval_and_ill_health_the_retries() {
    let engine = engine();
    let mut events = subscribed(&engine).await;
    run(&engine, &checked("good", "/bin/true")).await;
    run(&engine, &checked("bad", "/bin/false")).await;
    let begin = engine.now();
    let mut told = Vec::new();
    while told.len() < 2 {
        let event = next(&mut events).await;
        if let Change::Health(health) = event.change {
            told.push((health, event.time.duration_since(begin).as_secs()));
        }
    }
    assert_eq!(told, [(Health::Healthy, 10), (Health::Unhealthy, 30)]);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_process_is_watched_by_nobody_and_ends_when_it_thaws() {
    let engine = engine();
    let mut brief = checked("brief", "/bin/true");
    brief.command = vec!["sleep".into(), "30".into()];
    let id = run(&engine, &brief).await;
    tokio::time::advance(SECOND * 15).await;
    engine.outside().pause("wharf-brief").expect("paused");
    tokio::time::advance(SECOND * 60).await;
    let seen = inspect(&engine, &id).await;
    assert_eq!((seen.state, seen.health), (ContainerState::Paused, Some(Health::Unhealthy)));
    engine.unpause(&id).await.expect("unpaused");
    assert_eq!(inspect(&engine, &id).await.exit_code, Some(0));
}

#[tokio::test(start_paused = true)]
async fn use_grows_with_time_but_not_while_frozen_and_begins_anew_with_a_run() {
    let engine = engine();
    let id = run(&engine, &spec("busy")).await;
    let begin = engine.stats(&id).await.expect("it runs");
    tokio::time::advance(SECOND * 100).await;
    let later = engine.stats(&id).await.expect("it runs");
    let used = later.cpu_nanos - begin.cpu_nanos;
    assert!((1_000_000_000..=25_000_000_000).contains(&used), "1 to 25 % of a processor: {used}");
    assert_eq!(later.time.duration_since(begin.time).as_secs(), 100);
    engine.outside().pause("wharf-busy").expect("paused");
    tokio::time::advance(SECOND * 50).await;
    assert_eq!(engine.stats(&id).await.expect("frozen").cpu_nanos, later.cpu_nanos);
    engine.unpause(&id).await.expect("unpaused");
    tokio::time::advance(SECOND * 100).await;
    let last = engine.stats(&id).await.expect("it runs");
    assert_eq!(last.cpu_nanos - later.cpu_nanos, used);
    engine.stop(&id, SECOND).await.expect("stopped");
    engine.start(&id).await.expect("started");
    assert_eq!(engine.stats(&id).await.expect("it runs").cpu_nanos, begin.cpu_nanos);
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_log_is_told_when_the_engine_goes() {
    let engine = engine();
    let talks = Behaviour { says: vec![(SECOND, OutputStream::Stdout, "one".to_owned())], ..Behaviour::default() };
    engine.script("wharf-box", talks);
    let id = run(&engine, &spec("box")).await;
    let mut log = engine.logs(&id, &LogOptions { follow: true, ..LogOptions::default() });
    assert_eq!(log.next().await.expect("a line").expect("read").bytes, b"one\n");
    engine.stop_engine();
    let end = log.next().await.expect("an error");
    assert!(matches!(end, Err(EngineError::OutcomeUnknown { .. })), "{end:?}");
    assert_eq!(log.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn scripts_decide_for_a_workspace_from_the_next_start_on() {
    let engine = engine();
    engine.script("api", Behaviour::exits(SECOND * 5, 3));
    let id = run(&engine, &spec("api")).await;
    tokio::time::advance(SECOND * 5).await;
    assert_eq!(inspect(&engine, &id).await.exit_code, Some(3));
    engine.script("api", Behaviour::cannot_start("exec format error"));
    let error = engine.start(&id).await.expect_err("refused");
    assert!(matches!(error, EngineError::Failed { .. }), "{error:?}");
    let seen = inspect(&engine, &id).await;
    assert_eq!((seen.state, seen.error.as_str()), (ContainerState::Exited, "exec format error"));
}

#[tokio::test(start_paused = true)]
async fn a_stop_goes_on_when_the_caller_does_not_wait() {
    let engine = engine();
    engine.script("api", Behaviour::ignores_stop());
    let id = run(&engine, &spec("api")).await;
    let given_up = tokio::time::timeout(SECOND, engine.stop(&id, SECOND * 8)).await;
    assert!(given_up.is_err());
    assert_eq!(inspect(&engine, &id).await.state, ContainerState::Running);
    tokio::time::advance(SECOND * 7).await;
    assert_eq!(inspect(&engine, &id).await.exit_code, Some(137));
    assert_eq!(engine.calls().iter().find(|call| call.operation == Operation::Stop).expect("logged").answer, None);
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_when_somebody_else_kills_first() {
    let engine = engine();
    engine.script("api", Behaviour::ignores_stop());
    let id = run(&engine, &spec("api")).await;
    let begin = tokio::time::Instant::now();
    let killing = async {
        tokio::time::sleep(SECOND * 2).await;
        engine.outside().kill("wharf-api").expect("killed");
    };
    let (stopped, ()) = tokio::join!(engine.stop(&id, SECOND * 60), killing);
    stopped.expect("stopped");
    assert_eq!(begin.elapsed(), SECOND * 2);
}
