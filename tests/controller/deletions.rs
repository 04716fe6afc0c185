//! The deletion guard: what takes many manifests away, however slowly, deletes nothing by itself.

use std::collections::BTreeSet;
use std::time::Duration;

use wharf::controller::Input;
use wharf::model::status::ConditionType;

use super::rig::Rig;

async fn twelve() -> Rig {
    let mut rig = Rig::new();
    for index in 0..12 {
        rig.declare(&format!("w{index}"), "image: debian:12");
    }
    rig.start();
    for index in 0..12 {
        rig.until_ready(&[&format!("w{index}")]).await;
    }
    rig
}

fn running(rig: &Rig) -> usize {
    rig.engine.snapshot().len()
}

#[tokio::test(start_paused = true)]
async fn manifests_that_go_one_after_the_other_are_judged_together() {
    let mut rig = twelve().await;
    for index in 0..11 {
        rig.delete(&format!("w{index}.yaml"));
        rig.pass(Duration::from_millis(50)).await;
    }
    rig.until_condition("w0", ConditionType::Held, "PruneHeld").await;
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(running(&rig), 12, "{}", rig.picture());
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn slow_removal_is_stopped_at_the_limit() {
    let mut rig = twelve().await;
    for index in 0..8 {
        rig.delete(&format!("w{index}.yaml"));
        rig.pass(Duration::from_secs(2)).await;
    }
    rig.pass(Duration::from_secs(60)).await;
    assert!(running(&rig) >= 12 - 5, "{}", rig.picture());
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn few_deletions_go_ahead_within_seconds() {
    let mut rig = twelve().await;
    rig.delete("w0.yaml");
    rig.delete("w1.yaml");
    rig.pass(Duration::from_secs(2)).await;
    rig.until("two are gone", |rig| running(rig) == 10).await;
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_held_stays_held_until_it_is_confirmed_or_back() {
    let mut rig = twelve().await;
    for index in 0..6 {
        rig.delete(&format!("w{index}.yaml"));
    }
    rig.until_condition("w0", ConditionType::Held, "PruneHeld").await;
    for index in 1..6 {
        rig.declare(&format!("w{index}"), "image: debian:12");
        rig.pass(Duration::from_secs(5)).await;
    }
    assert_eq!(running(&rig), 12, "{}", rig.picture());
    rig.send(Input::Confirmed(BTreeSet::from(["w0".parse().expect("a name")])));
    rig.until("one is gone", |rig| running(rig) == 11).await;
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_lost_while_deletions_settle_deletes_nothing() {
    let mut rig = twelve().await;
    rig.delete("w0.yaml");
    rig.lose_source("the disk is gone");
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(running(&rig), 12, "{}", rig.picture());
    rig.read_source();
    rig.until("one is gone", |rig| running(rig) == 11).await;
    rig.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_suspended_workspace_is_not_deleted_without_a_word() {
    let mut rig = Rig::new();
    rig.declare("kept", "image: debian:12");
    rig.declare("box", "image: debian:12");
    rig.start();
    rig.until_ready(&["box"]).await;
    rig.declare("box", "image: debian:12, suspend: true");
    rig.until_condition("box", ConditionType::Held, "Suspended").await;
    rig.delete("box.yaml");
    rig.until_condition("box", ConditionType::Held, "PruneHeld").await;
    rig.pass(Duration::from_secs(60)).await;
    assert!(rig.is_running("wharf-box"));
    rig.send(Input::Confirmed(BTreeSet::from(["box".parse().expect("a name")])));
    rig.until("it is gone", |rig| rig.container("wharf-box").is_none()).await;
    rig.stop().await;
}
