//! Who reaches whom.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpStream};

use wharf::engine::container::Attachment;
use wharf::engine::{ContainerSpec, Engine, NetworkSpec};
use wharf::model::spec::{Port, Protocol};

use super::Real;
use crate::bench::{Bench, Process, eventually, network, plain, running};
use crate::support::real::{docker, succeeds};

/// A container that says hello on port 8080 to whoever reaches it.
fn greeter(bench: &Real, what: &str, on: &NetworkSpec) -> ContainerSpec {
    let mut spec = plain(bench, what, Process::Lasts);
    spec.command = ["/bin/sh", "-c", "while :; do echo hello | nc -l -p 8080; done"].map(str::to_owned).to_vec();
    spec.network = Some(Attachment { network: on.name.clone(), aliases: vec![what.to_owned()] });
    spec
}

/// Whether a container is greeted at an address.
async fn greeted(from: &str, address: &str) -> bool {
    let script = format!("nc -w 1 {address} 8080 </dev/null | grep -q hello");
    let arguments = ["exec", from, "/bin/sh", "-c", &script].map(str::to_owned);
    tokio::task::spawn_blocking(move || succeeds(&arguments.each_ref().map(String::as_str))).await.expect("asked")
}

/// Two greeters on a network of this kind; their IDs and the second one's address.
async fn pair(bench: &Real, spec: &NetworkSpec) -> (String, String, String) {
    bench.engine().ensure_network(spec).await.expect("made");
    let one = running(bench, &greeter(bench, "one", spec)).await;
    let mut two = greeter(bench, "two", spec);
    let host_ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    two.ports = vec![Port { container: 8080, host: None, host_ip, protocol: Protocol::Tcp }];
    let two = running(bench, &two).await;
    let ip = bench.engine().inspect(&two).await.expect("inspected").ip.expect("it has an address");
    // Silence proves nothing before there is somebody to speak.
    eventually("the greeter greets itself", async || greeted(&two, "127.0.0.1").await.then_some(())).await;
    (one, two, ip)
}

#[tokio::test]
async fn members_of_an_isolated_network_reach_the_outside_and_not_each_other() {
    let bench = Real::bench().await;
    let spec = NetworkSpec { members_reach_each_other: false, ..network(&bench, "net") };
    let (one, two, ip) = pair(&bench, &spec).await;
    assert!(!greeted(&one, &ip).await);
    assert!(!succeeds(&["exec", &one, "ping", "-c", "1", "-W", "1", &ip]));
    assert!(docker(&["exec", &one, "ip", "route"]).contains("default via"));

    let published = bench.engine().inspect(&two).await.expect("inspected").ports[0].clone();
    let address = published.split("->").next().expect("an address").to_owned();
    let greeting = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        TcpStream::connect(address).and_then(|mut stream| stream.read_to_string(&mut text)).map(|_| text)
    });
    assert_eq!(greeting.await.expect("asked").expect("the published port answers"), "hello\n");
}

#[tokio::test]
async fn members_of_a_group_reach_each_other_by_name() {
    let bench = Real::bench().await;
    let (one, _, ip) = pair(&bench, &network(&bench, "net")).await;
    assert!(greeted(&one, &ip).await);
    eventually("the greeter is free again", async || greeted(&one, "two").await.then_some(())).await;
}

/// Engine 20.10 gives members a route out and drops what they send there; newer ones give none. On both, services of
/// the host itself that listen on all addresses are reached.
#[tokio::test]
async fn members_of_an_internal_network_reach_nobody() {
    let bench = Real::bench().await;
    let spec = NetworkSpec { internal: true, members_reach_each_other: false, ..network(&bench, "net") };
    let (one, _, ip) = pair(&bench, &spec).await;
    assert_eq!(docker(&["network", "inspect", &spec.name, "--format", "{{.Internal}}"]), "true");
    assert!(!greeted(&one, &ip).await);
    let outside = network(&bench, "outside");
    bench.engine().ensure_network(&outside).await.expect("made");
    let three = running(&bench, &greeter(&bench, "three", &outside)).await;
    let ip = bench.engine().inspect(&three).await.expect("inspected").ip.expect("it has an address");
    eventually("the greeter greets itself", async || greeted(&three, "127.0.0.1").await.then_some(())).await;
    assert!(!greeted(&one, &ip).await);
}

#[tokio::test]
async fn without_a_network_there_is_only_loopback() {
    let bench = Real::bench().await;
    let id = running(&bench, &plain(&bench, "box", Process::Lasts)).await;
    assert_eq!(docker(&["exec", &id, "ls", "/sys/class/net"]), "lo");
}
