//! Whose containers are whose: ours are found again by their labels, those of others are never touched.

use std::collections::BTreeMap;
use std::time::Duration;

use super::rig::Rig;
use wharf::engine::simulated::{CallRule, EventFault, EventRule, Fault, Operation, Refusal};
use wharf::engine::{ContainerSpec, Limits, ObjectKind};
use wharf::model::event::EventReason;
use wharf::model::spec::Security;
use wharf::model::status::{ConditionType, ContainerState};
use wharf::model::{Name, labels};

const SPEC: &str = "image: debian:12";

/// A container that somebody else made.
fn foreign(name: &str, labels: &[(&str, &str)]) -> ContainerSpec {
    ContainerSpec {
        name: name.to_owned(),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>(),
        image: "debian:12".parse().expect("a reference"),
        command: Vec::new(),
        args: Vec::new(),
        working_dir: None,
        user: None,
        hostname: name.to_owned(),
        env: Vec::new(),
        mounts: Vec::new(),
        ports: Vec::new(),
        limits: Limits::default(),
        shm_size: None,
        network: None,
        security: Security::default(),
        health_check: None,
    }
}

/// A controller that has not been started, on an engine that has the image.
fn prepared() -> Rig {
    let rig = Rig::new();
    rig.engine.outside().pull(&"debian:12".parse().expect("a reference"));
    rig
}

fn forget_everything(rig: &Rig) {
    std::fs::remove_dir_all(rig.state_dir().join("db")).expect("it can be removed");
}

fn identity(rig: &Rig, name: &str) -> (Option<String>, u64, String) {
    let status = rig.status(name).expect("a status");
    (status.metadata.uid.map(|uid| uid.to_string()), status.metadata.generation, rig.id(&format!("wharf-{name}")))
}

#[tokio::test(start_paused = true)]
async fn losing_the_memory_loses_no_workspace() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    rig.declare("a", "image: debian:13");
    rig.until_reconciled("a", 2).await;
    rig.until_ready(&["a"]).await;
    rig.settle().await;
    let before = [identity(&rig, "a"), identity(&rig, "b")];
    rig.stop().await;
    forget_everything(&rig);
    let mutations = rig.engine.mutations();
    rig.start();
    rig.settle().await;
    rig.until_ready(&["a", "b"]).await;
    assert_eq!([identity(&rig, "a"), identity(&rig, "b")], before);
    assert_eq!(rig.engine.mutations(), mutations);
    assert!(rig.has_event("a", EventReason::Adopted, "taken over"), "{:#?}", rig.events("a"));
}

#[tokio::test(start_paused = true)]
async fn a_change_made_while_the_memory_was_lost_is_a_new_generation() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    let (uid, _, id) = identity(&rig, "a");
    rig.stop().await;
    forget_everything(&rig);
    rig.declare("a", "image: debian:13");
    rig.start();
    rig.until("replaced", |rig| rig.is_running("wharf-a") && rig.id("wharf-a") != id).await;
    rig.until_ready(&["a"]).await;
    assert_eq!(identity(&rig, "a").0, uid);
    assert_eq!(identity(&rig, "a").1, 2);
    assert_eq!(rig.engine.snapshot().len(), 1);
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn losing_the_memory_in_the_middle_of_a_replacement() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    let uid = identity(&rig, "a").0;
    rig.engine.inject(CallRule::new(Fault::Hang).on(Operation::Start).times(1));
    rig.declare("a", "image: debian:13");
    rig.until("two containers", |rig| rig.engine.snapshot().len() == 2).await;
    rig.kill().await;
    forget_everything(&rig);
    rig.start();
    rig.settle().await;
    rig.until_ready(&["a"]).await;
    assert_eq!(identity(&rig, "a").0, uid);
    assert_eq!(rig.engine.snapshot().len(), 1, "{}", rig.picture());
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_name_held_by_somebody_else_is_waited_for() {
    let mut rig = prepared();
    rig.engine.outside().create(&foreign("wharf-a", &[])).expect("created");
    rig.engine.outside().start("wharf-a").expect("started");
    let id = rig.id("wharf-a");
    rig.declare("a", SPEC);
    rig.declare("b", SPEC);
    rig.start();
    rig.until_ready(&["b"]).await;
    let held = rig.until_condition("a", ConditionType::Held, "NameConflict").await;
    assert!(held.message.contains("wharf-a") && held.message.contains("--name-prefix"), "{}", held.message);
    rig.pass(Duration::from_secs(200)).await;
    assert_eq!(rig.id("wharf-a"), id);
    assert!(rig.is_running("wharf-a"));
    assert!(!rig.has_event("a", EventReason::Recovered, ""), "{:#?}", rig.events("a"));
    assert!(rig.has_event("a", EventReason::Held, "held by container"), "{:#?}", rig.events("a"));
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 2, "one attempt each\n{}", rig.picture());
    rig.engine.outside().remove("wharf-a").expect("removed");
    rig.until_ready(&["a"]).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn a_name_taken_during_a_replacement_is_given_back_when_it_is_free() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    rig.engine.inject(CallRule::new(Fault::Delay(Duration::from_secs(1))).on(Operation::Rename).times(1));
    rig.declare("a", "image: debian:13");
    rig.until("the old one is gone", |rig| rig.container("wharf-a").is_none()).await;
    rig.engine.outside().create(&foreign("wharf-a", &[])).expect("the name is free");
    rig.until_condition("a", ConditionType::Held, "NameConflict").await;
    assert!(rig.is_running("wharf-a.next"));
    assert!(rig.condition("a", ConditionType::Ready).is_some_and(|it| it.reason.to_string() == "Running"));
    rig.engine.outside().remove("wharf-a").expect("removed");
    rig.until("its name", |rig| rig.is_running("wharf-a")).await;
    rig.until_ready(&["a"]).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_replacement_held_by_somebody_else_is_no_deadlock() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    rig.engine.outside().create(&foreign("wharf-a.next", &[])).expect("created");
    rig.declare("a", "image: debian:13");
    rig.pass(Duration::from_secs(60)).await;
    let message = rig.condition("a", ConditionType::Reconciled).expect("always there").message;
    assert!(message.contains("wharf-a.next"), "{message}");
    assert!(rig.is_running("wharf-a"));
    rig.engine.outside().remove("wharf-a.next").expect("removed");
    rig.until_ready(&["a"]).await;
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn two_controllers_share_an_engine() {
    let mut one = Rig::running(&[("a", SPEC), ("d", SPEC)]).await;
    let mut two = Rig::on(one.engine.clone());
    two.declare("a", SPEC);
    two.declare("b", SPEC);
    two.start();
    two.until_ready(&["b"]).await;
    let held = two.until_condition("a", ConditionType::Held, "NameConflict").await;
    assert!(held.message.contains("of workspace a of Wharf instance"), "{}", held.message);
    let (first, second) = (one.id("wharf-a"), two.id("wharf-b"));
    one.pass(Duration::from_secs(100)).await;
    assert_eq!((one.id("wharf-a"), two.id("wharf-b")), (first, second));
    assert!(one.status("b").is_none());
    one.declare("c", SPEC);
    one.until_ready(&["c"]).await;
    one.delete("a.yaml");
    two.until_ready(&["a"]).await;
    one.delete("c.yaml");
    one.until("c is gone", |rig| rig.container("wharf-c").is_none()).await;
    assert!(two.is_running("wharf-a") && two.is_running("wharf-b"));
    one.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn another_prefix_avoids_the_conflict() {
    let one = Rig::running(&[("a", SPEC)]).await;
    let mut two = Rig::on(one.engine.clone()).tuned(|options| {
        options.scope.prefix = "other".parse::<Name>().expect("a name");
    });
    two.declare("a", SPEC);
    two.start();
    two.until_ready(&["a"]).await;
    assert!(two.is_running("wharf-a") && two.is_running("other-a"));
}

#[tokio::test(start_paused = true)]
async fn orphans_are_told_once_and_left_alone() {
    let mut rig = Rig::running(&[("a", SPEC), ("b", SPEC)]).await;
    rig.stop().await;
    forget_everything(&rig);
    rig.delete("b.yaml");
    rig.start();
    rig.settle().await;
    rig.until_ready(&["a"]).await;
    rig.pass(Duration::from_secs(1300)).await;
    assert!(rig.is_running("wharf-b"), "nothing says that it was to be deleted");
    let told = rig.log("b");
    let orphan: Vec<_> = told.iter().filter(|event| event.reason == EventReason::Orphan).collect();
    assert_eq!(orphan.len(), 1, "{told:?}");
    assert_eq!(orphan[0].count, 1);
    assert!(orphan[0].message.contains("wharf gc"), "{}", orphan[0].message);
    // Declared again, it is what it was.
    let id = rig.id("wharf-b");
    rig.declare("b", SPEC);
    rig.until_ready(&["b"]).await;
    assert_eq!(rig.id("wharf-b"), id);
}

#[tokio::test(start_paused = true)]
async fn a_container_of_an_earlier_life_is_not_ours() {
    let mut rig = Rig::running(&[("a", SPEC)]).await;
    let instance = rig.container("wharf-a").expect("it exists").labels[labels::INSTANCE].clone();
    let earlier = [(labels::INSTANCE, instance.as_str()), (labels::WORKSPACE, "a"), (labels::UID, "earlier")];
    rig.engine.outside().create(&foreign("copy", &earlier)).expect("created");
    rig.engine.outside().start("copy").expect("started");
    rig.pass(Duration::from_secs(100)).await;
    assert!(rig.is_running("copy") && rig.is_running("wharf-a"));
    rig.declare("a", "image: debian:13");
    rig.until_reconciled("a", 2).await;
    rig.until_ready(&["a"]).await;
    rig.delete_all();
    rig.send(wharf::controller::Input::Confirmed(["a".parse().expect("a name")].into()));
    rig.until("a is gone", |rig| rig.container("wharf-a").is_none()).await;
    rig.settle().await;
    assert!(rig.is_running("copy"));
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_reply_is_lost_is_adopted_though_nothing_tells_of_it() {
    for fault in [Fault::LostReply, Fault::Delay(Duration::from_secs(12))] {
        let mut rig = prepared();
        rig.engine.inject(CallRule::new(fault.clone()).on(Operation::Create).times(1));
        rig.engine.inject_event(EventRule::new(EventFault::Drop));
        rig.declare("a", SPEC);
        rig.start();
        rig.until_ready(&["a"]).await;
        rig.pass(Duration::from_secs(60)).await;
        assert_eq!(rig.engine.snapshot().len(), 1, "{fault:?}\n{}", rig.picture());
        rig.assert_lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_reply_is_lost_is_found_by_its_name_where_lists_are_late() {
    let mut rig = prepared();
    rig.engine.inject(CallRule::new(Fault::LostReply).on(Operation::Create).times(1));
    rig.engine.inject(CallRule::new(Fault::Stale(100)).on(Operation::List));
    rig.engine.inject_event(EventRule::new(EventFault::Drop));
    rig.declare("a", SPEC);
    rig.start();
    rig.pass(Duration::from_secs(5)).await;
    assert!(rig.is_running("wharf-a"), "{}", rig.picture());
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 2, "{}", rig.picture());
    assert_eq!(rig.engine.snapshot().len(), 1);
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn conflicts_and_absences_on_the_way_are_no_failures_for_good() {
    let conflict = || Fault::Refuse(Refusal::Conflict("removal of container is already in progress".to_owned()));
    let gone = || Fault::Refuse(Refusal::NotFound(ObjectKind::Container, "No such container".to_owned()));
    for (operation, fault) in [
        (Operation::Remove, conflict()),
        (Operation::Start, conflict()),
        (Operation::Start, gone()),
        (Operation::Stop, conflict()),
        (Operation::Rename, conflict()),
        (Operation::Rename, gone()),
        (Operation::Inspect, gone()),
        (Operation::Create, Fault::Refuse(Refusal::NotFound(ObjectKind::Image, "No such image".to_owned()))),
        (Operation::Start, Fault::Refuse(Refusal::NotFound(ObjectKind::Network, "network not found".to_owned()))),
    ] {
        let mut rig = Rig::running(&[("a", SPEC)]).await;
        rig.engine.inject(CallRule::new(fault.clone()).on(operation).times(1));
        rig.declare("a", "image: debian:13");
        rig.until_reconciled("a", 2).await;
        rig.pass(Duration::from_secs(40)).await;
        rig.until_ready(&["a"]).await;
        let containers = rig.engine.snapshot();
        assert_eq!(containers.len(), 1, "{operation} {fault:?}\n{}", rig.picture());
        assert_eq!((containers[0].name.as_str(), containers[0].state), ("wharf-a", ContainerState::Running));
        rig.assert_lawful();
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_takes_long_is_waited_for() {
    let mut rig =
        Rig::on(wharf::engine::simulated::Simulated::new(7).with_any_image().with_removal_time(Duration::from_secs(5)));
    rig.declare("a", SPEC);
    rig.start();
    rig.until_ready(&["a"]).await;
    rig.engine.outside().remove("wharf-a").expect("it exists");
    rig.until("going", |rig| rig.container("wharf-a").is_some_and(|it| it.state == ContainerState::Removing)).await;
    rig.until("there again", |rig| rig.is_running("wharf-a")).await;
    rig.until_ready(&["a"]).await;
    assert_eq!(rig.times_of(Operation::Create, 0).len(), 2, "{}", rig.picture());
    rig.assert_lawful();
}
