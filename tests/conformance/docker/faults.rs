//! What happens when the engine, or the way to it, fails.

use std::fmt::Debug;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::net::UnixListener;
use wharf::engine::docker::Docker;
use wharf::engine::{Change, Engine, EngineError};
use wharf::model::status::ContainerState;

use super::Real;
use crate::bench::{Bench, Process, plain, running};
use crate::support::proxy::{Fault, Proxy};
use crate::support::real;

/// A bench behind a proxy, with the version negotiated and that call forgotten.
async fn proxied() -> (Proxy, Real) {
    let proxy = Proxy::start();
    let bench = Real::at(Some(&proxy.host())).await;
    bench.engine().info().await.expect("answered");
    proxy.take_calls();
    (proxy, bench)
}

fn refusal(status: &'static str, body: &str) -> Fault {
    Fault::Answer { status, body: body.to_owned() }
}

/// The message of an engine that cannot be used.
fn unavailable<T: Debug>(answer: Result<T, EngineError>) -> String {
    match answer {
        Err(error @ EngineError::Unavailable { .. }) => error.to_string(),
        other => panic!("expected Unavailable, got {other:?}"),
    }
}

fn assert_unknown<T: Debug>(answer: &Result<T, EngineError>) {
    assert!(matches!(answer, Err(EngineError::OutcomeUnknown { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_missing_socket_says_what_to_do_and_is_no_obstacle_later() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let socket = folder.path().join("engine.sock");
    let host = format!("unix://{}", socket.display());
    let engine = Docker::connect(Some(&host)).expect("nothing is connected yet");
    let message = unavailable(engine.info().await);
    assert!(message.contains(&host) && message.contains("systemctl start docker"), "{message}");

    // A socket file that nobody listens on, as a killed engine leaves it.
    drop(UnixListener::bind(&socket).expect("bound"));
    let message = unavailable(engine.info().await);
    assert!(message.contains("nobody listens"), "{message}");

    std::fs::remove_file(&socket).expect("removed");
    std::os::unix::fs::symlink(crate::support::proxy::ENGINE, &socket).expect("linked");
    assert!(engine.info().await.expect("answered").version.starts_with("Docker "));
}

#[tokio::test]
async fn an_unreachable_engine_is_unavailable_for_every_call_and_subscription() {
    let engine = Docker::connect(Some("tcp://127.0.0.1:1")).expect("nothing is connected yet");
    let instance = "somebody".parse().expect("a valid instance");
    unavailable(engine.list(&instance).await);
    unavailable(engine.stop("abc", Duration::from_secs(1)).await);
    unavailable(engine.pull(&real::IMAGE.parse().expect("a reference"), &|_| {}).await);
    let mut events = engine.events(&instance);
    unavailable(events.next().await.expect("an item"));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_lost_reply_leaves_one_container_to_find() {
    let (proxy, bench) = proxied().await;
    let spec = plain(&bench, "box", Process::Lasts);
    proxy.inject("POST /containers/create", Fault::LoseReply);
    assert_unknown(&bench.engine().create(&spec).await);
    let rows = bench.engine().list(bench.instance()).await.expect("listed");
    assert_eq!(rows.iter().map(|row| &row.name).collect::<Vec<_>>(), [&spec.name]);
    let again = bench.engine().create(&spec).await;
    assert!(matches!(again, Err(EngineError::Conflict { .. })), "{again:?}");

    proxy.inject("POST /containers/{id}/start", Fault::LoseReply);
    assert_unknown(&bench.engine().start(&rows[0].id).await);
    bench.engine().start(&rows[0].id).await.expect("started before");
    proxy.inject("DELETE /containers/{id}", Fault::LoseReply);
    assert_unknown(&bench.engine().remove(&rows[0].id).await);
    bench.engine().remove(&rows[0].id).await.expect("removed before");
}

#[tokio::test]
async fn an_unknown_state_is_one_containers_matter() {
    let (proxy, bench) = proxied().await;
    let id = running(&bench, &plain(&bench, "odd", Process::Lasts)).await;
    bench.engine().create(&plain(&bench, "plain", Process::Lasts)).await.expect("created");
    proxy.inject("GET /containers/json", Fault::Replace(r#""State":"running""#, r#""State":"jogging""#));
    let mut states: Vec<_> =
        bench.engine().list(bench.instance()).await.expect("listed").iter().map(|row| row.state).collect();
    states.sort();
    assert_eq!(states, [ContainerState::Created, ContainerState::Unknown]);
    proxy.inject("GET /containers/{id}/json", Fault::Replace(r#""Status":"running""#, r#""Status":"jogging""#));
    assert_eq!(bench.engine().inspect(&id).await.expect("inspected").state, ContainerState::Unknown);
}

#[tokio::test]
async fn an_engine_that_came_back_as_another_version_is_asked_again() {
    let (proxy, bench) = proxied().await;
    let words = r#"{"message": "client version 1.53 is too new. Maximum supported API version is 1.41"}"#;
    proxy.inject("GET /containers/json", refusal("400 Bad Request", words));
    let message = unavailable(bench.engine().list(bench.instance()).await);
    assert!(message.contains("client version 1.53 is too new"), "{message}");
    proxy.take_calls();
    bench.engine().list(bench.instance()).await.expect("listed");
    assert_eq!(proxy.take_calls(), ["GET /version", "GET /containers/json"]);
}

#[tokio::test]
async fn an_engine_that_is_too_old_or_too_new_or_none_is_refused_in_words() {
    let proxy = Proxy::start();
    let bench = Real::at(Some(&proxy.host())).await;
    for (status, body, expected) in [
        ("200 OK", r#"{"Version": "17.05", "ApiVersion": "1.29", "MinAPIVersion": "1.12"}"#, "API 1.12 to 1.29"),
        ("200 OK", r#"{"Version": "99", "ApiVersion": "1.99", "MinAPIVersion": "1.90"}"#, "API 1.90 to 1.99"),
        ("200 OK", "<html>", "does not tell its version"),
        ("502 Bad Gateway", "no upstream", "no upstream"),
    ] {
        proxy.inject("GET /version", refusal(status, body));
        let message = unavailable(bench.engine().list(bench.instance()).await);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(proxy.take_calls(), ["GET /version"; 4], "the call itself was not sent");
}

/// With the clock paused, it jumps to the end of the call's patience as soon as there is nothing else to do.
#[tokio::test]
async fn a_frozen_engine_is_not_waited_for_for_ever() {
    let (proxy, bench) = proxied().await;
    let id = bench.engine().create(&plain(&bench, "box", Process::Lasts)).await.expect("created");
    for call in ["GET /containers/json", "POST /containers/{id}/stop", "GET /events"] {
        proxy.inject(call, Fault::Swallow);
    }
    tokio::time::pause();
    let begin = tokio::time::Instant::now();
    assert_unknown(&bench.engine().list(bench.instance()).await);
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert_unknown(&bench.engine().stop(&id, Duration::from_secs(60)).await);
    assert_eq!(begin.elapsed().as_secs(), 10 + 60 + 15);
    let mut events = bench.engine().events(bench.instance());
    assert_unknown(&events.next().await.expect("an item"));
    assert!(events.next().await.is_none());
    tokio::time::resume();
}

#[tokio::test]
async fn a_removal_that_somebody_else_began_is_waited_for() {
    let (proxy, bench) = proxied().await;
    let id = running(&bench, &plain(&bench, "box", Process::Lasts)).await;
    let words = format!(r#"{{"message": "removal of container {id} is already in progress"}}"#);
    proxy.inject("DELETE /containers/{id}", refusal("409 Conflict", &words));
    let theirs = id.clone();
    let theirs = tokio::task::spawn_blocking(move || real::docker(&["rm", "--force", &theirs]));
    bench.engine().remove(&id).await.expect("gone");
    let gone = bench.engine().inspect(&id).await;
    assert!(matches!(gone, Err(EngineError::NotFound { .. })), "{gone:?}");
    theirs.await.expect("removed");
}

/// What the stream of events says when its connection carries `body` and then ends.
async fn told(body: String) -> (usize, EngineError) {
    let (proxy, bench) = proxied().await;
    proxy.inject("GET /events", Fault::Answer { status: "200 OK", body });
    let mut events = bench.engine().events(bench.instance());
    assert_eq!(events.next().await.expect("an item").expect("subscribed").change, Change::Subscribed);
    let mut count = 0;
    loop {
        match events.next().await.expect("an error comes before the end") {
            Ok(_) => count += 1,
            Err(error) => {
                assert!(events.next().await.is_none(), "the stream ends after an error");
                return (count, error);
            }
        }
    }
}

fn event(action: &str) -> String {
    format!("{{\"Action\":\"{action}\",\"Actor\":{{\"ID\":\"x\",\"Attributes\":null}},\"timeNano\":1}}\n")
}

#[tokio::test]
async fn a_stream_of_events_that_breaks_off_or_makes_no_sense_ends_with_an_error() {
    let (count, error) = told(event("start")).await;
    assert_eq!(count, 1);
    assert!(error.concerns_engine(), "{error:?}");
    let (count, error) = told(format!("{}garbage\n{}", event("start"), event("die"))).await;
    assert_eq!(count, 1, "nothing is believed after what makes no sense");
    assert!(matches!(error, EngineError::OutcomeUnknown { .. }), "{error:?}");
    let (count, _) = told(event("start") + &event("die")[..20]).await;
    assert_eq!(count, 1, "half an event is none");
    let (count, _) = told(event("a-new-action")).await;
    assert_eq!(count, 1, "an action that is not known is an event all the same");
}

#[tokio::test]
async fn a_consumer_that_does_not_keep_up_is_told_so() {
    let (count, error) = told(event("start").repeat(5000)).await;
    assert!(count < 5000);
    assert!(error.to_string().contains("some are lost"), "{error}");
}
