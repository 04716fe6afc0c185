//! What is asked for by command counts until the manifest changes or it is taken back, through restarts of the controller.

use std::time::Duration;

use wharf::controller::RequestError;
use wharf::engine::simulated::{CallRule, Fault, Operation, Refusal};
use wharf::model::batch::Verb;
use wharf::model::event::EventReason;
use wharf::model::spec::DesiredState;
use wharf::model::status::{ConditionType, Phase};

use super::rig::Rig;

const SPEC: &str = "image: debian:12";

#[tokio::test(start_paused = true)]
async fn a_stop_counts_until_it_is_taken_back() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.ask(Verb::Stop, "box").await.expect("recorded");
    rig.until_phase("box", Phase::Inactive).await;
    let requested = |rig: &Rig| rig.status("box").and_then(|it| it.status.requested).and_then(|it| it.state);
    assert_eq!(requested(&rig), Some(DesiredState::Stopped));
    let ready = rig.condition("box", ConditionType::Ready).expect("always there");
    assert!(ready.message.contains("`wharf resume` takes that back"), "{}", ready.message);
    rig.pass(Duration::from_secs(100)).await;
    rig.kill().await;
    rig.start();
    rig.pass(Duration::from_secs(100)).await;
    assert!(!rig.is_running("wharf-box"), "a restart of the controller changes nothing");
    rig.ask(Verb::Resume, "box").await.expect("recorded");
    rig.until_ready(&["box"]).await;
    assert_eq!(requested(&rig), None);
    assert!(rig.has_event("box", EventReason::Requested, "Stopped asked for"), "{:?}", rig.events("box"));
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn whoever_changes_the_manifest_has_the_last_word() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.ask(Verb::Stop, "box").await.expect("recorded");
    rig.until_phase("box", Phase::Inactive).await;
    rig.declare("box", "image: debian:12, env: [{name: A, value: b}]");
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.status("box").and_then(|it| it.status.requested), None);
}

#[tokio::test(start_paused = true)]
async fn a_start_runs_what_is_declared_stopped() {
    let mut rig = Rig::new();
    rig.declare("box", &format!("{SPEC}, state: Stopped"));
    rig.start();
    rig.until_phase("box", Phase::Inactive).await;
    rig.ask(Verb::Start, "box").await.expect("recorded");
    rig.until_ready(&["box"]).await;
    rig.ask(Verb::Stop, "box").await.expect("recorded");
    rig.until_phase("box", Phase::Inactive).await;
    assert_eq!(rig.status("box").and_then(|it| it.status.requested), None, "the manifest says so anyway");
}

#[tokio::test(start_paused = true)]
async fn a_restart_comes_about_once_whatever_is_interrupted() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    let started = |rig: &Rig| rig.container("wharf-box").and_then(|it| it.started_at);
    let first = started(&rig);
    let ask = |rig: &Rig| {
        let handle = rig.handle();
        async move { handle.ask(Verb::Restart, "box".parse().expect("a name"), "mine".to_owned()).await }
    };
    rig.pass(Duration::from_secs(10)).await;
    ask(&rig).await.expect("recorded");
    rig.kill().await;
    rig.start();
    rig.until("another run", |rig| rig.is_running("wharf-box") && started(rig) != first).await;
    rig.settle().await;
    let second = started(&rig);
    let count = rig.count();
    ask(&rig).await.expect("known");
    rig.pass(Duration::from_secs(100)).await;
    rig.kill().await;
    rig.start();
    ask(&rig).await.expect("known");
    rig.pass(Duration::from_secs(100)).await;
    assert_eq!(started(&rig), second, "{:?}", rig.calls_since(count));
    let status = rig.status("box").expect("told").status;
    assert_eq!((status.requested, status.container.map(|it| it.restarts)), (None, Some(0)), "no death, no budget");
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn runs_are_told_apart_within_a_second() {
    let mut rig = Rig::new();
    // Real runs begin between two seconds.
    rig.pass(Duration::from_millis(123)).await;
    rig.declare("box", SPEC);
    rig.start();
    rig.until_ready(&["box"]).await;
    for round in 0..3 {
        let before = rig.container("wharf-box").expect("it runs").started_at;
        let handle = rig.handle();
        handle.ask(Verb::Restart, "box".parse().expect("a name"), format!("round {round}")).await.expect("recorded");
        let is_over = |rig: &Rig| rig.status("box").is_some_and(|it| it.status.requested.is_none());
        rig.until("it has come about", |rig| {
            is_over(rig) && rig.container("wharf-box").is_some_and(|it| it.started_at > before)
        })
        .await;
    }
    let count = rig.count();
    rig.pass(Duration::from_secs(100)).await;
    assert!(!rig.calls_since(count).iter().any(|call| call.contains("start")), "{:?}", rig.calls_since(count));
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_not_over_before_anybody_has_looked() {
    let mut rig = Rig::new();
    // No run begins at a whole second.
    rig.pass(Duration::from_millis(250)).await;
    rig.declare("box", SPEC);
    rig.start();
    rig.until_ready(&["box"]).await;
    rig.settle().await;
    let started = |rig: &Rig| rig.container("wharf-box").and_then(|it| it.started_at);
    let first = started(&rig);
    rig.kill().await;
    rig.engine.stop_engine();
    rig.start();
    rig.ask(Verb::Restart, "box").await.expect("recorded");
    rig.pass(Duration::from_secs(10)).await;
    rig.kill().await;
    rig.start();
    rig.engine.start_engine();
    rig.until("another run", |rig| rig.is_running("wharf-box") && started(rig) != first).await;
    rig.settle().await;
    let second = started(&rig);
    rig.pass(Duration::from_secs(100)).await;
    assert_eq!(started(&rig), second, "one run for one request");
    assert_eq!(rig.status("box").and_then(|it| it.status.requested), None);
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_start_does_not_take_back_a_restart() {
    let rig = Rig::running(&[("box", SPEC)]).await;
    let started = |rig: &Rig| rig.container("wharf-box").and_then(|it| it.started_at);
    let first = started(&rig);
    rig.engine.stop_engine();
    rig.pass(Duration::from_secs(40)).await;
    rig.ask(Verb::Restart, "box").await.expect("recorded");
    rig.ask(Verb::Start, "box").await.expect("recorded");
    rig.engine.start_engine();
    rig.until("another run", |rig| rig.is_running("wharf-box") && started(rig) != first).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_begins_a_new_budget() {
    let rig = Rig::running(&[("box", "image: debian:12, recovery: {maxRetries: 0}")]).await;
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until_phase("box", Phase::Failed).await;
    rig.ask(Verb::Start, "box").await.expect("recorded");
    rig.until_ready(&["box"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_sync_tries_at_once_what_waits_for_its_next_attempt() {
    let mut rig = Rig::new();
    let refused = || CallRule::new(Fault::Refuse(Refusal::Failed("busy".to_owned()))).on(Operation::Create);
    rig.engine.inject(refused());
    rig.declare("box", "image: debian:12, recovery: {backoff: {initial: 1h, max: 2h}}");
    rig.start();
    rig.until_condition("box", ConditionType::Reconciled, "ActionFailed").await;
    rig.pass(Duration::from_secs(60)).await;
    rig.engine.clear_faults();
    rig.pass(Duration::from_secs(60)).await;
    assert!(rig.container("wharf-box").is_none(), "its time has not come");
    rig.ask(Verb::Sync, "box").await.expect("known");
    rig.until_ready(&["box"]).await;

    rig.engine.inject(refused());
    rig.declare("other", "image: debian:12, recovery: {backoff: {initial: 1h, max: 2h}}");
    rig.until_condition("other", ConditionType::Reconciled, "ActionFailed").await;
    rig.pass(Duration::from_secs(60)).await;
    rig.engine.clear_faults();
    rig.handle().sync_all().await.expect("runs");
    rig.until_ready(&["other"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.declare("rests", &format!("{SPEC}, state: Stopped"));
    rig.declare("held", &format!("{SPEC}, suspend: true"));
    rig.declare("broken", "image: [");
    rig.until_condition("held", ConditionType::Held, "Suspended").await;
    rig.until_phase("rests", Phase::Inactive).await;
    rig.settle().await;
    let mutations = rig.engine.mutations();
    let name = |text: &str| text.parse().expect("a name");
    assert_eq!(rig.ask(Verb::Start, "nobody").await, Err(RequestError::Unknown(name("nobody"))));
    assert_eq!(rig.ask(Verb::Stop, "held").await, Err(RequestError::Suspended(name("held"))));
    let error = rig.ask(Verb::Restart, "rests").await.expect_err("it does not run").to_string();
    assert!(error.contains("declared Stopped") && error.contains("`wharf start rests`"), "{error}");
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.engine.mutations(), mutations);
    let handle = rig.handle();
    rig.stop().await;
    assert_eq!(handle.sync_all().await, Err(RequestError::Ending));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_takes_the_document_out_and_is_no_accident() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC), ("c", SPEC)]).await;
    let path = |rig: &Rig, name: &str| rig.root().join(format!("{name}.yaml"));
    for name in ["a", "b", "c"] {
        std::fs::write(path(&rig, name), super::rig::manifest(name, SPEC)).expect("writable");
    }
    for name in ["a", "b"] {
        rig.ask(Verb::Delete, name).await.expect("done");
        assert!(!path(&rig, name).exists());
        rig.ask(Verb::Delete, name).await.expect("it is gone already");
    }
    // Whoever asked may be killed before the source has been read again.
    rig.kill().await;
    rig.delete("a.yaml");
    rig.delete("b.yaml");
    rig.start();
    rig.until("gone", |rig| ["wharf-a", "wharf-b"].iter().all(|name| rig.container(name).is_none())).await;
    // The last one is as little an accident; the same without being asked for is.
    rig.ask(Verb::Delete, "c").await.expect("done");
    rig.delete("c.yaml");
    rig.until("gone", |rig| rig.container("wharf-c").is_none()).await;
    rig.declare("d", SPEC);
    rig.until_ready(&["d"]).await;
    rig.delete("d.yaml");
    rig.until_condition("d", ConditionType::Held, "PruneHeld").await;
    assert!(rig.is_running("wharf-d"));
}

#[tokio::test(start_paused = true)]
async fn documents_of_one_file_go_at_once_and_none_comes_back() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut rig = Rig::new();
    let documents: Vec<String> = names.iter().map(|name| super::rig::manifest(name, SPEC)).collect();
    let path = rig.root().join("all.yaml");
    let text = documents.join("---\n");
    std::fs::write(&path, &text).expect("writable");
    rig.write("all.yaml", &text);
    rig.start();
    rig.until("all run", |rig| names.iter().all(|name| rig.is_running(&format!("wharf-{name}")))).await;
    let handle = rig.handle();
    let ask = |name: &&str| handle.ask(Verb::Delete, name.parse().expect("a name"), String::new());
    for answer in futures_util::future::join_all(names[..7].iter().map(ask)).await {
        answer.expect("done");
    }
    let left = std::fs::read_to_string(&path).expect("readable");
    assert_eq!(left, format!("---\n{}", documents[7]));
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_for_long_ago_excuses_no_accident() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    let moved = rig.ask(Verb::Delete, "box").await.expect_err("it is not where it was").to_string();
    assert!(moved.contains("ask again when its new place has been read"), "{moved}");
    std::fs::write(rig.root().join("box.yaml"), super::rig::manifest("box", SPEC)).expect("writable");
    rig.ask(Verb::Delete, "box").await.expect("it is there");
    rig.pass(Duration::from_secs(3600)).await;
    rig.delete("box.yaml");
    rig.until_condition("box", ConditionType::Held, "PruneHeld").await;
    assert!(rig.is_running("wharf-box"));
}
