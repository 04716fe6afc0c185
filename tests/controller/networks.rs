//! A container that somebody attached to another network is not isolated any more: the engine tells no event of it, and the
//! next list shows it.

use std::time::Duration;

use super::rig::Rig;
use wharf::engine::simulated::Outside;
use wharf::model::event::EventReason;
use wharf::model::status::ContainerState;

const DRIFT: &str = "not on its declared network alone";

/// Just longer than the time between two resyncs.
const RESYNC: Duration = Duration::from_secs(31);

/// What the containers of a workspace are attached to.
fn networks(rig: &Rig) -> Vec<Vec<String>> {
    rig.engine.snapshot().into_iter().map(|container| container.networks).collect()
}

fn moved(person: Outside<'_>, from: &str) {
    person.disconnect("wharf-box", from).expect("it is attached");
    person.connect("wharf-box", "bridge").expect("it can be attached");
}

async fn assert_is_undone(rig: &Rig, declared: &str, id: &str) {
    rig.pass(RESYNC).await;
    rig.until_ready(&["box"]).await;
    assert_eq!(networks(rig), [[declared]], "{}", rig.picture());
    assert_ne!(rig.id("wharf-box"), id, "the container was replaced");
    assert!(rig.has_event("box", EventReason::Drift, DRIFT), "{:#?}", rig.events("box"));
    rig.assert_lawful();
}

#[tokio::test(start_paused = true)]
async fn what_is_moved_to_another_network_is_replaced_within_one_resync() {
    for mode in ["Isolated", "Internal", "Group, group: team"] {
        let rig = Rig::running(&[("box", &format!("image: debian:12, network: {{mode: {mode}}}"))]).await;
        let (declared, id) = (rig.engine.network_names().remove(0), rig.id("wharf-box"));
        moved(rig.engine.outside(), &declared);
        assert_is_undone(&rig, &declared, &id).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_attached_to_one_more_network_is_replaced_within_one_resync() {
    let rig = Rig::running(&[("box", "image: debian:12")]).await;
    let (declared, id) = (rig.engine.network_names().remove(0), rig.id("wharf-box"));
    rig.engine.outside().connect("wharf-box", "bridge").expect("it can be attached");
    assert_is_undone(&rig, &declared, &id).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_to_have_no_network_and_gets_one_is_replaced_within_one_resync() {
    let rig = Rig::running(&[("box", "image: debian:12, network: {mode: None}")]).await;
    let id = rig.id("wharf-box");
    moved(rig.engine.outside(), "none");
    assert_is_undone(&rig, "none", &id).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_moved_while_stopped_is_replaced_before_it_runs_again() {
    let mut rig = Rig::running(&[("box", "image: debian:12")]).await;
    rig.declare("box", "image: debian:12, state: Stopped");
    rig.until_reconciled("box", 2).await;
    let (declared, id) = (rig.engine.network_names().remove(0), rig.id("wharf-box"));
    moved(rig.engine.outside(), &declared);
    rig.pass(RESYNC).await;
    assert_eq!(rig.container("wharf-box").map(|it| it.state), Some(ContainerState::Exited), "{}", rig.picture());
    rig.declare("box", "image: debian:12");
    rig.until_ready(&["box"]).await;
    assert_is_undone(&rig, &declared, &id).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_where_it_should_be_costs_one_list_a_resync() {
    let rig = Rig::running(&[("box", "image: debian:12"), ("alone", "image: debian:12, network: {mode: None}")]).await;
    rig.pass(RESYNC).await;
    let count = rig.count();
    rig.pass(Duration::from_secs(90)).await;
    let calls = rig.calls_since(count);
    assert!((2..=4).contains(&calls.len()) && calls.iter().all(|call| call.contains("list")), "{calls:?}");
}
