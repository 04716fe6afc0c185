//! What a deletion takes away, what it leaves, and that it is recorded before it destroys anything.

use std::time::Duration;

use super::rig::Rig;
use wharf::controller::Input;
use wharf::engine::simulated::{Behaviour, CallRule, Fault, Operation};
use wharf::model::event::EventReason;
use wharf::model::status::{ContainerState, Phase};
use wharf::store::Store;

const SPEC: &str = "image: debian:12";
const VOLUME: &str = "image: debian:12, volumes: [{name: cache, mountPath: /cache}]";

/// A controller that runs workspace `box` and another one, so that the source never becomes empty.
async fn with(spec: &str) -> Rig {
    Rig::running(&[("box", spec), ("other", "image: debian:12, network: {mode: None}")]).await
}

async fn deleted(rig: &Rig) {
    rig.until("the status is gone", |rig| rig.status("box").is_none()).await;
    rig.settle().await;
    rig.assert_lawful();
}

fn group(name: &str) -> String {
    format!("{SPEC}, network: {{mode: Group, group: {name}}}")
}

#[tokio::test(start_paused = true)]
async fn the_container_goes_and_volumes_stay() {
    let mut rig = with(VOLUME).await;
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert!(rig.container("wharf-box").is_none());
    assert_eq!(rig.engine.volume_names(), ["wharf-box.cache"]);
    assert!(rig.log("box").iter().any(|event| event.reason == EventReason::Removed), "the log outlives it");
}

#[tokio::test(start_paused = true)]
async fn volumes_go_only_where_the_manifest_said_so() {
    let mut rig = with(&format!("{VOLUME}, deleteVolumes: true")).await;
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert!(rig.container("wharf-box").is_none());
    assert_eq!(rig.engine.volume_names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn policy_stop_keeps_the_container() {
    let mut rig = with(&format!("{VOLUME}, deletionPolicy: Stop, deleteVolumes: true")).await;
    let id = rig.id("wharf-box");
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert_eq!(rig.container("wharf-box").map(|it| (it.id, it.state)), Some((id.clone(), ContainerState::Exited)));
    assert_eq!(rig.engine.volume_names(), ["wharf-box.cache"]);
    rig.declare("box", VOLUME);
    rig.until_ready(&["box"]).await;
    assert_eq!(rig.id("wharf-box"), id, "declared again, it is taken over");
}

#[tokio::test(start_paused = true)]
async fn policy_orphan_touches_nothing() {
    let mut rig = with(&format!("{VOLUME}, deletionPolicy: Orphan")).await;
    let (id, mutations) = (rig.id("wharf-box"), rig.engine.mutations());
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert_eq!(rig.engine.mutations(), mutations);
    assert!(rig.is_running("wharf-box") && rig.id("wharf-box") == id);
}

#[tokio::test(start_paused = true)]
async fn a_group_network_goes_with_its_last_member() {
    let (one, two) = (group("one"), group("one"));
    let mut rig = Rig::running(&[("box", &one), ("member", &two), ("other", SPEC)]).await;
    let networks = |rig: &Rig| rig.engine.network_names().iter().filter(|name| name.ends_with(".group.one")).count();
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert_eq!(networks(&rig), 1);
    rig.delete("member.yaml");
    rig.until("the network is gone", |rig| networks(rig) == 0).await;
    rig.until("and forgotten", |rig| rig.status("member").is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_network_goes_when_all_members_go_at_once() {
    let group = group("one");
    let mut rig = Rig::running(&[("box", &group), ("a", &group), ("b", &group), ("other", SPEC)]).await;
    // They end at different times.
    for (index, name) in ["box", "a", "b"].into_iter().enumerate() {
        let takes = Some(Duration::from_millis(700 * index as u64));
        rig.engine.script(name, Behaviour { obeys_stop: takes, ..Behaviour::default() });
        rig.engine.outside().kill(&format!("wharf-{name}")).expect("it runs");
    }
    rig.settle().await;
    rig.delete_many(&["box.yaml", "a.yaml", "b.yaml"]);
    rig.until("all gone", |rig| rig.engine.snapshot().len() == 1).await;
    rig.settle().await;
    assert!(
        rig.engine.network_names().iter().all(|name| name.ends_with(".isolated")),
        "{:?}",
        rig.engine.network_names()
    );
    assert!(["box", "a", "b"].iter().all(|name| rig.status(name).is_none()));
}

#[tokio::test(start_paused = true)]
async fn the_network_of_an_archived_workspace_goes_too() {
    let mut rig = with(&group("one")).await;
    rig.declare("box", &format!("{}, state: Archived", group("one")));
    rig.until_phase("box", Phase::Archived).await;
    rig.kill().await;
    rig.start();
    rig.settle().await;
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert_eq!(rig.engine.network_names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_network_that_somebody_else_uses_stays_and_holds_nothing_up() {
    let mut rig = with(&group("one")).await;
    let network = rig.engine.network_names().pop().expect("a network");
    let mut guest = rig.engine.spec("wharf-box").expect("it exists");
    guest.name = "guest".to_owned();
    guest.labels.clear();
    rig.engine.outside().create(&guest).expect("created");
    rig.engine.outside().start("guest").expect("started");
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert_eq!(rig.engine.network_names(), [network]);
    assert!(rig.is_running("guest"));
    let count = rig.count();
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.calls_since(count), ["list", "list"]);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_recorded_before_anything_is_destroyed() {
    let mut rig = with(VOLUME).await;
    rig.engine.inject(CallRule::new(Fault::Hang).on(Operation::Stop).times(1));
    rig.delete("box.yaml");
    rig.until("the first destructive call", |rig| !rig.times_of(Operation::Stop, 0).is_empty()).await;
    // What another process would find on the disk at this moment.
    let records = Store::read_copy(&rig.state_dir()).expect("readable").expect("there is a store");
    let record = records.get(&"box".parse().expect("a name")).expect("remembered");
    assert!(record.deletion.as_ref().is_some_and(|it| it.cause.contains("box.yaml")), "{:?}", record.deletion);
    assert_eq!(rig.status("box").map(|it| it.status.phase), Some(Phase::Terminating));
}

#[tokio::test(start_paused = true)]
async fn a_deletion_cut_off_at_any_call_is_finished_by_the_next_controller() {
    for fault in [Fault::Hang, Fault::LostReply, Fault::Delay(Duration::from_secs(2))] {
        let mut call = 0;
        loop {
            let spec = format!("{VOLUME}, deleteVolumes: true, network: {{mode: Group, group: one}}");
            let mut rig = with(&spec).await;
            let count = rig.count();
            rig.engine.inject(CallRule::new(fault.clone()).after(call).times(1));
            rig.delete("box.yaml");
            let struck = |rig: &Rig| rig.count() - count > usize::try_from(call).expect("few");
            rig.until("struck, or over", |rig| struck(rig) || rig.status("box").is_none()).await;
            if !struck(&rig) {
                break;
            }
            rig.kill().await;
            rig.engine.clear_faults();
            rig.start();
            deleted(&rig).await;
            rig.pass(Duration::from_secs(40)).await;
            assert_eq!(rig.engine.snapshot().len(), 1, "{fault:?} at {call}\n{}", rig.picture());
            assert_eq!(rig.engine.volume_names(), [""; 0], "{fault:?} at {call}\n{}", rig.picture());
            assert_eq!(rig.engine.network_names(), [""; 0], "{fault:?} at {call}\n{}", rig.picture());
            call += 1;
        }
        assert!(call >= 5, "{fault:?}: only {call} calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_appears_after_its_manifest_is_gone_goes_too() {
    let mut rig = with(SPEC).await;
    rig.engine.inject(CallRule::new(Fault::Delay(Duration::from_secs(30))).on(Operation::Create).of("wharf-late"));
    rig.declare("late", "image: debian:12, network: {mode: None}");
    rig.until("it is asked for", |rig| rig.status("late").is_some_and(|it| it.status.retry.is_some())).await;
    rig.delete("late.yaml");
    rig.pass(Duration::from_secs(90)).await;
    rig.until("the status is gone", |rig| rig.status("late").is_none()).await;
    assert_eq!(rig.engine.snapshot().len(), 2, "{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_container_that_was_created_and_not_seen_goes_with_its_manifest() {
    let mut rig = with(SPEC).await;
    rig.engine.inject(CallRule::new(Fault::Hang).on(Operation::Inspect).of("wharf-late").times(1));
    rig.declare("late", "image: debian:12, network: {mode: None}");
    rig.until("it runs", |rig| rig.is_running("wharf-late")).await;
    rig.delete("late.yaml");
    rig.until("the status is gone", |rig| rig.status("late").is_none()).await;
    assert!(rig.container("wharf-late").is_none(), "{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_fails_is_retried() {
    let mut rig = with(&group("one")).await;
    for operation in [Operation::Stop, Operation::Remove, Operation::RemoveNetwork] {
        rig.engine.inject(CallRule::new(Fault::LostReply).on(operation).times(2));
    }
    rig.delete("box.yaml");
    deleted(&rig).await;
    assert!(rig.container("wharf-box").is_none());
    assert_eq!(rig.engine.network_names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_workspace_that_waits_for_its_next_attempt_is_deleted_at_once() {
    let mut rig = Rig::new();
    rig.engine.script("box", Behaviour::cannot_start("exec: no such file"));
    rig.declare("box", &format!("{SPEC}, recovery: {{backoff: {{initial: 5m}}}}"));
    rig.declare("other", SPEC);
    rig.start();
    rig.until_ready(&["other"]).await;
    rig.settle().await;
    rig.delete("box.yaml");
    rig.pass(Duration::from_secs(2)).await;
    assert!(rig.container("wharf-box").is_none());
    assert!(rig.status("box").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_name_declared_again_after_its_deletion_is_a_new_life() {
    let mut rig = with(SPEC).await;
    let uid = rig.status("box").and_then(|it| it.metadata.uid);
    rig.delete("box.yaml");
    deleted(&rig).await;
    rig.declare("box", SPEC);
    rig.until_ready(&["box"]).await;
    assert_ne!(rig.status("box").and_then(|it| it.metadata.uid), uid);
}

#[tokio::test(start_paused = true)]
async fn a_confirmation_in_the_state_directory_is_used_up() {
    let mut rig = Rig::running(&[("box", SPEC)]).await;
    rig.delete_all();
    rig.until("held", |rig| rig.log("box").iter().any(|event| event.reason == EventReason::Held)).await;
    let names = ["box".parse().expect("a name")].into();
    wharf::store::confirm(&wharf::disk::Host, &rig.state_dir(), &names).expect("writable");
    rig.send(Input::Confirmed(wharf::store::confirmed(&wharf::disk::Host, &rig.state_dir()).expect("readable")));
    deleted(&rig).await;
    assert!(wharf::store::confirmed(&wharf::disk::Host, &rig.state_dir()).expect("readable").is_empty());
}
