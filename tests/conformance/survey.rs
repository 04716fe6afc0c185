//! Networks with their containers, and how a container was made.

use wharf::engine::container::{Attachment, Mount, MountSource};
use wharf::engine::{
    DescribedCheck, DescribedMount, DescribedSource, Engine, EngineError, EnvValue, Limits, NetworkSummary, ObjectKind,
    Survey,
};
use wharf::model::period::Period;
use wharf::model::quantity::Memory;
use wharf::model::spec::{HealthCheck, Port, Protocol};

use crate::bench::{Bench, Process, labels_of, network, plain, running, stranger};
use crate::containers::{NOBODY, missing};

pub async fn networks_are_listed_with_whatever_is_bound_to_them<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let (spec, mut theirs) = (network(bench, "net"), network(bench, "theirs"));
    theirs.labels = labels_of(bench, &stranger(bench));
    for network in [&spec, &theirs] {
        engine.ensure_network(network).await.expect("made");
    }
    let expected = |containers: &[&String]| {
        let containers = containers.iter().map(|name| (*name).clone()).collect();
        [NetworkSummary { name: spec.name.clone(), labels: spec.labels.clone(), containers }]
    };
    assert_eq!(engine.networks(bench.instance()).await.expect("listed"), expected(&[]));
    let member = |what: &str| {
        let mut member = plain(bench, what, Process::Lasts);
        member.network = Some(Attachment { network: spec.name.clone(), aliases: Vec::new() });
        member
    };
    // One that never ran, one that runs, and one that has ended and belongs to somebody else.
    let (created, runs, mut ended) = (member("a"), member("b"), member("c"));
    ended.labels = labels_of(bench, &stranger(bench));
    engine.create(&created).await.expect("created");
    running(bench, &runs).await;
    let id = running(bench, &ended).await;
    engine.stop(&id, std::time::Duration::from_secs(5)).await.expect("stopped");
    let all = expected(&[&created.name, &runs.name, &ended.name]);
    assert_eq!(engine.networks(bench.instance()).await.expect("listed"), all);
    engine.remove(&id).await.expect("removed");
    let rest = expected(&[&created.name, &runs.name]);
    assert_eq!(engine.networks(bench.instance()).await.expect("listed"), rest);
}

pub async fn a_description_says_how_it_was_made<B: Bench>(bench: &B) {
    let engine = bench.engine();
    let mut spec = plain(bench, "box", Process::Lasts);
    spec.args = vec!["one".to_owned()];
    spec.working_dir = Some("/tmp".parse().expect("absolute"));
    spec.user = Some("1:2".to_owned());
    spec.env = vec![("TOKEN".to_owned(), EnvValue::Plain("canary-71c2".to_owned()))];
    let volume = bench.unique("cache");
    let mount =
        |source, target: &str, read_only| Mount { source, target: target.parse().expect("absolute"), read_only };
    spec.mounts = vec![
        mount(MountSource::Tmpfs(Some(Memory::from_bytes(1 << 20))), "/t", false),
        mount(MountSource::Volume { name: volume.clone(), labels: labels_of(bench, bench.instance()) }, "/data", false),
        mount(MountSource::Host("/usr".into()), "/host", true),
    ];
    spec.ports = vec![Port { container: 80, host: None, host_ip: [127, 0, 0, 1].into(), protocol: Protocol::Tcp }];
    spec.limits = Limits { memory: Some(Memory::from_bytes(64 << 20)), pids: Some(50), ..Limits::default() };
    spec.shm_size = Some(Memory::from_bytes(1 << 20));
    spec.security.read_only_root_filesystem = true;
    spec.health_check = Some(HealthCheck {
        command: vec!["/bin/true".to_owned()],
        interval: Period::from_secs(7),
        timeout: Period::from_secs(3),
        retries: 4,
        start_period: Period::from_secs(1),
    });
    let id = engine.create(&spec).await.expect("created");
    let seen = engine.describe(&spec.name).await.expect("described");
    assert_eq!(engine.describe(&id).await.expect("described"), seen, "by name as by ID");
    assert!(!format!("{seen:?}").contains("canary"), "no value is told");
    assert_eq!((&seen.id, &seen.name, &seen.image), (&id, &spec.name, &spec.image.to_string()));
    assert_eq!((seen.command, seen.args), (Some(spec.command.clone()), Some(spec.args.clone())));
    assert_eq!((seen.working_dir.as_deref(), seen.user.as_deref()), (Some("/tmp"), Some("1:2")));
    assert_eq!((seen.hostname.as_deref(), seen.env), (Some("box"), vec!["TOKEN".to_owned()]));
    let mounted = |source, target: &str, read_only| DescribedMount { source, target: target.to_owned(), read_only };
    let mounts = [
        mounted(DescribedSource::Volume(volume), "/data", false),
        mounted(DescribedSource::Host("/usr".to_owned()), "/host", true),
        mounted(DescribedSource::Tmpfs(Some(1 << 20)), "/t", false),
    ];
    assert_eq!(seen.mounts, mounts);
    assert_eq!((seen.ports, seen.limits, seen.shm_size), (spec.ports, spec.limits, Some(1 << 20)));
    assert_eq!((seen.network.as_str(), seen.restart.as_str()), ("none", "no"));
    assert!(seen.no_new_privileges && seen.read_only_root && !seen.privileged && !seen.seccomp_unconfined);
    assert_eq!(seen.capabilities_dropped, ["ALL"]);
    let seconds = |seconds| Some(std::time::Duration::from_secs(seconds));
    let check = DescribedCheck::Command {
        command: vec!["/bin/true".to_owned()],
        interval: seconds(7),
        timeout: seconds(3),
        retries: Some(4),
        start_period: seconds(1),
    };
    assert_eq!(seen.health_check, Some(check));
    assert_eq!(missing(engine.describe(NOBODY).await), ObjectKind::Container);
    assert!(matches!(engine.describe("../info").await, Err(EngineError::Invalid { .. })));
}
