//! What happens when a container ends by itself: restarts that wait longer and longer, a budget, a fallback.

use std::time::Duration;

use super::rig::Rig;
use wharf::engine::simulated::{Behaviour, Operation};
use wharf::model::event::EventReason;
use wharf::model::status::{ConditionType, ContainerState, Phase};

const SPEC: &str = "image: debian:12";

/// A controller whose one workspace ends as soon as it is started.
fn failing(recovery: &str) -> Rig {
    let mut rig = Rig::new();
    rig.engine.script("box", Behaviour::exits(Duration::ZERO, 3));
    rig.declare("box", &format!("{SPEC}, recovery: {{{recovery}}}"));
    rig.start();
    rig
}

/// The times between starts, in seconds.
fn gaps(rig: &Rig, count: usize) -> Vec<f64> {
    rig.times_of(Operation::Start, count).windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Delays are as they should be, or up to a tenth shorter.
fn assert_delays(gaps: &[f64], expected: &[f64]) {
    let fits = |(gap, exact): (&f64, &f64)| (exact * 0.9 - 0.001..=exact + 0.1).contains(gap);
    assert!(gaps.len() == expected.len() && gaps.iter().zip(expected).all(fits), "{gaps:?}, expected {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn restarts_follow_at_once_and_then_later_and_later_until_the_budget_is_spent() {
    let rig = failing("");
    rig.until_phase("box", Phase::Failed).await;
    assert_delays(&gaps(&rig, 0), &[0.0, 1.0, 2.0, 4.0, 8.0]);
    rig.pass(Duration::from_secs(3600)).await;
    assert_eq!(gaps(&rig, 0).len(), 5, "nothing is tried any more");
    let status = rig.status("box").expect("a status").status;
    let container = status.container.expect("fallback Stop keeps it");
    assert_eq!((container.state, container.exit_code, container.restarts), (ContainerState::Exited, Some(3), 5));
    let reconciled = rig.condition("box", ConditionType::Reconciled).expect("always there");
    assert_eq!(reconciled.reason.to_string(), "RecoveryBudgetSpent");
    assert!(reconciled.message.contains("exited with code 3"), "{}", reconciled.message);
    assert!(rig.has_event("box", EventReason::BudgetSpent, "5 restarts within 10m"), "{:#?}", rig.events("box"));
    assert!(rig.has_event("box", EventReason::Died, "exited with code 3"), "{:#?}", rig.events("box"));
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_restart_says_until_when() {
    let rig = failing("backoff: {initial: 1m, max: 5m}");
    let condition = rig.until_condition("box", ConditionType::Reconciled, "BackOff").await;
    assert!(condition.message.contains("restarting at 2026-01-01T00:01:0"), "{}", condition.message);
    assert_eq!(rig.status("box").map(|it| it.status.phase), Some(Phase::Inactive));
}

#[tokio::test(start_paused = true)]
async fn fallback_remove_leaves_no_container() {
    let rig = failing("maxRetries: 1, fallback: Remove");
    rig.until_phase("box", Phase::Failed).await;
    rig.until("it is removed", |rig| rig.engine.snapshot().is_empty()).await;
    rig.pass(Duration::from_secs(120)).await;
    assert_eq!(gaps(&rig, 0).len(), 1);
    assert!(rig.engine.snapshot().is_empty());
    assert_eq!(rig.status("box").map(|it| it.status.phase), Some(Phase::Failed));
}

#[tokio::test(start_paused = true)]
async fn fallback_ignore_tries_for_ever_at_the_longest_delay() {
    let rig = failing("maxRetries: 2, fallback: Ignore, backoff: {initial: 1s, max: 30s}");
    rig.pass(Duration::from_secs(200)).await;
    let gaps = gaps(&rig, 0);
    assert_delays(&gaps[..5], &[0.0, 1.0, 30.0, 30.0, 30.0]);
    assert!(gaps.len() > 6, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_the_first_death_is_the_last() {
    for (fallback, stays) in [("Stop", true), ("Remove", false)] {
        let mut rig = failing(&format!("maxRetries: 0, fallback: {fallback}"));
        rig.until_phase("box", Phase::Failed).await;
        rig.pass(Duration::from_secs(120)).await;
        assert_eq!(rig.times_of(Operation::Start, 0).len(), 1, "it ran once");
        assert_eq!(rig.container("wharf-box").is_some(), stays);

        // A change of the manifest is another first start.
        let changed = format!("{SPEC}, args: [new], recovery: {{maxRetries: 0, fallback: {fallback}}}");
        rig.declare("box", &changed);
        rig.until("it ran again", |rig| rig.times_of(Operation::Start, 0).len() == 2).await;
        rig.pass(Duration::from_secs(120)).await;
        rig.until_phase("box", Phase::Failed).await;
        assert_eq!(rig.times_of(Operation::Start, 0).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn deaths_that_are_far_apart_do_not_spend_the_budget() {
    let mut rig = Rig::new();
    rig.engine.script("box", Behaviour::exits(Duration::from_secs(30), 1));
    rig.declare("box", &format!("{SPEC}, recovery: {{maxRetries: 4, window: 1m}}"));
    rig.start();
    rig.pass(Duration::from_secs(1200)).await;
    assert!(gaps(&rig, 0).len() > 30, "{:?}", gaps(&rig, 0));
    assert_ne!(rig.status("box").map(|it| it.status.phase), Some(Phase::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_manifest_begins_anew() {
    let mut rig = failing("maxRetries: 1");
    rig.until_phase("box", Phase::Failed).await;
    let count = rig.count();
    rig.declare("box", "image: debian:13, recovery: {maxRetries: 1}");
    rig.until("tried again", |rig| gaps(rig, count).len() == 1).await;
    rig.until_phase("box", Phase::Failed).await;
    rig.engine.script("box", Behaviour::default());
    rig.declare("box", "image: debian:14, recovery: {maxRetries: 1}");
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.status("box").and_then(|it| it.status.container).map(|it| it.restarts), Some(0));
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_person_who_starts_it_gets_a_new_budget() {
    let rig = failing("maxRetries: 2");
    rig.until_phase("box", Phase::Failed).await;
    rig.engine.script("box", Behaviour::default());
    rig.engine.outside().start("wharf-box").expect("it exists");
    rig.until_ready(&["box"]).await;
    rig.settle().await;
    let count = rig.count();
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until("restarted", |rig| rig.is_running("wharf-box")).await;
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.times_of(Operation::Start, count).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_outlives_the_controller() {
    let mut rig = failing("maxRetries: 1");
    rig.until_phase("box", Phase::Failed).await;
    let (count, mutations) = (rig.count(), rig.engine.mutations());
    rig.kill().await;
    rig.start();
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.engine.mutations(), mutations, "{:?}", rig.calls_since(count));
    assert_eq!(rig.status("box").map(|it| it.status.phase), Some(Phase::Failed));
}

#[tokio::test(start_paused = true)]
async fn the_kernel_ending_it_for_want_of_memory_is_told() {
    let rig = Rig::running(&[("box", SPEC)]).await;
    assert!(rig.engine.outside().run_out_of_memory("wharf-box"));
    rig.until("restarted", |rig| rig.is_running("wharf-box")).await;
    rig.until_ready(&["box"]).await;
    assert!(rig.has_event("box", EventReason::Died, "want of memory"), "{:#?}", rig.events("box"));
    assert_eq!(rig.status("box").and_then(|it| it.status.container).map(|it| it.restarts), Some(1));
}

#[tokio::test(start_paused = true)]
async fn what_becomes_unhealthy_is_restarted_and_counts() {
    let mut rig = Rig::new();
    rig.engine.script("box", Behaviour::unhealthy());
    let check = "healthCheck: {command: [/bin/check], interval: 1s, retries: 1, startPeriod: 0s}";
    rig.declare("box", &format!("{SPEC}, {check}, recovery: {{maxRetries: 3}}"));
    rig.start();
    rig.until_condition("box", ConditionType::Ready, "Unhealthy").await;
    rig.until_phase("box", Phase::Failed).await;
    rig.settle().await;
    let container = rig.status("box").and_then(|it| it.status.container).expect("it is kept");
    assert_eq!((container.state, container.restarts), (ContainerState::Exited, 3));
    assert!(rig.has_event("box", EventReason::Died, "health check fails"), "{:#?}", rig.events("box"));
    let count = rig.count();
    rig.pass(Duration::from_secs(300)).await;
    assert!(rig.times_of(Operation::Start, count).is_empty(), "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_on_purpose_starts_without_counting() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.declare("box", &format!("{SPEC}, state: Stopped"));
    rig.until_reconciled("box", 2).await;
    rig.kill().await;
    rig.start();
    rig.settle().await;
    rig.declare("box", SPEC);
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.status("box").and_then(|it| it.status.container).map(|it| it.restarts), Some(0));
    assert!(!rig.has_event("box", EventReason::Died, ""), "{:#?}", rig.events("box"));
}
