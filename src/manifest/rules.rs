//! What no schema can say: fields that exclude or need each other, and things given twice.
//!
//! Each rule reads only the part of the document it is about, and leaves a part that does not have its form to the
//! check of the form. So all errors of a document are found at once.

pub(super) mod configuration;
mod monitoring;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::report::Report;
use super::suggest::{all_of, shown, shown_key};
use crate::model::Name;
use crate::model::period::Period;
use crate::model::quantity::Memory;
use crate::model::reference::AbsolutePath;
use crate::model::spec::{Backoff, NetworkMode, Port, Project};
use crate::yaml::{Node, Position, Scalar, ScalarKind, Value, from_node};

/// What the engine asks for at least.
pub(super) const LEAST_MEMORY: Memory = Memory::from_bytes(6 << 20);

/// Reports every broken rule.
pub(super) fn check(document: &Node, report: &mut Report<'_>) {
    labels(document, report);
    let Some(spec) = document.get("spec") else { return };
    environment(spec, report);
    volumes(spec, report);
    mount_paths(spec, report);
    ports(spec, report);
    network(spec, report);
    times(spec, report);
    delays(spec, report);
    memory(spec, report);
    monitoring::check(spec, report);
    dependencies(document, spec, report);
}

/// One item of a list, and its path.
struct Item<'a> {
    path: String,
    node: &'a Node,
}

impl Item<'_> {
    /// A claim on the value of one of its fields; `None` without a well-formed value.
    fn claim<T: DeserializeOwned>(&self, field: &str) -> Option<Claim<T>> {
        let key = part(self.node, &[field])?;
        Some(Claim { key, path: format!("{}.{field}", self.path), at: place(self.node, &[field]) })
    }

    /// Those of the fields that have a value.
    fn given<'b>(&self, fields: &[&'b str]) -> Vec<&'b str> {
        fields.iter().copied().filter(|field| has_value(self.node, field)).collect()
    }
}

/// The items of a list that are mappings; others are left to the check of the form.
fn items<'a>(spec: &'a Node, field: &str) -> Vec<Item<'a>> {
    items_below(spec, field, "spec")
}

/// The same for a list that is not directly in the spec: `path` is where its parent is.
fn items_below<'a>(parent: &'a Node, field: &str, path: &str) -> Vec<Item<'a>> {
    let nodes = parent.get(field).map_or(&[][..], Node::items).iter().enumerate();
    nodes
        .filter(|(_, node)| matches!(node.value, Value::Mapping(_)))
        .map(|(index, node)| Item { path: format!("{path}.{field}[{index}]"), node })
        .collect()
}

/// Whether a field is there and not null.
fn has_value(node: &Node, field: &str) -> bool {
    node.get(field).is_some_and(|node| !matches!(node.value, Value::Scalar(Scalar { kind: ScalarKind::Null, .. })))
}

/// The typed value of what is below `node`; `None` when it is left out or does not have its form.
fn part<T: DeserializeOwned>(node: &Node, fields: &[&str]) -> Option<T> {
    let node = fields.iter().try_fold(node, |node, field| node.get(field))?;
    from_node(node).ok()
}

/// The place of what is below `node`; of the nearest thing around it, when it is left out.
fn place(node: &Node, fields: &[&str]) -> Position {
    match fields {
        [first, rest @ ..] => node.get(first).map_or(node.at, |below| place(below, rest)),
        [] => node.at,
    }
}

/// Something that must be unique, and where it is.
struct Claim<K> {
    key: K,
    path: String,
    at: Position,
}

fn refuse_repeats<K: Ord>(
    claims: impl IntoIterator<Item = Claim<K>>,
    report: &mut Report<'_>,
    help: &str,
    message: impl Fn(&K) -> String,
) {
    let mut lines: BTreeMap<K, usize> = BTreeMap::new();
    for Claim { key, path, at } in claims {
        if report.is_full() {
            return;
        }
        match lines.get(&key) {
            Some(line) => report.add(at, path, format!("{}, first on line {line}", message(&key)), help),
            None => drop(lines.insert(key, at.line)),
        }
    }
}

/// Kubernetes' syntax, so that `-l key=value` needs no quoting and labels can be taken over from there.
/// Source: <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.
fn labels(document: &Node, report: &mut Report<'_>) {
    let labels = document.get("metadata").and_then(|metadata| metadata.get("labels"));
    let Some(Value::Mapping(pairs)) = labels.map(|labels| &labels.value) else { return };
    for (key, value) in pairs {
        let Some(name) = key.as_text() else { continue };
        let path = format!("metadata.labels.{}", shown_key(name));
        let (prefix, word) = name.rsplit_once('/').unwrap_or(("prefix", name));
        if !is_label_word(word) || !is_label_prefix(prefix) {
            let message = format!("`{}` cannot be the key of a label", shown_key(name));
            report.add(key.at, &path, message, format!("{LABEL_HELP}; a domain and `/` may precede them"));
        }
        if value.as_text().is_some_and(|text| !is_label_word(text)) {
            report.add(value.at, &path, format!("`{path}` has a value that labels cannot have"), LABEL_HELP);
        }
    }
}

const LABEL_HELP: &str =
    "use at most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit";

fn is_label_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    edge(bytes.first()) && edge(bytes.last()) && bytes.len() <= 63 && bytes.iter().all(inner)
}

fn is_label_prefix(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|part| part.parse::<Name>().is_ok())
}

fn environment(spec: &Node, report: &mut Report<'_>) {
    let variables = items(spec, "env");
    for item in &variables {
        let Item { path, node } = item;
        let (message, help) = match item.given(&["value", "valueFrom"]).len() {
            0 => ("has neither `value` nor `valueFrom`", "add one of them; an empty value is written `value: \"\"`"),
            1 => continue,
            _ => ("has both `value` and `valueFrom`", "keep one of them"),
        };
        report.add(node.at, path, format!("`{path}` {message}"), help);
    }
    for Item { path, node } in &variables {
        let Some(from) = node.get("valueFrom").filter(|from| matches!(from.value, Value::Mapping(_))) else { continue };
        let (found, help) = match (has_value(from, "file"), has_value(from, "secretRef")) {
            (true, false) | (false, true) => continue,
            (false, false) => ("neither", "add one of them"),
            (true, true) => ("both", "keep one of them"),
        };
        let path = format!("{path}.valueFrom");
        let message = format!("`{path}` needs exactly one of `file` and `secretRef`, found {found}");
        report.add(from.at, path, message, help);
    }
    let claims = variables.iter().filter_map(|item| item.claim::<String>("name"));
    refuse_repeats(claims, report, "keep one of them", |name| {
        // Only what is a name is shown, as in the check of the form.
        format!("the variable `{}` is set twice", shown_key(name))
    });
}

fn volumes(spec: &Node, report: &mut Report<'_>) {
    let volumes = items(spec, "volumes");
    for item in &volumes {
        let Item { path, node } = item;
        let given = item.given(&["name", "tmpfs", "hostPath", "secret"]);
        let (found, help) = match given.as_slice() {
            [_] => continue,
            [] if node.get("tmpfs").is_some() => ("none".to_owned(), "for the default size write `tmpfs: {}`"),
            [] => ("none".to_owned(), "add one of them"),
            _ => (all_of(given), "keep one of them"),
        };
        let message = format!("`{path}` needs exactly one of `name`, `tmpfs`, `hostPath` and `secret`, found {found}");
        report.add(node.at, path, message, help);
    }
    for Item { path, node } in volumes.iter().filter(|item| has_value(item.node, "secret")) {
        if let Some(false) = part::<bool>(node, &["readOnly"]) {
            let path = format!("{path}.readOnly");
            let message = format!("`{path}` is false, and secrets can only be read");
            report.add(place(node, &["readOnly"]), path, message, "leave it out");
        }
    }
    let claims = volumes.iter().filter_map(|item| item.claim::<Name>("name"));
    let help = "mount a volume once, or give each its own name";
    refuse_repeats(claims, report, help, |name| format!("the volume `{name}` is mounted twice"));
}

fn mount_paths(spec: &Node, report: &mut Report<'_>) {
    let project = spec.get("project").filter(|node| matches!(node.value, Value::Mapping(_))).map(|project| Claim {
        key: part(project, &["mountPath"])
            .map_or_else(|| Project::DEFAULT_MOUNT_PATH.to_owned(), |path| plain_path(&path)),
        path: "spec.project.mountPath".to_owned(),
        at: place(project, &["mountPath"]),
    });
    let volumes = items(spec, "volumes").into_iter().filter_map(|item| {
        let Claim { key, path, at } = item.claim("mountPath")?;
        Some(Claim { key: plain_path(&key), path, at })
    });
    let (whole, below): (Vec<_>, Vec<_>) = project.into_iter().chain(volumes).partition(|claim| claim.key == "/");
    for Claim { path, at, .. } in whole {
        let message = format!("`{path}` is `/`, which would hide the whole image");
        report.add(at, path, message, "mount it on a directory below");
    }
    let help = "give each mount its own `mountPath`";
    refuse_repeats(below, report, help, |path| format!("two mounts at `{}`", shown(path)));
}

/// `/a/`, `//a` and `/./a` are `/a` to the kernel.
fn plain_path(path: &AbsolutePath) -> String {
    let parts: Vec<&str> = path.as_str().split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    format!("/{}", parts.join("/"))
}

fn ports(spec: &Node, report: &mut Report<'_>) {
    let ports = items(spec, "ports").into_iter().filter_map(|item| Some((part::<Port>(item.node, &[])?, item)));
    let (fixed, free): (Vec<_>, Vec<_>) = ports.partition(|(port, _)| port.host.is_some());
    let mut taken: BTreeMap<_, Vec<(IpAddr, usize)>> = BTreeMap::new();
    for (port, Item { path, node }) in fixed {
        let at = place(node, &["host"]);
        let earlier = taken.entry((port.host, port.protocol)).or_default();
        if let Some((_, line)) = earlier.iter().find(|(address, _)| overlap(*address, port.host_ip)) {
            let (host, protocol) = (port.host.unwrap_or_default(), port.protocol.as_str());
            let message = format!("port {host}/{protocol} of the host is published twice, first on line {line}");
            report.add(at, format!("{path}.host"), message, "use another `host` port or `hostIP`");
        }
        earlier.push((port.host_ip, at.line));
    }
    let claims = free.into_iter().map(|(port, Item { path, node })| Claim {
        key: (port.container, port.protocol, port.host_ip),
        path: format!("{path}.container"),
        at: place(node, &["container"]),
    });
    refuse_repeats(claims, report, "keep one of them, or add `host`", |(port, protocol, _)| {
        format!("port {port}/{} of the container is published twice", protocol.as_str())
    });
}

/// A socket on every address of a family leaves none of them to another one.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified())
}

fn network(spec: &Node, report: &mut Report<'_>) {
    let network = spec.get("network");
    let mode = match network.and_then(|network| network.get("mode")) {
        None => NetworkMode::default(),
        Some(node) => match from_node(node) {
            Ok(mode) => mode,
            Err(_) => return,
        },
    };
    let has_group = network.is_some_and(|network| has_value(network, "group"));
    if mode == NetworkMode::Group && !has_group {
        let message = "`spec.network.mode` is `Group` and `spec.network.group` is missing".to_owned();
        report.add(place(spec, &["network", "mode"]), "spec.network.group", message, "name the group");
    }
    if mode != NetworkMode::Group && has_group {
        let message = format!("`spec.network.group` is given and `spec.network.mode` is `{mode:?}`");
        let help = "use mode `Group`, or leave the group out";
        report.add(place(spec, &["network", "group"]), "spec.network.group", message, help);
    }
    let publishes = !matches!(mode, NetworkMode::Internal | NetworkMode::None);
    if let Some(ports) = spec.get("ports").filter(|ports| !publishes && !ports.items().is_empty()) {
        let message = format!("ports cannot be published with `spec.network.mode` `{mode:?}`");
        report.add(ports.at, "spec.ports", message, "use mode `Isolated` or `Group`, or leave the ports out");
    }
}

/// The shortest times that make sense.
fn times(spec: &Node, report: &mut Report<'_>) {
    for (fields, least) in [
        // The engine takes zero for "the image's own".
        (&["healthCheck", "interval"][..], Duration::from_secs(1)),
        (&["healthCheck", "timeout"], Duration::from_millis(1)),
        // In no time at all no restart would be counted, and the budget would never be spent.
        (&["recovery", "window"], Duration::from_secs(1)),
        // Without a delay, what fails at once would be tried again without end.
        (&["recovery", "backoff", "initial"], Duration::from_millis(100)),
    ] {
        let Some(value) = part::<Period>(spec, fields).filter(|value| value.duration() < least) else { continue };
        let path = format!("spec.{}", fields.join("."));
        let message = format!("`{path}` is `{value}`, which is too short");
        report.add(place(spec, fields), &path, message, format!("use at least `{least:?}`"));
    }
}

fn delays(spec: &Node, report: &mut Report<'_>) {
    let Some(backoff) = spec.get("recovery").and_then(|recovery| part::<Backoff>(recovery, &["backoff"])) else {
        return;
    };
    let Backoff { initial, max, .. } = backoff;
    if initial > max {
        let path = "spec.recovery.backoff.max";
        let message = format!("`{path}` is `{max}`, shorter than the first delay `{initial}`");
        report.add(place(spec, &["recovery", "backoff", "max"]), path, message, format!("use at least `{initial}`"));
    }
}

fn memory(spec: &Node, report: &mut Report<'_>) {
    let fields = ["resources", "memory"];
    let Some(memory) = part::<Memory>(spec, &fields).filter(|memory| *memory < LEAST_MEMORY) else { return };
    let message = format!("`spec.resources.memory` is `{memory}`, less than the engine accepts");
    report.add(place(spec, &fields), "spec.resources.memory", message, format!("use at least `{LEAST_MEMORY}`"));
}

fn dependencies(document: &Node, spec: &Node, report: &mut Report<'_>) {
    let own: Option<Name> = part(document, &["metadata", "name"]);
    let nodes = spec.get("dependsOn").map_or(&[][..], Node::items).iter().enumerate();
    let (itself, others): (Vec<_>, Vec<_>) = nodes
        .filter_map(|(index, node)| {
            Some(Claim { key: from_node::<Name>(node).ok()?, path: format!("spec.dependsOn[{index}]"), at: node.at })
        })
        .partition(|claim| Some(&claim.key) == own.as_ref());
    for Claim { path, at, .. } in itself {
        let message = "the workspace depends on itself, so it could never start".to_owned();
        report.add(at, path, message, "remove its own name");
    }
    refuse_repeats(others, report, "keep one of them", |name| format!("the dependency `{name}` is named twice"));
}
