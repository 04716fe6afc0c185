//! Networks.

use std::time::Duration;

use wharf::engine::container::Attachment;
use wharf::engine::{ContainerSpec, Engine, EngineError, NetworkSpec, ObjectKind};

use crate::bench::{Bench, Meddling, Process, labels_of, network, plain, running, stranger};
use crate::containers::missing;

pub async fn a_network_is_made_once<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let spec = network(bench, "net");
    assert_eq!(engine.ensure_network(&spec).await, Ok(true));
    assert_eq!(engine.ensure_network(&spec).await, Ok(false));
    engine.remove_network(bench.instance(), &spec.name).await.expect("removed");
    engine.remove_network(bench.instance(), &spec.name).await.expect("one that is gone is removed");
    assert_eq!(engine.ensure_network(&spec).await, Ok(true), "it was really removed");
}

pub async fn ensuring_at_once_makes_one_network<B: Bench>(bench: &B) {
    let spec = network(bench, "net");
    let ensure = || bench.engine().ensure_network(&spec);
    let (a, b, c, d) = tokio::join!(ensure(), ensure(), ensure(), ensure());
    let made = [a, b, c, d].into_iter().filter(|answer| *answer.as_ref().expect("ensured")).count();
    assert_eq!(made, 1);
    // With two networks of one name, an engine would refuse to start this: which one is meant?
    let mut member = plain(bench, "member", Process::Lasts);
    member.network = Some(Attachment { network: spec.name.clone(), aliases: Vec::new() });
    running(bench, &member).await;
}

pub async fn a_foreign_network_is_left_alone<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let mut foreign = network(bench, "net");
    foreign.labels = labels_of(bench, &stranger(bench));
    assert_eq!(engine.ensure_network(&foreign).await, Ok(true));
    let mut ours = foreign.clone();
    ours.labels = labels_of(bench, bench.instance());
    let error = engine.ensure_network(&ours).await.expect_err("the name is held by another instance");
    assert!(matches!(error, EngineError::Conflict { .. }), "{error:?}");
    engine.remove_network(bench.instance(), &foreign.name).await.expect("ours is gone: there was none");
    assert_eq!(engine.ensure_network(&foreign).await, Ok(false), "theirs is still there");
}

pub async fn a_network_in_use_is_a_conflict<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let spec = network(bench, "net");
    engine.ensure_network(&spec).await.expect("made");
    let mut member = plain(bench, "member", Process::Lasts);
    member.network = Some(Attachment { network: spec.name.clone(), aliases: vec!["friend".to_owned()] });
    let id = running(bench, &member).await;
    let error = engine.remove_network(bench.instance(), &spec.name).await.expect_err("it is in use");
    assert!(matches!(error, EngineError::Conflict { .. }), "{error:?}");
    engine.remove(&id).await.expect("removed");
    engine.remove_network(bench.instance(), &spec.name).await.expect("no longer in use");
    assert_eq!(missing(engine.inspect(&id).await), ObjectKind::Container);
}

/// A container on a new network, which is as declared by one of the modes that have one.
async fn member<B: Bench>(bench: &B, what: &str, members_reach_each_other: bool, internal: bool) -> ContainerSpec {
    let spec = NetworkSpec { members_reach_each_other, internal, ..network(bench, &format!("{what}-net")) };
    bench.engine().ensure_network(&spec).await.expect("made");
    let attachment = Attachment { network: spec.name, aliases: Vec::new() };
    ContainerSpec { network: Some(attachment), ..plain(bench, what, Process::Lasts) }
}

/// What a list and an inspection tell, which must be the same.
async fn told<B: Bench>(bench: &B, id: &str) -> Vec<String> {
    let rows = bench.engine().list(bench.instance()).await.expect("listed");
    let row = rows.into_iter().find(|row| row.id == id).expect("it is listed");
    let detail = bench.engine().inspect(id).await.expect("inspected");
    assert_eq!(row.networks, detail.networks, "{}", detail.state);
    detail.networks
}

pub async fn networks_are_told_whether_or_not_it_runs<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let specs = [
        member(bench, "isolated", false, false).await,
        member(bench, "group", true, false).await,
        member(bench, "internal", false, true).await,
        plain(bench, "none", Process::Lasts),
    ];
    for spec in specs {
        let expected = [spec.network_name().to_owned()];
        let id = engine.create(&spec).await.expect("created");
        assert_eq!(told(bench, &id).await, expected, "created");
        engine.start(&id).await.expect("started");
        assert_eq!(told(bench, &id).await, expected, "running");
        engine.stop(&id, Duration::from_secs(10)).await.expect("stopped");
        assert_eq!(told(bench, &id).await, expected, "exited");
    }
}

pub async fn leaving_and_joining_networks_is_told<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let member = member(bench, "member", false, false).await;
    let id = running(bench, &member).await;
    bench.meddle(&id, Meddling::JoinBridge).await;
    let mut both = ["bridge", member.network_name()];
    both.sort_unstable();
    assert_eq!(told(bench, &id).await, both);
    bench.meddle(&id, Meddling::LeaveNetworks).await;
    assert!(told(bench, &id).await.is_empty());
    assert_eq!(engine.inspect(&id).await.expect("inspected").ip, None);
    bench.meddle(&id, Meddling::JoinBridge).await;
    engine.stop(&id, Duration::from_secs(10)).await.expect("stopped");
    assert_eq!(told(bench, &id).await, ["bridge"]);
    engine.start(&id).await.expect("started where it was left");
    assert_eq!(told(bench, &id).await, ["bridge"]);

    let alone = running(bench, &plain(bench, "alone", Process::Lasts)).await;
    bench.meddle(&alone, Meddling::LeaveNetworks).await;
    bench.meddle(&alone, Meddling::JoinBridge).await;
    assert_eq!(told(bench, &alone).await, ["bridge"]);
}
