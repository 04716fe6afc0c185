//! A change that needs a new container: created before the old one is stopped, which is kept until the new one has started;
//! whatever fails, and wherever the controller is killed.

use std::time::Duration;

use super::rig::Rig;
use wharf::engine::simulated::{Behaviour, CallRule, Fault, Operation, Refusal};
use wharf::model::event::EventReason;
use wharf::model::status::{ConditionType, ContainerState};

const OLD: &str = "image: debian:12, recovery: {maxRetries: 2}";
const NEW: &str = "image: debian:13, recovery: {maxRetries: 2}";

/// The old container runs, and the new image is there already.
async fn old() -> Rig {
    let rig = Rig::running(&[("box", OLD)]).await;
    rig.engine.outside().pull(&"debian:13".parse().expect("a reference"));
    rig
}

/// Exactly one container is left, it runs, it is of this image, and nothing else is going to happen.
async fn assert_replaced(rig: &Rig, image: &str) {
    rig.until_ready(&["box"]).await;
    rig.pass(Duration::from_secs(65)).await;
    let containers = rig.engine.snapshot();
    assert_eq!(containers.len(), 1, "{}", rig.picture());
    assert_eq!((containers[0].name.as_str(), containers[0].image.as_str()), ("wharf-box", image), "{}", rig.picture());
    assert_eq!(containers[0].state, ContainerState::Running);
    rig.assert_lawful();
    let mutations = rig.engine.mutations();
    rig.pass(Duration::from_secs(65)).await;
    assert_eq!(rig.engine.mutations(), mutations, "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn the_new_container_is_created_before_the_old_one_is_stopped() {
    let mut rig = old().await;
    let count = rig.count();
    rig.declare("box", NEW);
    rig.until_reconciled("box", 2).await;
    rig.settle().await;
    let calls = rig.calls_since(count);
    let expected = [
        "image debian:13",
        "create wharf-box.next",
        "stop wharf-box",
        "start wharf-box.next",
        "remove wharf-box",
        "rename wharf-box.next",
        "inspect wharf-box",
    ];
    assert_eq!(calls, expected);
    assert_replaced(&rig, "debian:13").await;
}

#[tokio::test(start_paused = true)]
async fn a_pull_does_not_interrupt_what_runs() {
    let mut rig = Rig::running(&[("box", OLD)]).await;
    let image = "debian:13".parse().expect("a reference");
    rig.engine.outside().refuse_pull(&image, "toomanyrequests");
    rig.declare("box", NEW);
    rig.until_condition("box", ConditionType::Reconciled, "ActionFailed").await;
    rig.pass(Duration::from_secs(20)).await;
    assert!(rig.is_running("wharf-box"));
    assert!(rig.condition("box", ConditionType::Ready).is_some_and(|it| it.reason.to_string() == "Running"));
    assert_eq!(rig.times_of(Operation::Stop, 0), [0.0; 0]);
    rig.engine.outside().push(&image);
    assert_replaced(&rig, "debian:13").await;
}

#[tokio::test(start_paused = true)]
async fn while_the_new_one_does_not_start_the_old_one_runs() {
    let mut rig = old().await;
    let id = rig.id("wharf-box");
    rig.engine.script("wharf-box.next", Behaviour::cannot_start("exec: no such file"));
    rig.declare("box", &NEW.replace("maxRetries: 2", "maxRetries: 2, backoff: {initial: 10s}"));
    rig.until_condition("box", ConditionType::Reconciled, "ActionFailed").await;
    rig.pass(Duration::from_secs(5)).await;
    assert!(
        rig.engine.snapshot().iter().any(|it| it.id == id && it.state == ContainerState::Running),
        "{}",
        rig.picture()
    );
    assert!(rig.has_event("box", EventReason::Started, "its replacement did not start"), "{:#?}", rig.events("box"));
    assert!(!rig.has_event("box", EventReason::Died, ""), "{:#?}", rig.events("box"));
    rig.until_condition("box", ConditionType::Reconciled, "Rejected").await;
    rig.pass(Duration::from_secs(600)).await;
    assert!(
        rig.engine.snapshot().iter().any(|it| it.id == id && it.state == ContainerState::Running),
        "{}",
        rig.picture()
    );
    let attempts = rig.engine.calls().iter().filter(|it| it.to_string() == "start wharf-box.next").count();
    assert_eq!(attempts, 3, "the first attempt, and maxRetries more");
    // The old one is looked after as ever.
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until("it runs again", |rig| rig.is_running("wharf-box")).await;
    // A change leads to another attempt.
    rig.engine.script("wharf-box.next", Behaviour::default());
    rig.declare("box", "image: debian:14");
    assert_replaced(&rig, "debian:14").await;
}

#[tokio::test(start_paused = true)]
async fn an_old_one_that_ends_at_once_is_not_restarted_in_a_hot_loop() {
    let mut rig = old().await;
    rig.engine.script("wharf-box.next", Behaviour::cannot_start("exec: no such file"));
    rig.engine.script("wharf-box", Behaviour::exits(Duration::ZERO, 1));
    rig.declare("box", NEW);
    rig.pass(Duration::from_secs(300)).await;
    let starts = rig.engine.calls().iter().filter(|it| it.to_string() == "start wharf-box").count();
    assert!((2..10).contains(&starts), "{starts} starts\n{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn neither_the_new_one_nor_the_old_one_can_be_started() {
    let mut rig = old().await;
    rig.engine.inject(CallRule::new(Fault::Refuse(Refusal::Failed("disk quota exceeded".into()))).on(Operation::Start));
    rig.declare("box", &NEW.replace("maxRetries: 2", "maxRetries: 2, backoff: {max: 10s}"));
    rig.pass(Duration::from_secs(100)).await;
    let starts = rig.times_of(Operation::Start, 0).len();
    assert!((5..25).contains(&starts), "{starts} starts\n{}", rig.picture());
    rig.engine.clear_faults();
    rig.until("the old one runs", |rig| rig.is_running("wharf-box")).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn changed_back_before_the_new_one_started() {
    let mut rig = old().await;
    let id = rig.id("wharf-box");
    rig.engine.inject(CallRule::new(Fault::Refuse(Refusal::Failed("busy".into()))).on(Operation::Start).times(2));
    rig.declare("box", NEW);
    rig.until_condition("box", ConditionType::Reconciled, "ActionFailed").await;
    rig.declare("box", OLD);
    assert_replaced(&rig, "debian:12").await;
    assert_eq!(rig.id("wharf-box"), id);
    assert_eq!(rig.status("box").and_then(|it| it.status.container).map(|it| it.restarts), Some(0));
}

#[tokio::test(start_paused = true)]
async fn changed_again_at_any_moment_of_a_replacement() {
    for millis in (0..3000).step_by(100) {
        let mut rig = old().await;
        rig.engine.script("box", Behaviour { obeys_stop: Some(Duration::from_secs(1)), ..Behaviour::default() });
        rig.engine.inject(CallRule::new(Fault::Delay(Duration::from_millis(300))));
        rig.declare("box", NEW);
        rig.pass(Duration::from_millis(millis)).await;
        rig.declare("box", "image: debian:14");
        rig.pass(Duration::from_secs(10)).await;
        rig.engine.clear_faults();
        assert_replaced(&rig, "debian:14").await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_new_container_ends_at_once() {
    let mut rig = old().await;
    rig.engine.script("box", Behaviour::exits(Duration::ZERO, 1));
    rig.declare("box", NEW);
    rig.until_condition("box", ConditionType::Reconciled, "RecoveryBudgetSpent").await;
    rig.settle().await;
    assert_eq!(rig.engine.snapshot().len(), 1, "it did start, so the old one is gone\n{}", rig.picture());
    rig.engine.script("box", Behaviour::default());
    rig.declare("box", OLD);
    assert_replaced(&rig, "debian:12").await;
}

/// Replaces the container with a fault at one call; `None` when the replacement needed fewer calls.
async fn replaced_with(fault: &Fault, call: u64) -> Option<Rig> {
    let mut rig = old().await;
    let count = rig.count();
    rig.engine.inject(CallRule::new(fault.clone()).after(call).times(1));
    rig.declare("box", NEW);
    let struck = |rig: &Rig| rig.count() - count > usize::try_from(call).expect("few calls");
    let over = |rig: &Rig| {
        rig.status("box").is_some_and(|it| it.status.observed_generation == 2) && rig.is_running("wharf-box")
    };
    rig.until("struck, or over", |rig| struck(rig) || over(rig)).await;
    rig.pass(Duration::from_millis(50)).await;
    struck(&rig).then_some(rig)
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_at_any_call() {
    let faults = [Fault::LostReply, Fault::Hang, Fault::Unavailable, Fault::Delay(Duration::from_secs(15))];
    for fault in faults {
        let mut call = 0;
        while let Some(rig) = replaced_with(&fault, call).await {
            assert_replaced(&rig, "debian:13").await;
            call += 1;
        }
        assert!(call >= 7, "{fault:?}: only {call} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn the_controller_is_killed_at_any_call() {
    // Before the effect of the call, after it, and between the two.
    for fault in [Fault::Hang, Fault::LostReply, Fault::Delay(Duration::from_secs(2))] {
        let mut call = 0;
        while let Some(mut rig) = replaced_with(&fault, call).await {
            rig.kill().await;
            rig.engine.clear_faults();
            rig.start();
            assert_replaced(&rig, "debian:13").await;
            call += 1;
        }
        assert!(call >= 7, "{fault:?}: only {call} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn the_controller_is_killed_and_the_manifest_changed_back() {
    let mut call = 0;
    while let Some(mut rig) = replaced_with(&Fault::Hang, call).await {
        rig.kill().await;
        rig.declare("box", OLD);
        rig.start();
        assert_replaced(&rig, "debian:12").await;
        call += 1;
    }
    assert!(call >= 7, "only {call} calls");
}
