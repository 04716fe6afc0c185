//! Containers as the engine describes them, in Wharf's terms.
//!
//! These types take what Wharf needs and nothing else. bollard's own would refuse a whole list, or a whole container,
//! for one word that is newer than they are (a state, a mount type); here it is that container's state that is unknown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::engine::{ContainerDetail, ContainerSummary, Limits};
use crate::model::quantity::{Cpu, Memory};
use crate::model::status::{ContainerState, Health};

/// How a process ends that the kernel killed. The engine also tells that memory ran out when another process than the first was
/// killed, and goes on telling it during the next run.
const KILLED: i64 = 137;

/// One row of `GET /containers/json`. Go writes empty lists and maps as `null`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Row {
    id: String,
    names: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    state: Option<String>,
    status: Option<String>,
    network_settings: Option<NetworkSettings>,
}

/// `GET /containers/{id}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    id: String,
    name: String,
    image: String,
    created: Option<String>,
    state: State,
    config: Config,
    host_config: HostConfig,
    network_settings: NetworkSettings,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    #[serde(rename = "OOMKilled", default)]
    oom_killed: bool,
    exit_code: Option<i64>,
    error: Option<String>,
    started_at: Option<String>,
    finished_at: Option<String>,
    health: Option<HealthState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthState {
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: String,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    nano_cpus: Option<i64>,
    memory: Option<i64>,
    pids_limit: Option<i64>,
    restart_policy: Option<RestartPolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    name: Option<String>,
}

/// A row has only the networks.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_ip: Option<String>,
    host_port: Option<String>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
}

impl From<Row> for ContainerSummary {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            name: own_name(row.names.unwrap_or_default()),
            labels: row.labels.unwrap_or_default(),
            state: ContainerState::from_word(row.state.as_deref().unwrap_or_default()),
            health: health_in(row.status.as_deref().unwrap_or_default()),
            networks: row.network_settings.and_then(|it| it.networks).unwrap_or_default().into_keys().collect(),
        }
    }
}

impl From<Inspected> for ContainerDetail {
    fn from(seen: Inspected) -> Self {
        let state = ContainerState::from_word(&seen.state.status);
        let finished_at = time(seen.state.finished_at.as_deref());
        let ended = !matches!(state, ContainerState::Running | ContainerState::Paused) && finished_at.is_some();
        let restart = seen.host_config.restart_policy.and_then(|policy| policy.name).unwrap_or_default();
        let networks = seen.network_settings.networks.unwrap_or_default();
        Self {
            id: seen.id,
            name: without_slash(&seen.name),
            labels: seen.config.labels.unwrap_or_default(),
            image: seen.config.image,
            image_id: seen.image,
            state,
            health: seen.state.health.and_then(|health| health_of_word(health.status.as_deref()?)),
            exit_code: seen.state.exit_code.filter(|_| ended),
            oom_killed: ended && seen.state.oom_killed && seen.state.exit_code == Some(KILLED),
            error: seen.state.error.unwrap_or_default(),
            created_at: time(seen.created.as_deref()),
            started_at: time(seen.state.started_at.as_deref()),
            finished_at,
            limits: Limits {
                cpu: positive(seen.host_config.nano_cpus).map(Cpu::from_nanos),
                memory: positive(seen.host_config.memory).map(Memory::from_bytes),
                pids: positive(seen.host_config.pids_limit).map(|pids| u32::try_from(pids).unwrap_or(u32::MAX)),
            },
            engine_restarts: !matches!(restart.as_str(), "" | "no"),
            networks: networks.keys().cloned().collect(),
            ip: networks.into_values().filter_map(|endpoint| endpoint?.ip_address).find(|address| !address.is_empty()),
            ports: published(seen.network_settings.ports.unwrap_or_default()),
        }
    }
}

/// A container that others link to is also listed under their names, as `/other/alias`.
fn own_name(names: Vec<String>) -> String {
    names.into_iter().map(|name| without_slash(&name)).find(|name| !name.contains('/')).unwrap_or_default()
}

fn without_slash(name: &str) -> String {
    name.strip_prefix('/').unwrap_or(name).to_owned()
}

/// Health in a row's words, as in `Up 3 minutes (healthy)`. While a container is paused they say `(Paused)` instead.
fn health_in(status: &str) -> Option<Health> {
    let (_, rest) = status.rsplit_once('(')?;
    let word = rest.strip_suffix(')')?;
    health_of_word(word.strip_prefix("health: ").unwrap_or(word))
}

/// From the engine's word; `none` means that there is no check.
pub(super) fn health_of_word(word: &str) -> Option<Health> {
    match word {
        "starting" => Some(Health::Starting),
        "healthy" => Some(Health::Healthy),
        "unhealthy" => Some(Health::Unhealthy),
        _ => None,
    }
}

/// Go's zero time, in the year 1, stands for never.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok().filter(|time| *time > Timestamp::UNIX_EPOCH)
}

/// The engine writes "no limit" as 0 or, for processes, as -1.
fn positive(limit: Option<i64>) -> Option<u64> {
    limit.and_then(|limit| u64::try_from(limit).ok()).filter(|limit| *limit > 0)
}

fn published(ports: BTreeMap<String, Option<Vec<Binding>>>) -> Vec<String> {
    let mut out: Vec<String> = ports
        .into_iter()
        .flat_map(|(port, bindings)| {
            bindings.unwrap_or_default().into_iter().map(move |binding| (port.clone(), binding))
        })
        .map(|(port, binding)| {
            let ip = binding.host_ip.unwrap_or_default();
            let ip = if ip.contains(':') { format!("[{ip}]") } else { ip };
            format!("{ip}:{}->{port}", binding.host_port.unwrap_or_default())
        })
        .collect();
    out.sort();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_with_an_unknown_state_is_a_row() {
        let text = r#"{"Id": "a", "Names": ["/b/alias", "/a"], "Labels": null, "State": "dreaming", "Status": "Dreaming", "Mounts": [{"Type": "hologram"}]}"#;
        let row: ContainerSummary = serde_json::from_str::<Row>(text).expect("read").into();
        assert_eq!((row.name.as_str(), row.state, row.health), ("a", ContainerState::Unknown, None));
        assert!(row.networks.is_empty(), "not told");
    }

    #[test]
    fn memory_ended_a_run_only_when_the_kernel_killed_its_first_process() {
        for (status, code, expected) in [("exited", 137, true), ("exited", 3, false), ("running", 0, false)] {
            let text = format!(
                r#"{{"Id": "a", "Name": "/a", "Image": "sha256:1",
                "State": {{"Status": "{status}", "OOMKilled": true, "ExitCode": {code}, "FinishedAt": "2026-01-02T03:04:05.6Z"}},
                "Config": {{"Image": "a:1"}}, "HostConfig": {{}}, "NetworkSettings": {{}}}}"#
            );
            let seen: ContainerDetail = serde_json::from_str::<Inspected>(&text).expect("read").into();
            assert_eq!(seen.oom_killed, expected, "{status} {code}");
        }
    }

    #[test]
    fn health_in_words() {
        for (status, expected) in [
            ("Up 5 seconds (health: starting)", Some(Health::Starting)),
            ("Up 2 hours (healthy)", Some(Health::Healthy)),
            ("Up 2 hours (unhealthy)", Some(Health::Unhealthy)),
            ("Up 2 hours (Paused)", None),
            ("Exited (0) 3 minutes ago", None),
            ("", None),
        ] {
            assert_eq!(health_in(status), expected, "{status}");
        }
    }

    #[test]
    fn a_start_that_failed_is_not_a_run() {
        let text = r#"{"Id": "a", "Name": "/a", "Image": "sha256:1", "Created": "2026-01-02T03:04:05.6Z",
            "State": {"Status": "created", "ExitCode": 127, "Error": "no such file", "StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"},
            "Config": {"Image": "a:1", "Labels": null},
            "HostConfig": {"NanoCpus": 0, "Memory": 0, "PidsLimit": -1, "RestartPolicy": {"Name": "always"}},
            "NetworkSettings": {"Ports": {"1/tcp": null, "9/udp": [{"HostIp": "::1", "HostPort": "9"}, {"HostIp": "127.0.0.1", "HostPort": "9"}]},
                "Networks": {"a": {"IPAddress": ""}, "b": {"IPAddress": "10.0.0.2"}}}}"#;
        let seen: ContainerDetail = serde_json::from_str::<Inspected>(text).expect("read").into();
        assert_eq!((seen.exit_code, seen.started_at, seen.finished_at), (None, None, None));
        assert_eq!(seen.created_at.map(Timestamp::as_second), Some(1_767_323_045));
        assert_eq!((seen.error.as_str(), seen.limits), ("no such file", Limits::default()));
        assert!(seen.engine_restarts);
        assert_eq!(seen.ports, ["127.0.0.1:9->9/udp", "[::1]:9->9/udp"]);
        assert_eq!((seen.networks, seen.ip.as_deref()), (vec!["a".to_owned(), "b".to_owned()], Some("10.0.0.2")));
    }
}
