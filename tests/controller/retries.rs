//! What happens when the engine fails at something: tried again for ever, unless it would refuse the same for ever.

use std::time::Duration;

use super::rig::Rig;
use wharf::engine::simulated::{Behaviour, CallRule, Fault, Operation, Refusal};
use wharf::model::event::EventReason;
use wharf::model::status::{ConditionType, ErrorClass, Phase};

const SPEC: &str = "image: debian:12, recovery: {maxRetries: 2, backoff: {initial: 1s, max: 10s}}";

fn failed(words: &str) -> Fault {
    Fault::Refuse(Refusal::Failed(words.to_owned()))
}

fn running(rig: &mut Rig) {
    rig.declare("box", SPEC);
    rig.start();
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_engine_are_retried_for_ever_and_spend_no_budget() {
    let mut rig = Rig::new();
    rig.engine.inject(CallRule::new(failed("device busy")).on(Operation::Start).times(40));
    running(&mut rig);
    rig.pass(Duration::from_secs(60)).await;
    let status = rig.status("box").expect("a status").status;
    let retry = status.retry.expect("it failed");
    assert!(retry.attempts > 5 && retry.next_attempt_time.is_some(), "{retry:?}");
    assert_eq!(retry.last_error.class, ErrorClass::Engine);
    assert_eq!(status.phase, Phase::Pending);
    let condition = rig.condition("box", ConditionType::Reconciled).expect("always there");
    assert_eq!(condition.reason.to_string(), "ActionFailed");
    assert!(condition.message.contains("device busy"), "{}", condition.message);
    rig.pass(Duration::from_secs(400)).await;
    rig.until_ready(&["box"]).await;
    let times = rig.times_of(Operation::Start, 0);
    assert_eq!(times.len(), 41);
    let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps[5..].iter().all(|gap| (9.0..10.1).contains(gap)), "{gaps:?}");
    let status = rig.status("box").expect("a status").status;
    assert!(status.retry.is_none());
    assert_eq!(status.container.map(|container| container.restarts), Some(0));
    assert!(rig.has_event("box", EventReason::Recovered, "failed attempts: 40"), "{:#?}", rig.events("box"));
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_refuses_is_not_tried_again_before_the_manifest_changes() {
    let mut rig = Rig::new();
    let invalid = Fault::Refuse(Refusal::Invalid("invalid reference format".to_owned()));
    rig.engine.inject(CallRule::new(invalid).on(Operation::Create).times(1));
    running(&mut rig);
    let condition = rig.until_condition("box", ConditionType::Reconciled, "Rejected").await;
    assert!(condition.message.contains("invalid reference format"), "{}", condition.message);
    rig.pass(Duration::from_secs(3600)).await;
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 1);
    let retry = rig.status("box").and_then(|it| it.status.retry).expect("it failed");
    assert_eq!(retry.next_attempt_time, None);
    rig.kill().await;
    rig.start();
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 1, "nor after a restart");
    rig.declare("box", "image: debian:13");
    rig.until_ready(&["box"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_taken_is_waited_for_with_the_same_container() {
    let mut rig = Rig::new();
    assert!(rig.engine.outside().take_port(18080));
    rig.declare("box", "image: debian:12, ports: [{container: 8080, host: 18080}]");
    rig.start();
    let condition = rig.until_condition("box", ConditionType::Reconciled, "ActionFailed").await;
    assert!(condition.message.contains("18080"), "{}", condition.message);
    rig.pass(Duration::from_secs(60)).await;
    let id = rig.id("wharf-box");
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 1);
    assert!(rig.engine.outside().free_port(18080));
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.id("wharf-box"), id);
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_cannot_be_run_is_retried_with_the_same_container() {
    let mut rig = Rig::new();
    rig.engine.script("box", Behaviour::cannot_start("exec: no such file"));
    running(&mut rig);
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 1);
    assert!(rig.times_of(Operation::Start, 0).len() > 5);
    assert_eq!(rig.status("box").map(|it| it.status.phase), Some(Phase::Pending));
    rig.engine.script("box", Behaviour::default());
    rig.until_ready(&["box"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_image_that_the_registry_refuses_holds_back_nobody_else() {
    let mut rig = Rig::new();
    let image = "private:1".parse().expect("a reference");
    rig.engine.outside().refuse_pull(&image, "unauthorized: authentication required");
    rig.declare("private", "image: private:1");
    rig.declare("other", "image: debian:12");
    rig.start();
    rig.until_ready(&["other"]).await;
    let condition = rig.until_condition("private", ConditionType::Reconciled, "ActionFailed").await;
    assert!(condition.message.contains("unauthorized"), "{}", condition.message);
    let retry = rig.status("private").and_then(|it| it.status.retry).expect("it failed");
    assert_eq!(retry.last_error.class, ErrorClass::Network);
    rig.engine.outside().push(&image);
    rig.until_ready(&["private"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_was_asked_too_often_is_left_alone_by_all() {
    const BUSY: [&str; 3] = ["busy.test/a:1", "busy.test/b:1", "busy.test/c:1"];
    let mut rig = Rig::new();
    for (name, reference) in ["a", "b", "c"].into_iter().zip(BUSY) {
        let image = reference.parse().expect("a reference");
        rig.engine.outside().refuse_pull(&image, "toomanyrequests: rate limit exceeded");
        rig.declare(name, &format!("image: '{reference}'"));
    }
    rig.declare("other", "image: 'other.test/a:1'");
    rig.start();
    rig.until_ready(&["other"]).await;
    rig.pass(Duration::from_secs(100)).await;
    let pulls = rig.times_of(Operation::Pull, 0);
    // Once each in a round; pauses of 1, 2, 4, … s leave room for seven rounds.
    assert!((6..=22).contains(&pulls.len()), "{pulls:?}");
    for reference in BUSY {
        rig.engine.outside().push(&reference.parse().expect("a reference"));
    }
    rig.until_ready(&["a", "b", "c"]).await;
}

#[tokio::test(start_paused = true)]
async fn an_image_that_may_not_be_pulled_is_waited_for() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12, imagePullPolicy: Never");
    rig.start();
    rig.until_condition("box", ConditionType::Reconciled, "ImageMissing").await;
    rig.engine.outside().pull(&"debian:12".parse().expect("a reference"));
    rig.until_ready(&["box"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_project_directory_is_waited_for_and_never_made() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12, project: {path: ./code}");
    rig.start();
    let condition = rig.until_condition("box", ConditionType::Reconciled, "ProjectDirMissing").await;
    let path = rig.root().join("code");
    assert!(condition.message.contains(&path.display().to_string()), "{}", condition.message);
    rig.pass(Duration::from_secs(60)).await;
    assert!(!path.exists() && rig.engine.snapshot().is_empty());
    std::fs::create_dir(&path).expect("it can be made");
    rig.until_ready(&["box"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_cannot_be_read_is_waited_for_and_never_told() {
    let mut rig = Rig::new();
    rig.declare("box", "image: debian:12, env: [{name: TOKEN, valueFrom: {file: token}}]");
    rig.start();
    let condition = rig.until_condition("box", ConditionType::Reconciled, "ActionFailed").await;
    assert!(condition.message.contains("TOKEN"), "{}", condition.message);
    std::fs::write(rig.root().join("token"), "canary-4711\n").expect("it can be written");
    rig.until_ready(&["box"]).await;
    rig.stop().await;
    for entry in walk(rig.root()).into_iter().filter(|path| !path.ends_with("token")) {
        let bytes = std::fs::read(&entry).expect("readable");
        assert!(!bytes.windows(6).any(|window| window == b"canary"), "{}", entry.display());
    }
}

/// Every file below a directory.
fn walk(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).expect("listable").map(|entry| entry.expect("readable").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

/// Seconds between the first two attempts at something that fails.
async fn first_gap(operation: Operation, fault: Fault) -> f64 {
    let mut rig = Rig::new();
    rig.engine.inject(CallRule::new(fault).on(operation).times(1));
    running(&mut rig);
    rig.until_ready(&["box"]).await;
    let times = rig.times_of(operation, 0);
    times[1] - times[0]
}

#[tokio::test(start_paused = true)]
async fn each_class_of_failure_has_a_least_delay() {
    let engine = first_gap(Operation::Start, failed("device busy")).await;
    assert!(engine < 0.5, "the engine: at once, not after {engine} s");
    let network = first_gap(Operation::Pull, Fault::Refuse(Refusal::Registry("connection reset".to_owned()))).await;
    assert!((1.0..1.5).contains(&network), "a registry: after a second, not {network} s");
    let storage = first_gap(Operation::Create, failed("no space left on device")).await;
    assert!((5.0..5.5).contains(&storage), "a disk: after five seconds, not {storage} s");
}
