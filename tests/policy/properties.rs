//! What holds for every policy and every manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use wharf::disk::{resolve, simulated::Simulated};
use wharf::engine::ContainerSpec;
use wharf::model::policy::{Amounts, Policy};
use wharf::model::quantity::{Cpu, Memory};
use wharf::model::source::SourceKind;
use wharf::policy::{Counted, Defaults, Policies, SourceTrust, Subject, Verdict};

use crate::given::{compile, policy, workspace};

/// Parts of a policy, one of each field at most.
const PARTS: &[&[&str]] = &[
    &["appliesTo: {kinds: [git]}", "appliesTo: {selector: team=web}", "appliesTo: {sources: [a*]}"],
    &[
        "images: {allow: [debian]}",
        "images: {allow: ['ghcr.io/**']}",
        "images: {deny: ['**:latest']}",
        "images: {requireDigest: true}",
    ],
    &[
        "mounts: {allow: []}",
        "mounts: {allow: [{path: /srv}], dangerous: [/etc]}",
        "mounts: {allow: [{path: /srv, readOnly: true}], allowSourceDirectory: true}",
    ],
    &["security: {requireNonRoot: true}", "security: {capabilities: []}", "security: {runtimes: [runsc]}"],
    &["networks: {modes: [None]}", "networks: {groups: [a]}"],
    &["ports: {publish: false}", "ports: {hostPorts: [1000-2000]}", "ports: {addresses: [127.0.0.1]}"],
    &[
        "limits: {max: {memory: 1Gi, pids: 100}}",
        "limits: {default: {memory: 2Gi, cpu: 2}}",
        "limits: {max: {cpu: 1, shmSize: 16Mi}}",
    ],
    &["counts: {perSource: 1}", "counts: {perLabel: {team: 2}}"],
    &["deletion: {policies: [Stop]}", "deletion: {deleteVolumes: false}"],
    &["env: {files: [/srv]}", "env: {files: [], allowSourceDirectory: true}"],
    &["onViolation: Stop"],
];

const ASKED: &[&[&str]] = &[
    &["image: debian", "image: 'ghcr.io/acme/x:1'", "image: debian:12"],
    &["project: {path: ./api}", "project: {path: /srv/other, readOnly: true}", "project: {path: /etc}"],
    &[
        "volumes: [{hostPath: /srv/link, mountPath: /a}]",
        "volumes: [{hostPath: /srv/data, mountPath: /a, readOnly: true}]",
    ],
    &["user: '1000'", "user: root"],
    &[
        "security: {capabilities: {drop: [ALL], add: []}}",
        "security: {runtime: runsc}",
        "security: {noNewPrivileges: false}",
    ],
    &["network: {mode: Group, group: a}"],
    &["ports: [{container: 80, host: 1500}]", "ports: [{container: 80, hostIP: 0.0.0.0}]"],
    &["resources: {memory: 512Mi}", "resources: {memory: 3Gi, pids: 50}", "resources: {cpu: 4, shmSize: 1Gi}"],
    &["env: [{name: A, valueFrom: {file: a}}]", "env: [{name: A, valueFrom: {file: /srv/a}}]"],
    &["deletionPolicy: Stop", "deleteVolumes: true"],
];

/// Some of the parts, each in one of its forms.
fn parts(all: &'static [&'static [&'static str]], always: usize) -> impl Strategy<Value = String> {
    let first = select(all[0]);
    let rest = subsequence(&all[always..], 0..all.len() - always)
        .prop_flat_map(|chosen| chosen.into_iter().map(select).collect::<Vec<_>>());
    (first, rest).prop_map(move |(first, mut rest)| {
        if always == 1 {
            rest.push(first);
        }
        format!("{{{}}}", rest.join(", "))
    })
}

fn policies() -> impl Strategy<Value = Vec<(String, Policy)>> {
    proptest::collection::vec(parts(PARTS, 0), 0..4).prop_map(|specs| {
        let named = specs.iter().enumerate().map(|(index, spec)| policy(&format!("p{index}"), spec));
        named.map(|policy| policy.expect("a policy")).collect()
    })
}

fn sources() -> impl Strategy<Value = SourceTrust> {
    let names = select(vec!["app", "web"]);
    (names, any::<bool>()).prop_map(|(name, git)| SourceTrust {
        name: name.to_owned(),
        kind: if git { SourceKind::Git } else { SourceKind::Directory },
        base: "/srv/app".into(),
    })
}

/// Processor time, memory, processes and shared memory, each as a number.
fn amounts(container: &ContainerSpec) -> [Option<u64>; 4] {
    let limits = container.limits;
    let bytes = |memory: Option<Memory>| memory.map(Memory::bytes);
    [limits.cpu.map(Cpu::nanos), bytes(limits.memory), limits.pids.map(u64::from), bytes(container.shm_size)]
}

/// Whether what was amended, where nothing was asked for, is within what is allowed at most.
fn fits(asked: &ContainerSpec, amended: &ContainerSpec, max: Amounts) -> bool {
    let bytes = |memory: Option<Memory>| memory.map(Memory::bytes);
    let most = [max.cpu.map(Cpu::nanos), bytes(max.memory), max.pids.map(u64::from), bytes(max.shm_size)];
    let each = amounts(asked).into_iter().zip(amounts(amended)).zip(most);
    each.into_iter().all(|((asked, amended), most)| {
        most.is_none_or(|most| asked.is_some() || amended.is_some_and(|amended| amended <= most))
    })
}

/// What these policies say of a workspace, and whether what is amended is within what they allow at most.
fn judge(configured: &[(String, Policy)], source: &SourceTrust, metadata: &str, spec: &str) -> (Verdict, bool) {
    let policies = Policies::new(configured.to_vec(), Defaults::default()).expect("different names");
    let workspace = Arc::new(workspace(metadata, spec).expect(spec));
    let mut container = compile(&workspace, &source.base);
    let asked = container.clone();
    policies.amend(source, &workspace, &mut container);
    let disk = Simulated::new(1);
    for path in ["/srv/app/api", "/srv/app/a", "/srv/other", "/srv/data", "/srv/a", "/etc"] {
        disk.make_directory(path.as_ref());
    }
    disk.link("/srv/link".as_ref(), "/etc".as_ref());
    let resolved = resolve(&disk, policies.host_paths(source, &workspace, &container));
    let subject = Subject { source, workspace: &workspace, container: &container, resolved: &resolved };
    let names: Vec<&str> = policies.names(source, &workspace.metadata.labels).collect();
    let applying = configured.iter().filter(|(name, _)| names.contains(&name.as_str()));
    let within = applying.into_iter().all(|(_, policy)| fits(&asked, &container, policy.spec.limits.max));
    (policies.judge(&subject), within)
}

fn metadata() -> impl Strategy<Value = &'static str> {
    select(vec!["{name: box}", "{name: box, labels: {team: web}}", "{name: box, labels: {team: other}}"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn one_more_policy_never_admits_more(
        configured in policies(), further in parts(PARTS, 0), source in sources(), metadata in metadata(), spec in parts(ASKED, 1)
    ) {
        let (before, within) = judge(&configured, &source, metadata, &spec);
        prop_assert!(within, "an amount that policies set is more than they allow");
        let more: Vec<_> = configured.into_iter().chain([policy("further", &further).expect("a policy")]).collect();
        let (after, _) = judge(&more, &source, metadata, &spec);
        prop_assert!(before == Verdict::Admitted || after != Verdict::Admitted, "{before:?}");
    }

    #[test]
    fn one_more_policy_never_counts_fewer(
        configured in policies(), further in parts(PARTS, 0), found in proptest::collection::vec((sources(), any::<bool>()), 0..8)
    ) {
        let labels = [BTreeMap::new(), BTreeMap::from([("team".to_owned(), "web".to_owned())])];
        let counted: Vec<_> =
            found.iter().map(|(source, web)| Counted { source, labels: &labels[usize::from(*web)] }).collect();
        let denied = |configured: Vec<(String, Policy)>| {
            let policies = Policies::new(configured, Defaults::default()).expect("different names");
            policies.counts(&counted).iter().map(|verdict| *verdict != Verdict::Admitted).collect::<Vec<_>>()
        };
        let before = denied(configured.clone());
        let after = denied(configured.into_iter().chain([policy("further", &further).expect("a policy")]).collect());
        prop_assert!(before.iter().zip(&after).all(|(before, after)| before <= after));
    }
}
