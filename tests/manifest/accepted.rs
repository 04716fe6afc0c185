//! What is accepted: every manifest of `manifests/`, JSON, and the forms that people use.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use wharf::manifest::{Manifest, parse, schemas};
use wharf::model::spec::{Monitoring, NetworkMode, Threshold, ThresholdMetric, WorkspaceSpec};
use wharf::model::{Name, Workspace};

use super::{rendered, repository};

fn spec(text: &str) -> WorkspaceSpec {
    let text = format!("apiVersion: wharf/v1\nkind: Workspace\nmetadata: {{name: box}}\nspec:\n{text}");
    only(&parse("a.yaml", text.as_bytes())).spec
}

fn only(manifest: &Manifest) -> Workspace {
    assert_eq!(rendered(manifest), "");
    assert_eq!((manifest.documents.len(), manifest.mentioned.len()), (1, 0));
    manifest.documents[0].outcome.clone().expect("valid")
}

/// Of `manifests/`, by file name.
fn examples() -> BTreeMap<String, Workspace> {
    let entries = fs::read_dir(repository("manifests")).expect("the directory exists");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let file = path.file_name().expect("a file").to_string_lossy().into_owned();
            let workspace = only(&parse(&file, &fs::read(&path).expect("readable")));
            (file, workspace)
        })
        .collect()
}

#[test]
fn the_examples_are_valid_together() {
    let examples = examples();
    assert!(examples.len() >= 9, "only {} examples", examples.len());
    let names: BTreeSet<&Name> = examples.values().map(|workspace| &workspace.metadata.name).collect();
    assert_eq!(names.len(), examples.len(), "two examples have one name");
    let mut host_ports = BTreeSet::new();
    for (file, Workspace { metadata, spec, .. }) in &examples {
        assert_eq!(file, &format!("{}.yaml", metadata.name));
        for name in &spec.depends_on {
            assert!(names.contains(name), "{file} depends on `{name}`, which is no example");
        }
        for port in &spec.ports {
            assert!(port.host_ip.is_loopback(), "{file} is open to other machines");
            assert!(host_ports.insert((port.host, port.protocol)), "{file} wants a port that another example has");
        }
    }
}

#[test]
fn the_examples_explain_themselves() {
    for file in examples().keys() {
        let text = fs::read_to_string(repository("manifests").join(file)).expect("readable");
        let first = text.lines().next().expect("not empty");
        assert_eq!(first, "# yaml-language-server: $schema=../schemas/workspace.schema.json", "{file}");
        let comments = text.lines().filter(|line| line.contains("# ")).count();
        assert!(comments >= 5, "{file} has {comments} comments");
        // A directory that is not there is not a surprise when the file says to make it.
        for path in text.lines().filter_map(|line| line.trim().strip_prefix("path: ./")) {
            let path = path.split_whitespace().next().expect("a path");
            assert!(text.contains(&format!("mkdir -p {path}")), "{file} does not say how to make {path}");
        }
    }
}

#[test]
fn the_agent_sandboxes_are_tight() {
    let examples = examples();
    let offline = &examples["agent-offline.yaml"].spec;
    assert_eq!(offline.network.mode, NetworkMode::None);
    for spec in [offline, &examples["agent-online.yaml"].spec] {
        assert!(spec.security.read_only_root_filesystem && spec.security.no_new_privileges);
        assert!(spec.security.capabilities.add.is_empty());
        assert!(spec.resources.cpu.is_some() && spec.resources.memory.is_some() && spec.resources.pids.is_some());
    }
}

#[test]
fn the_schemas_are_up_to_date() {
    for (file, schema) in schemas() {
        let committed = fs::read_to_string(repository("schemas").join(file)).unwrap_or_default();
        let generated = format!("{schema:#}\n");
        assert!(committed == generated, "schemas/{file} is out of date: run `wharf schema --write schemas`");
    }
}

#[test]
fn a_file_without_documents_is_valid_and_declares_nothing() {
    for text in ["# comment\n", "---\n", "---\n# one\n---\n# two\n...\n", "\u{feff}# comment"] {
        let manifest = parse("a.yaml", text.as_bytes());
        assert_eq!(manifest, Manifest::default(), "{text:?}");
    }
}

#[test]
fn json_is_yaml() {
    let workspace = Workspace { spec: spec("  image: debian:12\n  args: [a, \"1\"]\n"), ..example() };
    for text in [serde_json::to_string(&workspace), serde_json::to_string_pretty(&workspace)] {
        let text = text.expect("has a JSON form");
        assert_eq!(only(&parse("a.json", text.as_bytes())), workspace);
        assert_eq!(only(&parse("a.json", text.replace("  ", "\t").as_bytes())), workspace);
    }
}

fn example() -> Workspace {
    only(&parse("a.yaml", b"{apiVersion: wharf/v1, kind: Workspace, metadata: {name: box}, spec: {image: a}}"))
}

#[test]
fn forms_that_people_use() {
    let windows =
        "\u{feff}apiVersion: wharf/v1\r\nkind: Workspace\r\nmetadata:\r\n  name: box\r\nspec:\r\n  image: a\r\n";
    assert_eq!(only(&parse("a.yaml", windows.as_bytes())), example());
    let spec = spec(
        "  image: 'registry.example:5000/a/b:c'\n  resources: {cpu: 1.5, memory: 1073741824}\n  user: '1000'\n  \
         args:\n  - &x |\n    several\n    lines\n  - *x\n  - yes\n  healthCheck:\n  hostname: ~\n",
    );
    assert_eq!(spec.resources.cpu.map(|cpu| cpu.to_string()), Some("1500m".to_owned()));
    assert_eq!(spec.resources.memory.map(|memory| memory.to_string()), Some("1Gi".to_owned()));
    assert_eq!(spec.args, ["several\nlines\n", "several\nlines\n", "yes"]);
    assert_eq!((spec.health_check, spec.hostname), (None, None));
}

#[test]
fn what_looks_like_a_conflict_and_is_none() {
    spec(
        "  image: a\n  ports:\n  - {container: 80, host: 1}\n  - {container: 80, host: 2}\n  - {container: 80}\n  \
         - {container: 80, host: 1, protocol: udp}\n  - {container: 80, host: 1, hostIP: 127.0.0.2}\n  \
         - {container: 80, host: 1, hostIP: '::1'}\n  volumes:\n  - {name: a, mountPath: /a}\n  \
         - {hostPath: /srv, mountPath: /a/b}\n  - {tmpfs: {}, mountPath: /aa}\n  network: {mode: Group, group: g}\n",
    );
    spec("  image: a\n  network: {mode: None}\n  ports: []\n");
}

#[test]
fn thresholds_as_people_write_them() {
    let monitoring = spec(
        "  image: a\n  monitoring:\n    interval: 1m\n    thresholds:\n    - {metric: cpu, above: 90%, for: 5m, clearBelow: 80%}\n    \
         - {metric: network, above: 10Mi}\n    - {metric: block, above: 1000000, clearBelow: 1000000}\n",
    )
    .monitoring;
    assert_eq!(monitoring.interval.map(|interval| interval.to_string()), Some("1m".to_owned()));
    let shown = |threshold: &Threshold| {
        let Threshold { metric, above, lasting, .. } = threshold;
        format!("{metric} {above} {lasting} {}", threshold.clears_below())
    };
    let shown: Vec<String> = monitoring.thresholds.iter().map(shown).collect();
    assert_eq!(shown, ["cpu 90% 5m 80%", "network 10Mi 0s 9Mi", "block 1M 0s 1M"]);
    assert_eq!(monitoring.thresholds[0].metric, ThresholdMetric::Cpu);
    let unsaid = spec("  image: a\n");
    assert_eq!(unsaid.monitoring, Monitoring::default());
    assert!(!serde_json::to_string(&unsaid).expect("JSON").contains("monitoring"), "older versions refuse the field");
}
