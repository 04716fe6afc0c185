//! Networks with their containers, and how a container was made.
//!
//! The types take what is needed and nothing else, as those of `answer`. Values of environments are compared here, and go no further.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::answer::Row;
use super::failure::Call;
use super::transport::encoded;
use super::{Docker, of_instance, patience, safe};
use crate::engine::{
    ContainerSummary, DescribedCheck, DescribedMount, DescribedSource, Description, EngineError, Limits,
    NetworkSummary, ObjectKind, Survey,
};
use crate::model::Instance;
use crate::model::quantity::{Cpu, Memory};
use crate::model::spec::{Port, Protocol};

/// What the engine gives where nothing is said, in bytes.
const DEFAULT_SHM: u64 = 64 << 20;

/// One row of `GET /networks`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Network {
    name: String,
    id: String,
    labels: Option<BTreeMap<String, String>>,
}

/// `GET /containers/{id}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
    name: String,
    image: String,
    config: Config,
    host_config: HostConfig,
    mounts: Option<Vec<Mounted>>,
}

/// `GET /images/{id}/json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    config: Option<Config>,
}

/// Of a container or an image.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Config {
    image: String,
    hostname: String,
    user: String,
    working_dir: String,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
    healthcheck: Option<Check>,
    stop_timeout: Option<u64>,
}

#[derive(Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    test: Option<Vec<String>>,
    interval: Option<i64>,
    timeout: Option<i64>,
    retries: Option<i64>,
    start_period: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct HostConfig {
    network_mode: String,
    port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
    cap_add: Option<Vec<String>>,
    cap_drop: Option<Vec<String>>,
    security_opt: Option<Vec<String>>,
    privileged: bool,
    readonly_rootfs: bool,
    runtime: String,
    shm_size: Option<u64>,
    nano_cpus: Option<i64>,
    memory: Option<i64>,
    pids_limit: Option<i64>,
    restart_policy: Option<Restart>,
    tmpfs: Option<BTreeMap<String, String>>,
    mounts: Option<Vec<Asked>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Restart {
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_ip: Option<String>,
    host_port: Option<String>,
}

/// What was asked for; only here are sizes told.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Asked {
    target: Option<String>,
    tmpfs_options: Option<TmpfsOptions>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TmpfsOptions {
    size_bytes: Option<u64>,
}

/// What is mounted.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Mounted {
    r#type: Option<String>,
    name: Option<String>,
    source: Option<String>,
    destination: String,
    #[serde(rename = "RW")]
    writable: Option<bool>,
}

impl Survey for Docker {
    async fn networks(&self, instance: &Instance) -> Result<Vec<NetworkSummary>, EngineError> {
        let call = Call::about(ObjectKind::Network, "list networks".to_owned());
        let path = format!("/networks?filters={}", encoded(&of_instance(instance)));
        let networks: Vec<Network> = self.run(&call, patience::QUICK, self.transport.get(&path)).await?;
        let mut found = Vec::new();
        for network in networks {
            // One that was never started is bound by name alone. A network itself tells only of what runs.
            let filters = json!({ "network": [network.name, network.id] }).to_string();
            let path = format!("/containers/json?all=1&filters={}", encoded(&filters));
            let rows: Vec<Row> = self.run(&call, patience::QUICK, self.transport.get(&path)).await?;
            let names: BTreeSet<String> = rows.into_iter().map(|row| ContainerSummary::from(row).name).collect();
            let labels = network.labels.unwrap_or_default();
            found.push(NetworkSummary { name: network.name, labels, containers: names.into_iter().collect() });
        }
        Ok(found)
    }

    async fn describe(&self, id_or_name: &str) -> Result<Description, EngineError> {
        let call = Call::about(ObjectKind::Container, format!("describe container `{}`", id_or_name.escape_debug()));
        let path = format!("/containers/{}/json", safe(&call, id_or_name)?);
        let made: Made = self.run(&call, patience::QUICK, self.transport.get(&path)).await?;
        let path = format!("/images/{}/json", encoded(&made.image));
        let image = match self.run(&call, patience::QUICK, self.transport.get::<Image>(&path)).await {
            Ok(image) => image.config.unwrap_or_default(),
            // Removed by force: then nothing can be said to be the image's.
            Err(EngineError::NotFound { .. }) => Config::default(),
            Err(error) => return Err(error),
        };
        Ok(description(made, &image))
    }
}

/// A container without what is its image's.
fn description(made: Made, image: &Config) -> Description {
    let Made { id, name, config, host_config: host, mounts, .. } = made;
    let own = |own: &str, images: &str| (!own.is_empty() && own != images).then(|| own.to_owned());
    let words = |own: Option<Vec<String>>, images: &Option<Vec<String>>| {
        Some(own.unwrap_or_default()).filter(|own| *own != images.clone().unwrap_or_default())
    };
    let has = |option: &str| host.security_opt.iter().flatten().any(|it| it.replace(':', "=").starts_with(option));
    let image_labels = image.labels.clone().unwrap_or_default();
    let labels = config.labels.unwrap_or_default();
    Description {
        labels: labels.into_iter().filter(|(key, value)| image_labels.get(key) != Some(value)).collect(),
        image: config.image,
        command: words(config.entrypoint, &image.entrypoint),
        args: words(config.cmd, &image.cmd),
        working_dir: own(&config.working_dir, &image.working_dir),
        user: own(&config.user, &image.user),
        // The engine's own choice is the beginning of the ID, or the host's name.
        hostname: Some(config.hostname)
            .filter(|it| !it.is_empty() && !id.starts_with(it) && host.network_mode != "host"),
        env: env_names(config.env, image.env.as_deref()),
        mounts: described_mounts(mounts.unwrap_or_default(), &host),
        ports: ports(host.port_bindings.unwrap_or_default()),
        limits: Limits {
            cpu: positive(host.nano_cpus).map(Cpu::from_nanos),
            memory: positive(host.memory).map(Memory::from_bytes),
            pids: positive(host.pids_limit).map(|pids| u32::try_from(pids).unwrap_or(u32::MAX)),
        },
        shm_size: host.shm_size.filter(|size| *size != DEFAULT_SHM && *size != 0),
        network: host.network_mode,
        privileged: host.privileged,
        no_new_privileges: has("no-new-privileges") && !has("no-new-privileges=false"),
        seccomp_unconfined: has("seccomp=unconfined"),
        read_only_root: host.readonly_rootfs,
        runtime: own(&host.runtime, "runc"),
        capabilities_added: host.cap_add.unwrap_or_default(),
        capabilities_dropped: host.cap_drop.unwrap_or_default(),
        health_check: config
            .healthcheck
            .filter(|check| Some(check) != image.healthcheck.as_ref())
            .and_then(described_check),
        restart: host
            .restart_policy
            .and_then(|it| it.name)
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| "no".to_owned()),
        stop_timeout: config.stop_timeout.map(Duration::from_secs),
        name: name.strip_prefix('/').unwrap_or(&name).to_owned(),
        id,
    }
}

fn env_names(own: Option<Vec<String>>, image: Option<&[String]>) -> Vec<String> {
    let image = image.unwrap_or_default();
    let own = own.unwrap_or_default().into_iter().filter(|variable| !image.contains(variable));
    let names: BTreeSet<String> =
        own.map(|variable| variable.split('=').next().unwrap_or_default().to_owned()).collect();
    names.into_iter().collect()
}

fn described_mounts(mounts: Vec<Mounted>, host: &HostConfig) -> Vec<DescribedMount> {
    let size_of = |target: &str| {
        let asked = host.mounts.iter().flatten().find(|asked| asked.target.as_deref() == Some(target))?;
        asked.tmpfs_options.as_ref()?.size_bytes.filter(|size| *size > 0)
    };
    let mut found: Vec<DescribedMount> = mounts.into_iter().map(|mount| described_mount(mount, size_of)).collect();
    // `docker run --tmpfs` is told here alone.
    for (target, options) in host.tmpfs.iter().flatten() {
        let size = options.split(',').find_map(|option| option.strip_prefix("size=")?.parse().ok());
        let read_only = options.split(',').any(|option| option == "ro");
        found.push(DescribedMount { source: DescribedSource::Tmpfs(size), target: target.clone(), read_only });
    }
    found.sort_by(|a, b| a.target.cmp(&b.target));
    found
}

fn described_mount(mount: Mounted, size_of: impl Fn(&str) -> Option<u64>) -> DescribedMount {
    let source = match mount.r#type.as_deref() {
        Some("bind") => DescribedSource::Host(mount.source.unwrap_or_default()),
        Some("volume") => DescribedSource::Volume(mount.name.unwrap_or_default()),
        Some("tmpfs") => DescribedSource::Tmpfs(size_of(&mount.destination)),
        other => DescribedSource::Other(other.unwrap_or("unknown").to_owned()),
    };
    DescribedMount { source, target: mount.destination, read_only: mount.writable == Some(false) }
}

/// A port without an address of the host is published on all of them.
fn ports(bindings: BTreeMap<String, Option<Vec<Binding>>>) -> Vec<Port> {
    let mut found = Vec::new();
    for (container, bindings) in bindings {
        let (number, protocol) = container.split_once('/').unwrap_or((&container, "tcp"));
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => continue,
        };
        let Ok(container) = number.parse() else { continue };
        for binding in bindings.unwrap_or_default() {
            let host_ip = binding.host_ip.filter(|ip| !ip.is_empty()).unwrap_or_else(|| "0.0.0.0".to_owned());
            let Ok(host_ip) = host_ip.parse() else { continue };
            let host = binding.host_port.and_then(|port| port.parse().ok()).filter(|port| *port != 0);
            found.push(Port { container, host, host_ip, protocol });
        }
    }
    found.sort_unstable();
    found
}

/// As the engine takes it: the first word says how the others are run. Source: moby `api/types/container/config.go`.
fn described_check(check: Check) -> Option<DescribedCheck> {
    let test = check.test.unwrap_or_default();
    let command = match test.split_first()? {
        (word, _) if word == "NONE" => return Some(DescribedCheck::None),
        (word, command) if word == "CMD" => command.to_vec(),
        (_, script) => ["/bin/sh", "-c"].map(str::to_owned).iter().chain(script).cloned().collect(),
    };
    let time = |nanos: Option<i64>| positive(nanos).map(Duration::from_nanos);
    Some(DescribedCheck::Command {
        command,
        interval: time(check.interval),
        timeout: time(check.timeout),
        retries: positive(check.retries).and_then(|retries| u32::try_from(retries).ok()),
        start_period: time(check.start_period),
    })
}

/// The engine writes what is not set as 0 or -1.
fn positive(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_images_is_left_out_and_values_are_not_told() {
        let made = r#"{"Id": "0123456789abcdef", "Name": "/box", "Image": "sha256:1",
            "Config": {"Image": "a:1", "Hostname": "0123456789ab", "User": "app", "Entrypoint": ["/e"], "Cmd": ["x"],
                "Env": ["PATH=/bin", "TOKEN=canary", "LANG=C"], "Labels": {"a": "b", "own": "1"},
                "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5000000000}, "StopTimeout": 3},
            "HostConfig": {"NetworkMode": "default", "CapAdd": ["SYS_ADMIN"], "SecurityOpt": ["no-new-privileges:true", "seccomp=unconfined"],
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "1/sctp": [{"HostPort": ""}]},
                "RestartPolicy": {"Name": "always"}, "Tmpfs": {"/run": "rw,size=65536"}, "ShmSize": 67108864, "Runtime": "runc"},
            "Mounts": [{"Type": "volume", "Name": "data", "Destination": "/data", "RW": true},
                {"Type": "bind", "Source": "/srv", "Destination": "/a", "RW": false}, {"Type": "npipe", "Destination": "/b"}]}"#;
        let image = r#"{"Entrypoint": ["/e"], "Cmd": ["y"], "User": "app", "Env": ["PATH=/bin", "LANG=en"], "Labels": {"a": "b"}}"#;
        let made: Made = serde_json::from_str(made).expect("read");
        let seen = description(made, &serde_json::from_str(image).expect("read"));
        assert!(!format!("{seen:?}").contains("canary"));
        let mount = |source, target: &str, read_only| DescribedMount { source, target: target.to_owned(), read_only };
        let expected = Description {
            id: "0123456789abcdef".to_owned(),
            name: "box".to_owned(),
            labels: BTreeMap::from([("own".to_owned(), "1".to_owned())]),
            image: "a:1".to_owned(),
            args: Some(vec!["x".to_owned()]),
            env: ["LANG", "TOKEN"].map(str::to_owned).to_vec(),
            mounts: vec![
                mount(DescribedSource::Host("/srv".to_owned()), "/a", true),
                mount(DescribedSource::Other("npipe".to_owned()), "/b", false),
                mount(DescribedSource::Volume("data".to_owned()), "/data", false),
                mount(DescribedSource::Tmpfs(Some(65536)), "/run", false),
            ],
            ports: vec![Port {
                container: 80,
                host: Some(8080),
                host_ip: [0, 0, 0, 0].into(),
                protocol: Protocol::Tcp,
            }],
            network: "default".to_owned(),
            capabilities_added: vec!["SYS_ADMIN".to_owned()],
            no_new_privileges: true,
            seccomp_unconfined: true,
            health_check: Some(DescribedCheck::Command {
                command: ["/bin/sh", "-c", "true"].map(str::to_owned).to_vec(),
                interval: Some(Duration::from_secs(5)),
                timeout: None,
                retries: None,
                start_period: None,
            }),
            restart: "always".to_owned(),
            stop_timeout: Some(Duration::from_secs(3)),
            ..Description::default()
        };
        assert_eq!(seen, expected);
    }
}
