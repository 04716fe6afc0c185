//! Which objects of an instance belong to nobody. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::Scope;
use crate::engine::NetworkSummary;
use crate::model::spec::Network;
use crate::model::{Instance, Name, Uid, labels};

/// What is known of the workspaces of a source.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Those that are remembered, each with its UID and the network that it is on. A UID is remembered before there is an object that
    /// carries it.
    pub remembered: BTreeMap<Name, (Uid, Network)>,
    /// Names that a manifest declares or, being broken, may declare.
    pub mentioned: BTreeSet<String>,
    /// A place of the source that cannot be read, and so may declare anything.
    pub unreadable: Option<String>,
}

/// What is to be said of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belonging {
    /// To a workspace that is known.
    Known,
    /// To nobody; why.
    Orphan(String),
    /// Perhaps to somebody, so that it is left alone; why.
    Unclear(String),
}

/// To whom a container or a volume belongs, by its labels.
pub fn belonging(found: &BTreeMap<String, String>, instance: &Instance, known: &Known) -> Belonging {
    let label = |key| found.get(key).map(String::as_str);
    if label(labels::INSTANCE) != Some(instance.as_str()) {
        return Belonging::Unclear(format!("it does not belong to instance {instance}"));
    }
    let (Some(workspace), Some(uid)) = (label(labels::WORKSPACE), label(labels::UID)) else {
        return Belonging::Unclear(format!("it lacks the label {} or {}", labels::WORKSPACE, labels::UID));
    };
    if known.remembered.values().any(|(own, _)| own.as_str() == uid) {
        return Belonging::Known;
    }
    let remembered = workspace.parse::<Name>().is_ok_and(|name| known.remembered.contains_key(&name));
    if remembered {
        return Belonging::Orphan(format!("it is of an earlier life of workspace {workspace}"));
    }
    // A controller whose memory was lost takes it over as soon as it runs.
    if known.mentioned.contains(workspace) {
        return Belonging::Unclear(format!(
            "a manifest declares workspace {workspace}, which no controller has taken up yet"
        ));
    }
    match &known.unreadable {
        Some(place) => Belonging::Unclear(format!("{place} cannot be read and may declare workspace {workspace}")),
        None => Belonging::Orphan(format!("no manifest declares workspace {workspace}, and it is not remembered")),
    }
}

/// Whether nobody needs a network once the containers of these names are gone.
pub fn is_unused(network: &NetworkSummary, instance: &Instance, known: &Known, orphans: &BTreeSet<String>) -> bool {
    let ours = network.labels.get(labels::INSTANCE).is_some_and(|own| own == instance.as_str());
    let needed = known.remembered.values().any(|(_, spec)| is_network_of(&network.name, spec, instance));
    ours && !needed && network.containers.iter().all(|container| orphans.contains(container))
}

/// Whether a network has the name that a workspace's has, whatever prefix names have.
fn is_network_of(name: &str, spec: &Network, instance: &Instance) -> bool {
    let Ok(prefix) = "x".parse::<Name>() else { return true };
    let scope = Scope { instance: instance.clone(), prefix };
    scope.network(spec).is_some_and(|own| own.name.strip_prefix('x').is_some_and(|rest| name.ends_with(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::NetworkMode;

    fn known() -> Known {
        let network = Network { mode: NetworkMode::Isolated, group: None };
        Known {
            remembered: BTreeMap::from([("a".parse().expect("a name"), (Uid::new("1"), network))]),
            mentioned: BTreeSet::from(["new".to_owned()]),
            unreadable: None,
        }
    }

    fn ours() -> Instance {
        "ours".parse().expect("valid")
    }

    fn said(labels: &[(&str, &str)], known: &Known) -> String {
        let labels = labels.iter().map(|(key, value)| (format!("wharf.{key}"), (*value).to_owned())).collect();
        match belonging(&labels, &ours(), known) {
            Belonging::Known => "known".to_owned(),
            Belonging::Orphan(why) => format!("orphan: {why}"),
            Belonging::Unclear(why) => format!("unclear: {why}"),
        }
    }

    #[test]
    fn only_what_nobody_can_mean_is_an_orphan() {
        let whole = known();
        let broken = Known { unreadable: Some("team".to_owned()), ..known() };
        let of =
            |workspace: &'static str, uid: &'static str| [("instance", "ours"), ("workspace", workspace), ("uid", uid)];
        for (labels, known, expected) in [
            (&of("a", "1")[..], &whole, "known"),
            (&of("renamed", "1"), &whole, "known"),
            (&of("a", "2"), &whole, "orphan: it is of an earlier life of workspace a"),
            (&of("b", "2"), &whole, "orphan: no manifest declares workspace b, and it is not remembered"),
            (
                &of("new", "2"),
                &whole,
                "unclear: a manifest declares workspace new, which no controller has taken up yet",
            ),
            (&of("b", "2"), &broken, "unclear: team cannot be read and may declare workspace b"),
            (&of("a", "2"), &broken, "orphan: it is of an earlier life of workspace a"),
            (
                &[("instance", "ours"), ("workspace", "b")],
                &whole,
                "unclear: it lacks the label wharf.workspace or wharf.uid",
            ),
            (
                &[("instance", "theirs"), ("workspace", "b"), ("uid", "2")],
                &whole,
                "unclear: it does not belong to instance ours",
            ),
            (&[], &whole, "unclear: it does not belong to instance ours"),
        ] {
            assert_eq!(said(labels, known), expected, "{labels:?}");
        }
    }

    #[test]
    fn a_network_is_unused_when_nobody_is_on_it_or_will_be() {
        let network = |name: &str, instance: &str, containers: &[&str]| NetworkSummary {
            name: name.to_owned(),
            labels: BTreeMap::from([(labels::INSTANCE.to_owned(), instance.to_owned())]),
            containers: containers.iter().map(|name| (*name).to_owned()).collect(),
        };
        let orphans = BTreeSet::from(["wharf-b".to_owned()]);
        for (network, expected) in [
            (network("wharf-ours.group.shop", "ours", &[]), true),
            (network("wharf-ours.group.shop", "ours", &["wharf-b"]), true),
            (network("wharf-ours.group.shop", "ours", &["wharf-b", "wharf-a"]), false),
            (network("wharf-ours.isolated", "ours", &[]), false),
            (network("other-prefix-ours.isolated", "ours", &[]), false),
            (network("wharf-ours.group.shop", "theirs", &[]), false),
        ] {
            assert_eq!(is_unused(&network, &ours(), &known(), &orphans), expected, "{network:?}");
        }
    }
}
