//! What holds for every text and every workspace.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::Union;
use wharf::manifest::parse;
use wharf::model::quantity::{Cpu, Memory};
use wharf::model::spec::{
    ApiVersion, Backoff, Capabilities, DeletionPolicy, DesiredState, EnvSource, EnvVar, Fallback, FileMode,
    HealthCheck, Kind, Level, Metadata, Monitoring, Network, NetworkMode, Port, Project, Protocol, PullPolicy,
    Recovery, Resources, SeccompProfile, SecretRef, SecretVolume, Security, Threshold, ThresholdMetric, Tmpfs,
    VolumeMount,
};
use wharf::model::{Workspace, WorkspaceSpec};
use wharf::yaml;

use super::rendered;

const CANARY: &str = "c4n4ry";

/// A manifest with most fields, and a secret wherever a secret may be.
const FULL: &str = r#"apiVersion: wharf/v1
kind: Workspace
metadata:
  name: api-dev
  labels: {team: payments}
  annotations: {note: "c4n4ry"}
spec:
  state: Running
  image: ghcr.io/acme/dev:1.4
  command: [/bin/sh, -c, "login c4n4ry"]
  args: ["--token=c4n4ry"]
  user: "1000:1000"
  env:
    - {name: RUST_LOG, value: c4n4ry}
    - name: PASSWORD
      value: "c4n4ry"
    - name: KEY
      value: |
        c4n4ry
        c4n4ry
    - {name: TOKEN, valueFrom: {file: secrets/token}}
  project: {path: ./api}
  volumes:
    - {name: cache, mountPath: /root/.cache}
    - {tmpfs: {size: 64Mi}, mountPath: /tmp}
  ports: [{container: 8080, host: 18080}]
  resources: {cpu: "1.5", memory: 512Mi, pids: 256}
  network: {mode: Group, group: payments}
  healthCheck: {command: [check, c4n4ry], interval: 10s}
  recovery: {maxRetries: 5, backoff: {initial: 1s, max: 5m}}
  monitoring: {interval: 30s, thresholds: [{metric: cpu, above: 90%, for: 5m, clearBelow: 80%}]}
  dependsOn: [db]
"#;

/// What people and accidents put into a file. None of it removes the line break, the blank or the quote that keeps a
/// secret from becoming the name of a field, the one thing that diagnostics quote.
fn slip() -> impl Strategy<Value = &'static str> {
    select(vec![
        "", " ", "  ", "\n", "\t", "-", "- ", "[", "]", "{", "}", "'", "#", "&a ", "*a", "!x ", "|", "---\n", "0",
        "\0", "é",
    ])
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        let manifest = parse("a.yaml", &bytes);
        prop_assert!(manifest.documents.iter().all(|document| document.line >= 1));
    }

    #[test]
    fn any_yaml_like_text_is_parsed_or_refused(text in "([-?:,\\[\\]{}#&*!|>'\"%@` \n\ta-c0]|metadata|name|spec|: |\n  |- ){0,80}") {
        let _ = parse("a.yaml", text.as_bytes());
    }

    #[test]
    fn a_mutated_manifest_is_parsed_or_refused(
        mutations in vec((any::<Index>(), 0_usize..12, vec(any::<u8>(), 0..4)), 1..6)
    ) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (place, length, replacement) in mutations {
            let begin = place.index(bytes.len());
            let end = (begin + length).min(bytes.len());
            bytes.splice(begin..end, replacement);
        }
        let _ = parse("a.yaml", &bytes);
    }

    #[test]
    fn a_diagnostic_never_shows_a_free_text(places in vec((any::<Index>(), slip()), 1..4)) {
        let mut text = FULL.to_owned();
        for (place, slip) in places {
            let place = place.index(text.len());
            // Between two characters, and not within the secret: half of one is as good as none to look for.
            let place = (place..=text.len()).find(|place| text.is_char_boundary(*place)).unwrap_or(text.len());
            text.insert_str(place, slip);
        }
        let shown = rendered(&parse("a.yaml", text.as_bytes()));
        prop_assert!(!shown.contains(CANARY), "{shown}\n{text}");
    }

    #[test]
    fn every_valid_workspace_survives_yaml(workspaces in vec(workspace(), 1..3)) {
        let names: BTreeSet<_> = workspaces.iter().map(|workspace| &workspace.metadata.name).collect();
        prop_assume!(names.len() == workspaces.len());
        let text = yaml::to_string(&workspaces).expect("a workspace has a YAML form");
        let manifest = parse("a.yaml", text.as_bytes());
        prop_assert_eq!(rendered(&manifest), "", "{}", text);
        let read: Vec<_> = manifest.documents.into_iter().filter_map(|document| document.outcome.ok()).collect();
        prop_assert_eq!(read, workspaces);
    }
}

#[test]
fn the_full_manifest_is_valid() {
    assert_eq!(rendered(&parse("a.yaml", FULL.as_bytes())), "");
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>(
    text: impl Strategy<Value = String>,
) -> impl Strategy<Value = T> {
    text.prop_map(|text| text.parse().expect("valid by construction"))
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    parsed("[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?".boxed())
}

fn period<T: std::str::FromStr<Err: std::fmt::Debug> + std::fmt::Debug>(least: u64) -> impl Strategy<Value = T> {
    parsed((least..10_000_000).prop_map(|millis| format!("{millis}ms")))
}

/// Free text: with line breaks, quotes, and what looks like another type.
fn text() -> impl Strategy<Value = String> {
    Union::new_weighted(vec![
        (3, "[^\u{0}]{0,12}".boxed()),
        (1, "(?s)[ \n\t:#'\"a-c-]{0,10}".boxed()),
        (
            1,
            select(vec!["yes", "null", "~", "1", "1.5", "0x1F", "true", "", "- a", "a: b", "*a", "<<", "2001-01-01"])
                .prop_map(str::to_owned)
                .boxed(),
        ),
    ])
}

fn env() -> impl Strategy<Value = Vec<EnvVar>> {
    let source = prop_oneof![
        text().prop_map(|value| (Some(value), None)),
        "[a-z]{1,8}".prop_map(|file| (None, Some(EnvSource { file: Some(file), secret_ref: None }))),
        ("[a-z]{1,8}", option::of("[-A-Za-z_]{1,8}")).prop_map(|(name, key)| {
            let key = key.map(|key| key.parse().expect("a key"));
            let secret_ref = Some(SecretRef { name: name.parse().expect("a name"), key });
            (None, Some(EnvSource { file: None, secret_ref }))
        }),
    ];
    btree_map("[A-Z_]{1,6}", source, 0..4).prop_map(|variables| {
        variables.into_iter().map(|(name, (value, value_from))| EnvVar { name, value, value_from }).collect()
    })
}

fn volumes() -> impl Strategy<Value = Vec<VolumeMount>> {
    let tmpfs = option::of((1_u64..1 << 50).prop_map(Memory::from_bytes)).prop_map(|size| Tmpfs { size });
    let mode = select(vec!["0400", "0444", "0550"]).prop_map(|mode| mode.parse().expect("a mode"));
    let source = prop_oneof![
        Just((None, None)),
        tmpfs.prop_map(|tmpfs| (Some(tmpfs), None)),
        mode.prop_map(|mode: FileMode| (None, Some(mode))),
    ];
    btree_map("[a-z]{1,4}", (source, any::<bool>(), any::<bool>()), 0..4).prop_map(|mounts| {
        let mounts = mounts.into_iter().map(|(name, ((tmpfs, mode), on_host, read_only))| VolumeMount {
            name: (tmpfs.is_none() && mode.is_none() && !on_host).then(|| name.parse().expect("a name")),
            host_path: (tmpfs.is_none() && mode.is_none() && on_host)
                .then(|| format!("/srv/{name}").parse().expect("a path")),
            read_only: read_only || mode.is_some(),
            secret: mode.map(|mode| SecretVolume { name: name.parse().expect("a name"), key: None, mode }),
            tmpfs,
            mount_path: format!("/mnt/{name}").parse().expect("a path"),
        });
        mounts.collect()
    })
}

fn network_and_ports() -> impl Strategy<Value = (Network, Vec<Port>)> {
    let modes = vec![NetworkMode::Isolated, NetworkMode::Group, NetworkMode::Internal, NetworkMode::None];
    let protocol = select(vec![Protocol::Tcp, Protocol::Udp]);
    let host_ip = prop_oneof![Just("127.0.0.1"), Just("::1")].prop_map(|text| text.parse().expect("an address"));
    let ports = btree_map(1_u16.., (option::of(Just(())), host_ip, protocol), 0..4);
    (select(modes), name(), ports).prop_map(|(mode, group, ports)| {
        let publishes = matches!(mode, NetworkMode::Isolated | NetworkMode::Group);
        let ports = ports.into_iter().filter(|_| publishes).map(|(port, (fixed, host_ip, protocol))| Port {
            container: port,
            host: fixed.map(|()| port),
            host_ip,
            protocol,
        });
        (Network { mode, group: (mode == NetworkMode::Group).then_some(group) }, ports.collect())
    })
}

fn resources() -> impl Strategy<Value = Resources> {
    let memory = |least: u64| option::of((least..1 << 50).prop_map(Memory::from_bytes));
    let cpu = option::of((1_000_000_u64..=1_000_000_000_000_000).prop_map(Cpu::from_nanos));
    (cpu, memory(6 << 20), option::of(1_u32..=4_194_304), memory(1))
        .prop_map(|(cpu, memory, pids, shm_size)| Resources { cpu, memory, pids, shm_size })
}

fn security() -> impl Strategy<Value = Security> {
    let capability = || parsed(select(vec!["ALL", "CHOWN", "SYS_PTRACE", "NET_RAW"]).prop_map(str::to_owned));
    let capabilities =
        (vec(capability(), 0..3), vec(capability(), 0..3)).prop_map(|(drop, add)| Capabilities { drop, add });
    let seccomp = select(vec![SeccompProfile::Default, SeccompProfile::Unconfined]);
    (any::<(bool, bool)>(), capabilities, seccomp, option::of("[a-z]{1,8}")).prop_map(
        |((read_only_root_filesystem, no_new_privileges), capabilities, seccomp_profile, runtime)| Security {
            read_only_root_filesystem,
            capabilities,
            no_new_privileges,
            seccomp_profile,
            runtime,
        },
    )
}

fn health_check() -> impl Strategy<Value = HealthCheck> {
    (vec(text(), 1..3), period(1_000), period(1), 1_u32..=1_000, period(0)).prop_map(
        |(command, interval, timeout, retries, start_period)| HealthCheck {
            command,
            interval,
            timeout,
            retries,
            start_period,
        },
    )
}

fn recovery() -> impl Strategy<Value = Recovery> {
    let backoff = (period(100), period(10_000_000 - 1), 1_u32..=100).prop_map(|(initial, max, factor)| Backoff {
        initial,
        max,
        factor,
    });
    let fallback = select(vec![Fallback::Stop, Fallback::Remove, Fallback::Ignore]);
    (0_u32..=1_000, period(1_000), backoff, fallback).prop_map(|(max_retries, window, backoff, fallback)| Recovery {
        max_retries,
        window,
        backoff,
        fallback,
    })
}

fn monitoring() -> impl Strategy<Value = Monitoring> {
    let threshold = |metric: ThresholdMetric| {
        let level = move |number: u32| {
            if metric.is_rate() { Level::Rate(Memory::from_bytes(number.into())) } else { Level::Percent(number) }
        };
        (1_u32..=10_000, period(0), option::of(1_u32..=10_000)).prop_map(move |(above, lasting, below)| Threshold {
            metric,
            above: level(above),
            lasting,
            clear_below: below.map(|below| level(below.min(above))),
        })
    };
    let thresholds = ThresholdMetric::ALL.map(|metric| option::of(threshold(metric)));
    let interval = (1_000_u64..=3_600_000).prop_map(|millis| format!("{millis}ms").parse().expect("a period"));
    (option::of(interval), thresholds).prop_map(|(interval, thresholds)| Monitoring {
        interval,
        thresholds: thresholds.into_iter().flatten().collect(),
    })
}

fn metadata() -> impl Strategy<Value = Metadata> {
    (name(), btree_map("[a-z]{1,5}(/[a-z]{1,3})?", "[a-zA-Z0-9]{1,5}", 0..3), btree_map(text(), text(), 0..3))
        .prop_map(|(name, labels, annotations)| Metadata { name, labels, annotations })
}

fn project() -> impl Strategy<Value = Project> {
    ("[./a-z]{1,9}", any::<bool>()).prop_map(|(path, read_only)| Project {
        path,
        mount_path: Project::DEFAULT_MOUNT_PATH.parse().expect("a path"),
        read_only,
    })
}

fn workspace() -> impl Strategy<Value = Workspace> {
    let choices = (
        select(vec![DesiredState::Running, DesiredState::Stopped, DesiredState::Archived]),
        select(vec![PullPolicy::IfNotPresent, PullPolicy::Always, PullPolicy::Never]),
        select(vec![DeletionPolicy::Delete, DeletionPolicy::Stop, DeletionPolicy::Orphan]),
        any::<(bool, bool)>(),
    );
    let process = (vec(text(), 0..3), vec(text(), 0..3), option::of(text()), option::of(name()), env());
    let storage = (option::of(project()), volumes());
    let limits = (resources(), security(), option::of(health_check()), recovery(), monitoring(), period(0));
    let depends_on = btree_set("x[a-z]{10,12}", 0..3);
    (metadata(), choices, process, storage, network_and_ports(), limits, depends_on).prop_map(
        |(metadata, choices, process, storage, (network, ports), limits, depends_on)| {
            let (state, image_pull_policy, deletion_policy, (delete_volumes, suspend)) = choices;
            let (command, args, user, hostname, env) = process;
            let (project, volumes) = storage;
            let (resources, security, health_check, recovery, monitoring, stop_grace_period) = limits;
            let depends_on = depends_on.iter().map(|name| name.parse().expect("a name")).collect();
            let spec = WorkspaceSpec {
                state,
                image: "ghcr.io/acme/dev:1.4".parse().expect("an image"),
                image_pull_policy,
                command,
                args,
                working_dir: None,
                user,
                hostname,
                env,
                project,
                volumes,
                ports,
                resources,
                network,
                security,
                health_check,
                recovery,
                monitoring,
                stop_grace_period,
                depends_on,
                deletion_policy,
                delete_volumes,
                suspend,
            };
            Workspace { api_version: ApiVersion::V1, kind: Kind::Workspace, metadata, spec }
        },
    )
}
