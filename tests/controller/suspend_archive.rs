//! `suspend: true` watches and does nothing; `state: Archived` leaves no container; `state: Stopped` leaves one that rests.

use std::time::Duration;

use super::rig::Rig;
use wharf::model::status::{ConditionType, ContainerState, Phase};

const SPEC: &str = "image: debian:12, volumes: [{name: cache, mountPath: /cache}]";

#[tokio::test(start_paused = true)]
async fn a_suspended_workspace_is_watched_and_left_alone() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.declare("box", &format!("{SPEC}, suspend: true"));
    rig.until_condition("box", ConditionType::Held, "Suspended").await;
    let mutations = rig.engine.mutations();
    rig.engine.outside().kill("wharf-box").expect("it runs");
    rig.until_phase("box", Phase::Inactive).await;
    let held = rig.condition("box", ConditionType::Held).expect("always there");
    assert!(held.message.contains("otherwise: start container wharf-box"), "{}", held.message);
    rig.declare("box", "image: debian:13, suspend: true");
    rig.until("generation 3", |rig| rig.status("box").is_some_and(|it| it.status.observed_generation == 3)).await;
    rig.pass(Duration::from_secs(100)).await;
    assert_eq!(rig.engine.mutations(), mutations);
    rig.declare("box", "image: debian:13");
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.container("wharf-box").map(|it| it.image), Some("debian:13".to_owned()));
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_is_suspended_from_the_beginning_is_not_created() {
    let mut rig = Rig::new();
    rig.declare("box", &format!("{SPEC}, suspend: true"));
    rig.start();
    rig.until_condition("box", ConditionType::Held, "Suspended").await;
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.engine.mutations(), 0);
    assert_eq!(rig.status("box").map(|it| it.status.phase), Some(Phase::Pending));
}

#[tokio::test(start_paused = true)]
async fn suspending_in_the_middle_of_a_replacement_leaves_it_there() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    let refused = wharf::engine::simulated::Refusal::Failed("busy".to_owned());
    let rule = wharf::engine::simulated::CallRule::new(wharf::engine::simulated::Fault::Refuse(refused));
    rig.engine.inject(rule.on(wharf::engine::simulated::Operation::Create));
    rig.declare("box", "image: debian:13");
    rig.until_condition("box", ConditionType::Reconciled, "ActionFailed").await;
    rig.declare("box", "image: debian:13, suspend: true");
    rig.until_condition("box", ConditionType::Held, "Suspended").await;
    let mutations = rig.engine.mutations();
    rig.engine.clear_faults();
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.engine.mutations(), mutations);
    assert!(rig.is_running("wharf-box"));
}

#[tokio::test(start_paused = true)]
async fn archiving_removes_the_container_and_keeps_volumes_and_identity() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    let uid = rig.status("box").and_then(|it| it.metadata.uid);
    rig.declare("box", &format!("{SPEC}, state: Archived"));
    rig.until_phase("box", Phase::Archived).await;
    rig.until_reconciled("box", 2).await;
    assert!(rig.engine.snapshot().is_empty());
    assert_eq!(rig.engine.volume_names(), ["wharf-box.cache"]);
    let count = rig.count();
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.calls_since(count), ["list", "list"]);
    rig.declare("box", SPEC);
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.status("box").and_then(|it| it.metadata.uid), uid);
    assert_eq!(rig.engine.volume_names(), ["wharf-box.cache"]);
}

#[tokio::test(start_paused = true)]
async fn what_begins_as_stopped_or_archived_has_no_container() {
    let mut rig = Rig::new();
    rig.declare("off", "image: debian:12, state: Stopped");
    rig.declare("old", "image: debian:12, state: Archived");
    rig.start();
    rig.until_reconciled("off", 1).await;
    rig.until_reconciled("old", 1).await;
    assert_eq!(rig.engine.mutations(), 0);
    assert_eq!(rig.status("off").map(|it| it.status.phase), Some(Phase::Inactive));
    assert_eq!(rig.status("old").map(|it| it.status.phase), Some(Phase::Archived));
    rig.declare("off", "image: debian:12");
    rig.until_ready(&["off"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_keeps_its_container_through_changes_until_it_runs_again() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    let id = rig.id("wharf-box");
    rig.declare("box", &format!("{SPEC}, state: Stopped"));
    rig.until_reconciled("box", 2).await;
    rig.declare("box", "image: debian:13, state: Stopped");
    rig.until_reconciled("box", 3).await;
    assert_eq!(rig.container("wharf-box").map(|it| (it.id, it.state)), Some((id, ContainerState::Exited)));
    rig.declare("box", "image: debian:13");
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.container("wharf-box").map(|it| it.image), Some("debian:13".to_owned()));
    assert_eq!(rig.engine.snapshot().len(), 1);
    rig.assert_lawful();
}
