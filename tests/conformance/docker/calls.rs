//! How many requests each operation costs: an idle controller and a busy one are both made of these.

use std::time::Duration;

use futures_util::StreamExt;
use wharf::engine::container::{Mount, MountSource};
use wharf::engine::{Engine, Limits};

use super::Real;
use crate::bench::{Bench, Process, eventually, labels_of, network, plain};
use crate::support::proxy::Proxy;

#[tokio::test]
async fn every_operation_is_one_request() {
    let proxy = Proxy::start();
    let bench = Real::at(Some(&proxy.host())).await;
    let (engine, instance) = (bench.engine(), bench.instance());
    assert_eq!(proxy.take_calls(), [""; 0], "nothing is connected before it is needed");

    engine.info().await.expect("answered");
    assert_eq!(proxy.take_calls(), ["GET /version"]);
    let mut spec = plain(&bench, "box", Process::Lasts);
    let volume = bench.unique("volume");
    spec.mounts = vec![Mount {
        source: MountSource::Volume { name: volume.clone(), labels: labels_of(&bench, instance) },
        target: "/data".parse().expect("absolute"),
        read_only: false,
    }];
    let id = engine.create(&spec).await.expect("created");
    assert_eq!(proxy.take_calls(), ["POST /containers/create"]);
    engine.start(&id).await.expect("started");
    assert_eq!(proxy.take_calls(), ["POST /containers/{id}/start"]);
    engine.list(instance).await.expect("listed");
    assert_eq!(proxy.take_calls(), ["GET /containers/json"]);
    engine.inspect(&id).await.expect("inspected");
    assert_eq!(proxy.take_calls(), ["GET /containers/{id}/json"]);
    engine.stats(&id).await.expect("read");
    assert_eq!(proxy.take_calls(), ["GET /containers/{id}/stats"]);
    engine.find_by_name(&spec.name).await.expect("found");
    assert_eq!(proxy.take_calls(), [format!("GET /containers/{}/json", spec.name)]);
    engine.update(&id, &Limits { pids: Some(50), ..Limits::default() }).await.expect("updated");
    assert_eq!(proxy.take_calls(), ["POST /containers/{id}/update"]);
    engine.rename(&id, &bench.unique("new")).await.expect("renamed");
    assert_eq!(proxy.take_calls(), ["POST /containers/{id}/rename"]);
    engine.unpause(&id).await.expect("not paused");
    assert_eq!(proxy.take_calls(), ["POST /containers/{id}/unpause"]);
    engine.stop(&id, Duration::from_secs(10)).await.expect("stopped");
    assert_eq!(proxy.take_calls(), ["POST /containers/{id}/stop"]);
    engine.remove(&id).await.expect("removed");
    assert_eq!(proxy.take_calls(), ["DELETE /containers/{id}"]);
    engine.image(&bench.image()).await.expect("asked");
    assert_eq!(proxy.take_calls(), [format!("GET /images/{}/json", bench.image())]);
    engine.volumes(instance).await.expect("listed");
    assert_eq!(proxy.take_calls(), ["GET /volumes"]);
    engine.remove_volume(&volume).await.expect("removed");
    assert_eq!(proxy.take_calls(), [format!("DELETE /volumes/{volume}")]);
}

/// Names of networks are not unique on older engines, so each of these looks first.
#[tokio::test]
async fn networks_are_looked_up_first() {
    let proxy = Proxy::start();
    let bench = Real::at(Some(&proxy.host())).await;
    let spec = network(&bench, "net");
    bench.engine().info().await.expect("answered");
    proxy.take_calls();
    bench.engine().ensure_network(&spec).await.expect("made");
    assert_eq!(proxy.take_calls(), ["GET /networks", "POST /networks/create"]);
    bench.engine().ensure_network(&spec).await.expect("there");
    assert_eq!(proxy.take_calls(), ["GET /networks"]);
    bench.engine().remove_network(bench.instance(), &spec.name).await.expect("removed");
    assert_eq!(proxy.take_calls(), ["GET /networks", "DELETE /networks/{id}"]);
    bench.engine().remove_network(bench.instance(), &spec.name).await.expect("gone");
    assert_eq!(proxy.take_calls(), ["GET /networks"]);
}

#[tokio::test]
async fn a_subscription_is_one_connection_that_ends_with_it() {
    let proxy = Proxy::start();
    let bench = Real::at(Some(&proxy.host())).await;
    let mut events = bench.engine().events(bench.instance());
    assert_eq!(proxy.take_calls(), [""; 0]);
    events.next().await.expect("an item").expect("subscribed");
    assert_eq!(proxy.take_calls(), ["GET /events"]);
    assert_eq!(proxy.open(), 1);
    drop(events);
    eventually("the connection is closed", async || (proxy.open() == 0).then_some(())).await;
}
