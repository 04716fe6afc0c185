//! `--once`: reconcile until all has settled, and say whether it is as declared.

use std::time::Duration;

use super::rig::{Rig, manifest};
use tokio::time::Instant;
use wharf::controller::Ending;
use wharf::engine::simulated::{Behaviour, CallRule, Fault, Operation, Refusal};

const SPEC: &str = "image: debian:12";
const CHECKED: &str = "image: debian:12, healthCheck: {command: [/bin/true], interval: 5s}";

fn once() -> Rig {
    Rig::with_options(|options| options.once = true)
}

async fn ending(mut rig: Rig) -> Ending {
    rig.start();
    rig.ended().await
}

#[tokio::test(start_paused = true)]
async fn an_empty_source_is_settled() {
    assert_eq!(ending(once()).await, Ending::Settled);
}

#[tokio::test(start_paused = true)]
async fn dependencies_and_health_checks_are_waited_for() {
    let mut rig = once();
    rig.declare("web", &format!("{CHECKED}, dependsOn: [api]"));
    rig.declare("api", &format!("{CHECKED}, dependsOn: [db]"));
    rig.declare("db", CHECKED);
    rig.declare("old", "image: debian:12, state: Archived");
    rig.declare("off", "image: debian:12, state: Stopped");
    rig.declare("held", "image: debian:12, suspend: true");
    rig.start();
    assert_eq!(rig.ended().await, Ending::Settled, "{}", rig.picture());
    for name in ["wharf-web", "wharf-api", "wharf-db"] {
        assert!(rig.is_running(name));
    }
    assert!(rig.status("web").is_some_and(|it| it.status.is(wharf::model::status::ConditionType::Ready)));
    // What is settled stays as it is.
    let mutations = rig.engine.mutations();
    rig.start();
    assert_eq!(rig.ended().await, Ending::Settled);
    assert_eq!(rig.engine.mutations(), mutations);
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_not_the_end() {
    let mut rig = once();
    rig.declare("a", SPEC);
    rig.engine.inject(CallRule::new(Fault::LostReply).on(Operation::Create).times(1));
    rig.engine.inject(CallRule::new(Fault::Refuse(Refusal::Failed("busy".to_owned()))).on(Operation::Start).times(1));
    assert_eq!(ending(rig).await, Ending::Settled);
}

#[tokio::test(start_paused = true)]
async fn a_bad_image_is_not_as_declared_and_the_rest_is_done() {
    let mut rig = once();
    rig.engine.outside().refuse_pull(&"nope:1".parse().expect("a reference"), "manifest unknown");
    rig.declare("a", SPEC);
    rig.declare("b", "image: nope:1");
    rig.start();
    assert_eq!(rig.ended().await, Ending::NotAsDeclared);
    assert!(rig.is_running("wharf-a"));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_file_is_not_as_declared() {
    for text in ["nonsense".to_owned(), manifest("b", "imag: x"), manifest("a", SPEC)] {
        let mut rig = once();
        rig.declare("a", SPEC);
        rig.write("b.yaml", &text);
        rig.start();
        assert_eq!(rig.ended().await, Ending::NotAsDeclared, "{text}");
        assert!(rig.is_running("wharf-a"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_somebody_is_not_as_declared() {
    for spec in [
        "image: debian:12, dependsOn: [nobody]",
        "image: debian:12, project: {path: ./missing}",
        "image: debian:14, imagePullPolicy: Never",
        "image: debian:12, command: [/bin/false], recovery: {maxRetries: 2}",
        "image: debian:12, command: [/nonexistent/program]",
        "image: debian:12, healthCheck: {command: [/bin/false], interval: 1s, startPeriod: 0s}, recovery: {maxRetries: 1}",
    ] {
        let mut rig = once();
        rig.declare("a", spec);
        let begun = Instant::now();
        assert_eq!(ending(rig).await, Ending::NotAsDeclared, "{spec}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{spec}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn workspaces_that_wait_for_each_other_end_it() {
    let mut rig = Rig::running(&[("b", SPEC), ("a", &format!("{SPEC}, dependsOn: [b]"))]).await;
    rig.stop().await;
    rig.write("a.yaml", "nonsense");
    rig.declare("b", &format!("{SPEC}, dependsOn: [a]"));
    rig.engine.kill_engine();
    rig.engine.start_engine();
    let mut rig = rig.tuned(|options| options.once = true);
    rig.start();
    assert_eq!(rig.ended().await, Ending::NotAsDeclared);
}

#[tokio::test(start_paused = true)]
async fn a_held_deletion_is_not_as_declared() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    rig.stop().await;
    rig.delete_all();
    assert_eq!(ending(rig.tuned(|options| options.once = true)).await, Ending::NotAsDeclared);
}

#[tokio::test(start_paused = true)]
async fn deletions_are_finished_before_the_end() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    rig.engine.script("a", Behaviour::ignores_stop());
    rig.stop().await;
    rig.delete("a.yaml");
    let mut rig = rig.tuned(|options| options.once = true);
    rig.start();
    assert_eq!(rig.ended().await, Ending::Settled);
    assert!(rig.container("wharf-a").is_none() && rig.status("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_ends_it_soon() {
    let mut rig = once();
    rig.declare("a", SPEC);
    rig.engine.stop_engine();
    let begun = Instant::now();
    rig.start();
    assert_eq!(rig.ended().await, Ending::EngineUnreachable);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(rig.status("a").is_some(), "and leaves a status");
}

#[tokio::test(start_paused = true)]
async fn a_lost_source_is_not_as_declared() {
    let mut rig = once();
    rig.start_with_lost_source("no such directory");
    assert_eq!(rig.ended().await, Ending::NotAsDeclared);
}

#[tokio::test(start_paused = true)]
async fn time_is_limited() {
    let mut rig = Rig::with_options(|options| {
        options.once = true;
        options.once_timeout = Duration::from_secs(30);
    });
    rig.declare("a", "image: debian:12, command: [sleep, '20'], recovery: {maxRetries: 1000, window: 1s}");
    rig.declare("b", "image: debian:12, dependsOn: [a], healthCheck: {command: [/bin/true], interval: 10m}");
    let begun = Instant::now();
    assert_eq!(ending(rig).await, Ending::NotAsDeclared);
    assert!(begun.elapsed() <= Duration::from_secs(51), "{:?}", begun.elapsed());
}
