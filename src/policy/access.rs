//! Networks, ports, deletion and secrets.

use super::{Court, Subject, listed};
use crate::model::policy::{DeletionRules, Networks, PolicySpec, Ports, Secrets};
use crate::model::spec::{DeletionPolicy, NetworkMode, Port};

pub(super) fn judge(rules: &PolicySpec, subject: &Subject<'_>, court: &mut Court<'_>) {
    judge_network(&rules.networks, subject, court);
    for (index, port) in subject.container.ports.iter().enumerate() {
        judge_port(&rules.ports, port, index, court);
    }
    judge_deletion(&rules.deletion, subject, court);
}

fn judge_network(rules: &Networks, subject: &Subject<'_>, court: &mut Court<'_>) {
    let asked = &subject.workspace.spec.network;
    if let Some(modes) = &rules.modes
        && !modes.contains(&asked.mode)
    {
        let message = format!("the network mode `{}` is not allowed", mode(asked.mode));
        let help = listed(&modes.iter().copied().map(mode).collect::<Vec<_>>());
        court.deny("networks.modes", "spec.network.mode", message, help);
    }
    if let (Some(groups), NetworkMode::Group) = (&rules.groups, asked.mode) {
        let group = asked.group.as_ref().map(ToString::to_string).unwrap_or_default();
        if !groups.iter().any(|pattern| pattern.matches(&group)) {
            let message = format!("the group `{group}` is not allowed");
            court.deny("networks.groups", "spec.network.group", message, listed(groups));
        }
    }
}

const fn mode(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::Isolated => "Isolated",
        NetworkMode::Group => "Group",
        NetworkMode::Internal => "Internal",
        NetworkMode::None => "None",
    }
}

fn judge_port(rules: &Ports, port: &Port, index: usize, court: &mut Court<'_>) {
    let field = format!("spec.ports[{index}]");
    if !rules.publish {
        court.deny("ports.publish", field, "ports may not be published".to_owned(), "leave `ports` out");
        return;
    }
    if let Some(ranges) = &rules.host_ports {
        match port.host {
            Some(host) if ranges.iter().any(|range| range.contains(host.into())) => {}
            Some(host) => {
                let message = format!("the port {host} of the host is not allowed");
                court.deny("ports.hostPorts", format!("{field}.host"), message, listed(ranges));
            }
            None => {
                let message = "which port of the host the engine picks cannot be known".to_owned();
                court.deny("ports.hostPorts", &field, message, format!("name one with `host`; {}", listed(ranges)));
            }
        }
    }
    if let Some(ranges) = &rules.addresses
        && !ranges.iter().any(|range| range.contains(port.host_ip))
    {
        let message = format!("ports may not be published on the address {}", port.host_ip);
        court.deny("ports.addresses", format!("{field}.hostIP"), message, listed(ranges));
    }
}

fn judge_deletion(rules: &DeletionRules, subject: &Subject<'_>, court: &mut Court<'_>) {
    let name = |policy: DeletionPolicy| match policy {
        DeletionPolicy::Delete => "Delete",
        DeletionPolicy::Stop => "Stop",
        DeletionPolicy::Orphan => "Orphan",
    };
    let asked = &subject.workspace.spec;
    if let Some(policies) = &rules.policies
        && !policies.contains(&asked.deletion_policy)
    {
        let message = format!("the deletion policy `{}` is not allowed", name(asked.deletion_policy));
        let help = listed(&policies.iter().copied().map(name).collect::<Vec<_>>());
        court.deny("deletion.policies", "spec.deletionPolicy", message, help);
    }
    if asked.delete_volumes && !rules.delete_volumes {
        let message = "volumes may not be deleted with the workspace".to_owned();
        court.deny("deletion.deleteVolumes", "spec.deleteVolumes", message, "set it to `false`, or leave it out");
    }
}

pub(super) fn judge_secrets(rules: &Secrets, secrets: &[(&str, &str)], court: &mut Court<'_>) {
    let Some(allow) = &rules.allow else { return };
    for (name, field) in secrets.iter().copied() {
        if !allow.iter().any(|pattern| pattern.matches(name)) {
            let message = format!("the secret `{}` is not allowed", name.escape_debug());
            court.deny("secrets.allow", field, message, listed(allow));
        }
    }
}
