//! How many engine calls things cost. Docker answers a call in milliseconds to seconds, so calls are the price of everything.

use std::time::Duration;

use super::rig::Rig;
use wharf::model::quantity::Memory;
use wharf::model::reference::ImageReference;
use wharf::model::status::ContainerState;

fn image(reference: &str) -> ImageReference {
    reference.parse().expect("a valid reference")
}

/// How many of the calls begin with a word.
fn number_of(calls: &[String], word: &str) -> usize {
    calls.iter().filter(|call| call.split(' ').next() == Some(word)).count()
}

#[tokio::test(start_paused = true)]
async fn the_first_workspaces_cost_an_image_inspection_each_and_one_network() {
    let mut rig = Rig::new();
    for reference in ["debian:12", "debian:13"] {
        rig.engine.outside().pull(&image(reference));
    }
    for (name, reference) in [("a", "debian:12"), ("b", "debian:12"), ("c", "debian:13"), ("d", "debian:13")] {
        rig.declare(name, &format!("image: '{reference}'"));
    }
    rig.start();
    rig.until_ready(&["a", "b", "c", "d"]).await;
    rig.settle().await;
    let calls = rig.calls_since(0);
    let expected = [("events", 1), ("info", 1), ("list", 1), ("image", 2), ("create", 4), ("start", 4), ("inspect", 4)];
    for (word, count) in expected {
        assert_eq!(number_of(&calls, word), count, "{word}: {calls:#?}");
    }
    // Passes that begin together each make sure of the network; the engine makes it once.
    assert!(number_of(&calls, "ensure-network") <= 4, "{calls:#?}");
    assert_eq!(number_of(&calls, "pull"), 0, "{calls:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_image_is_pulled_once_for_all_that_want_it() {
    let mut rig = Rig::new();
    for name in ["a", "b", "c"] {
        rig.declare(name, "image: debian:12");
    }
    rig.start();
    rig.until_ready(&["a", "b", "c"]).await;
    let calls = rig.calls_since(0);
    assert_eq!(number_of(&calls, "pull"), 1, "{calls:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_new_workspace_costs_create_start_and_one_inspect() {
    let mut rig = Rig::running(&[("box", "image: debian:12")]).await;
    let count = rig.count();
    rig.declare("two", "image: debian:12");
    rig.until_ready(&["two"]).await;
    rig.settle().await;
    assert_eq!(rig.calls_since(count), ["create wharf-two", "start wharf-two", "inspect wharf-two"]);
}

#[tokio::test(start_paused = true)]
async fn new_limits_cost_one_update() {
    let mut rig = Rig::running(&[("box", "image: debian:12, resources: {memory: 256Mi, pids: 64}")]).await;
    let (count, id) = (rig.count(), rig.id("wharf-box"));
    rig.declare("box", "image: debian:12, resources: {memory: 512Mi, pids: 64}");
    rig.until_reconciled("box", 2).await;
    rig.settle().await;
    assert_eq!(rig.calls_since(count), ["update wharf-box"]);
    let container = rig.container("wharf-box").expect("it exists");
    assert_eq!(container.limits.memory.map(Memory::bytes), Some(512 << 20));
    assert_eq!(container.id, id);
}

#[tokio::test(start_paused = true)]
async fn lifting_the_limit_of_processes_converges() {
    let mut rig = Rig::running(&[("box", "image: debian:12, resources: {pids: 64}")]).await;
    rig.declare("box", "image: debian:12");
    rig.until("no limit", |rig| rig.container("wharf-box").is_some_and(|it| it.limits.pids.is_none())).await;
    rig.until_ready(&["box"]).await;
    rig.settle().await;
    let count = rig.count();
    rig.pass(Duration::from_secs(20)).await;
    assert!(number_of(&rig.calls_since(count), "update") == 0, "{}", rig.picture());
}

#[tokio::test(start_paused = true)]
async fn a_stop_costs_one_call() {
    let mut rig = Rig::running(&[("box", "image: debian:12")]).await;
    let count = rig.count();
    rig.declare("box", "image: debian:12, state: Stopped");
    rig.until_reconciled("box", 2).await;
    rig.settle().await;
    assert_eq!(rig.calls_since(count), ["stop wharf-box"]);
    let container = rig.status("box").and_then(|it| it.status.container).expect("it is kept");
    assert_eq!(container.state, ContainerState::Exited);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_costs_two_calls_and_its_network() {
    let group = |name: &str| format!("image: debian:12, network: {{mode: Group, group: {name}}}");
    let (one, two) = (group("one"), group("two"));
    let mut rig = Rig::running(&[("box", &one), ("other", &two), ("third", &two)]).await;
    let count = rig.count();
    rig.delete("box.yaml");
    rig.until("the status is gone", |rig| rig.status("box").is_none()).await;
    rig.settle().await;
    let calls = rig.calls_since(count);
    assert_eq!(calls[..2], ["stop wharf-box", "remove wharf-box"], "{calls:?}");
    assert!(calls[2].starts_with("remove-network wharf-") && calls[2].ends_with(".group.one"), "{calls:?}");
    assert_eq!(calls.len(), 3, "{calls:?}");
    let count = rig.count();
    rig.delete("other.yaml");
    rig.until("the status is gone", |rig| rig.status("other").is_none()).await;
    rig.settle().await;
    assert_eq!(rig.calls_since(count), ["stop wharf-other", "remove wharf-other"]);
}

#[tokio::test(start_paused = true)]
async fn an_idle_resync_is_one_list_in_all_and_writes_nothing() {
    let mut rig = Rig::new();
    let names: Vec<String> = (0..100).map(|index| format!("box-{index}")).collect();
    for name in &names {
        rig.declare(name, "image: debian:12");
    }
    rig.start();
    rig.until_ready(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    rig.pass(Duration::from_secs(31)).await;
    let (count, stamps) = (rig.count(), rig.stamps());
    rig.pass(Duration::from_secs(300)).await;
    assert_eq!(rig.calls_since(count), vec!["list"; 10]);
    assert_eq!(stamps.len(), 100);
    rig.assert_unwritten(&stamps);
}

#[tokio::test(start_paused = true)]
async fn an_idle_resync_is_one_list_whatever_state_containers_are_in() {
    let checked = "image: debian:12, healthCheck: {command: [/bin/true]}";
    let mut rig = Rig::running(&[("stopped", checked), ("suspended", checked)]).await;
    rig.declare("stopped", &format!("{checked}, state: Stopped"));
    rig.declare("suspended", &format!("{checked}, suspend: true"));
    rig.until_reconciled("stopped", 2).await;
    rig.until_reconciled("suspended", 2).await;
    rig.engine.outside().pause("wharf-suspended").expect("it runs");
    rig.pass(Duration::from_secs(31)).await;
    let (count, stamps) = (rig.count(), rig.stamps());
    rig.pass(Duration::from_secs(90)).await;
    assert_eq!(rig.calls_since(count), vec!["list"; 3]);
    rig.assert_unwritten(&stamps);
}

#[tokio::test(start_paused = true)]
async fn an_audit_looks_at_every_container_once_and_writes_nothing() {
    let mut rig = Rig::with_options(|options| options.audit = Duration::from_secs(100));
    let names: Vec<String> = (0..10).map(|index| format!("box-{index}")).collect();
    for name in &names {
        rig.declare(name, "image: debian:12");
    }
    rig.start();
    rig.until_ready(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    rig.pass(Duration::from_secs(10)).await;
    let (count, stamps) = (rig.count(), rig.stamps());
    rig.pass(Duration::from_secs(300)).await;
    let calls = rig.calls_since(count);
    assert_eq!((number_of(&calls, "inspect"), number_of(&calls, "list")), (30, 10), "{calls:?}");
    assert_eq!(calls.len(), 40, "{calls:?}");
    rig.assert_unwritten(&stamps);
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_controller_changes_nothing_and_writes_nothing() {
    let mut rig = Rig::running(&[("a", "image: debian:12"), ("b", "image: debian:12")]).await;
    rig.declare("b", "image: debian:12, state: Stopped");
    rig.until_reconciled("b", 2).await;
    rig.settle().await;
    let (count, stamps, mutations) = (rig.count(), rig.stamps(), rig.engine.mutations());
    rig.stop().await;
    rig.start();
    rig.pass(Duration::from_secs(60)).await;
    assert_eq!(rig.engine.mutations(), mutations, "{:?}", rig.calls_since(count));
    rig.assert_unwritten(&stamps);
}
