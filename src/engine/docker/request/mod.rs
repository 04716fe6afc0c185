//! From Wharf's terms to the engine's requests. Pure: the same spec always gives the same request.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerUpdateBody, EndpointSettings, ExecConfig, ExecStartConfig, HealthConfig, HostConfig,
    Mount as DockerMount, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkCreateRequest, NetworkingConfig,
    PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use secrecy::ExposeSecret;

use crate::engine::container::Attachment;
use crate::engine::{ContainerSpec, EnvValue, ExecOptions, Limits, Mount, MountSource, NetworkSpec};
use crate::model::quantity::{Cpu, Memory};
use crate::model::reference::Capability;
use crate::model::spec::{HealthCheck, Port, SeccompProfile};

#[cfg(test)]
mod tests;

/// The body of `POST /containers/create`. The error names what is missing in the spec.
///
/// No init process is asked for: images that bring their own (s6, systemd) insist on being the first process, and the engine's
/// is not installed everywhere. A command that wants one names it: `command: [tini, --]`.
pub(super) fn create(spec: &ContainerSpec) -> Result<ContainerCreateBody, String> {
    let given = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    Ok(ContainerCreateBody {
        image: Some(spec.image.to_string()),
        entrypoint: given(&spec.command),
        cmd: given(&spec.args),
        working_dir: spec.working_dir.as_ref().map(ToString::to_string),
        user: spec.user.clone(),
        hostname: Some(spec.hostname.clone()),
        env: Some(environment(&spec.env)?),
        labels: Some(spec.labels.clone().into_iter().collect()),
        exposed_ports: Some(spec.ports.iter().map(exposed).collect()),
        healthcheck: spec.health_check.as_ref().map(health_check),
        host_config: Some(host_config(spec)?),
        networking_config: spec.network.as_ref().map(attachment),
        ..ContainerCreateBody::default()
    })
}

/// The body of `POST /containers/{id}/exec`.
pub(super) fn exec(options: &ExecOptions) -> ExecConfig {
    ExecConfig {
        attach_stdin: Some(options.interactive),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(options.tty),
        cmd: Some(options.command.clone()),
        user: options.user.clone(),
        working_dir: options.working_dir.clone(),
        detach_keys: Some(NO_DETACHING.to_owned()),
        ..ExecConfig::default()
    }
}

/// The engine holds back what could begin these keys, and has no word for none at all. Its own, ctrl-p and ctrl-q, would swallow
/// what shells and editors use all the time.
const NO_DETACHING: &str = "ctrl-^,ctrl-_,ctrl-^,ctrl-_,ctrl-^,ctrl-_";

/// The body of `POST /exec/{id}/start`.
pub(super) fn start_exec(tty: bool) -> ExecStartConfig {
    ExecStartConfig { detach: Some(false), tty: Some(tty), ..ExecStartConfig::default() }
}

/// What the engine takes for "no limit" of processes.
const NO_LIMIT: i64 = -1;

/// The body of `POST /containers/{id}/update`. Of `cpu` and `memory` only what is given, because the engine reads a missing
/// one as "leave it", and 0 too; a limit of processes it lifts.
pub(super) fn update(limits: &Limits) -> ContainerUpdateBody {
    ContainerUpdateBody {
        nano_cpus: limits.cpu.map(nanos),
        memory: limits.memory.map(bytes),
        // Alone, more memory than the old sum of memory and swap is refused, and less leaves room for swap.
        memory_swap: limits.memory.map(bytes),
        pids_limit: Some(limits.pids.map_or(NO_LIMIT, i64::from)),
        restart_policy: Some(never_restart()),
        ..ContainerUpdateBody::default()
    }
}

/// The body of `POST /networks/create`.
pub(super) fn network(spec: &NetworkSpec) -> NetworkCreateRequest {
    let isolation = ("com.docker.network.bridge.enable_icc".to_owned(), "false".to_owned());
    NetworkCreateRequest {
        name: spec.name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(spec.internal),
        options: (!spec.members_reach_each_other).then(|| HashMap::from([isolation])),
        labels: Some(spec.labels.clone().into_iter().collect()),
        ..NetworkCreateRequest::default()
    }
}

/// A grace period in the engine's whole seconds, rounded up: a shorter one would kill too early.
pub(super) fn grace_seconds(grace: Duration) -> i32 {
    let seconds = grace.as_secs().saturating_add(u64::from(grace.subsec_nanos() > 0));
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

fn environment(env: &[(String, EnvValue)]) -> Result<Vec<String>, String> {
    env.iter()
        .map(|(name, value)| match value {
            EnvValue::Plain(value) => Ok(format!("{name}={value}")),
            EnvValue::File { value: Some(value), .. } | EnvValue::Secret { value: Some(value), .. } => {
                Ok(format!("{name}={}", value.expose_secret()))
            }
            EnvValue::File { path, value: None } => {
                Err(format!("the value of the variable `{name}` has not been read from {}", path.display()))
            }
            EnvValue::Secret { secret, value: None } => {
                Err(format!("the value of the variable `{name}` has not been read from the secret `{}`", secret.name))
            }
        })
        .collect()
}

fn host_config(spec: &ContainerSpec) -> Result<HostConfig, String> {
    let security = &spec.security;
    let names = |capabilities: &[Capability]| capabilities.iter().map(ToString::to_string).collect();
    Ok(HostConfig {
        network_mode: Some(spec.network_name().to_owned()),
        port_bindings: Some(port_bindings(&spec.ports)),
        mounts: Some(spec.mounts.iter().map(mount).collect::<Result<_, _>>()?),
        cap_drop: Some(names(&security.capabilities.drop)),
        cap_add: Some(names(&security.capabilities.add)),
        security_opt: Some(security_options(spec)),
        readonly_rootfs: Some(security.read_only_root_filesystem),
        runtime: security.runtime.clone(),
        shm_size: spec.shm_size.map(bytes),
        nano_cpus: spec.limits.cpu.map(nanos),
        memory: spec.limits.memory.map(bytes),
        // The sum of memory and swap: equal to memory, there is no swap.
        memory_swap: spec.limits.memory.map(bytes),
        pids_limit: spec.limits.pids.map(i64::from),
        restart_policy: Some(never_restart()),
        ..HostConfig::default()
    })
}

/// One actor restarts.
fn never_restart() -> RestartPolicy {
    RestartPolicy { name: Some(RestartPolicyNameEnum::NO), ..RestartPolicy::default() }
}

fn security_options(spec: &ContainerSpec) -> Vec<String> {
    let no_new_privileges = spec.security.no_new_privileges.then_some("no-new-privileges");
    let unconfined = (spec.security.seccomp_profile == SeccompProfile::Unconfined).then_some("seccomp=unconfined");
    no_new_privileges.into_iter().chain(unconfined).map(str::to_owned).collect()
}

/// Always as `Mounts`: in `Binds`, a source that is missing would become a new directory owned by root.
fn mount(mount: &Mount) -> Result<DockerMount, String> {
    let mut out = DockerMount {
        target: Some(mount.target.to_string()),
        read_only: Some(mount.read_only),
        ..DockerMount::default()
    };
    match &mount.source {
        MountSource::Host(path) | MountSource::Secret { path: Some(path), .. } => {
            out.typ = Some(MountType::BIND);
            out.source = Some(path.display().to_string());
        }
        MountSource::Secret { secret, path: None } => {
            return Err(format!("the files of the secret `{}` have not been written", secret.name));
        }
        MountSource::Volume { name, labels } => {
            let labels = Some(labels.clone().into_iter().collect());
            out.typ = Some(MountType::VOLUME);
            out.source = Some(name.clone());
            out.volume_options = Some(MountVolumeOptions { labels, ..MountVolumeOptions::default() });
        }
        MountSource::Tmpfs(size) => {
            let options =
                |size: Memory| MountTmpfsOptions { size_bytes: Some(bytes(size)), ..MountTmpfsOptions::default() };
            out.typ = Some(MountType::TMPFS);
            out.tmpfs_options = size.map(options);
        }
    }
    Ok(out)
}

fn exposed(port: &Port) -> String {
    format!("{}/{}", port.container, port.protocol.as_str())
}

/// One port of the container can be published several times. An empty port of the host lets the engine pick one.
fn port_bindings(ports: &[Port]) -> HashMap<String, Option<Vec<PortBinding>>> {
    let mut out: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in ports {
        let host_port = port.host.map(|host| host.to_string()).unwrap_or_default();
        let binding = PortBinding { host_ip: Some(port.host_ip.to_string()), host_port: Some(host_port) };
        out.entry(exposed(port)).or_default().get_or_insert_default().push(binding);
    }
    out
}

fn attachment(to: &Attachment) -> NetworkingConfig {
    let settings = EndpointSettings { aliases: Some(to.aliases.clone()), ..EndpointSettings::default() };
    NetworkingConfig { endpoints_config: Some(HashMap::from([(to.network.clone(), settings)])) }
}

fn health_check(check: &HealthCheck) -> HealthConfig {
    let nanos = |time: Duration| Some(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
    HealthConfig {
        test: Some(std::iter::once("CMD".to_owned()).chain(check.command.iter().cloned()).collect()),
        interval: nanos(check.interval.duration()),
        timeout: nanos(check.timeout.duration()),
        retries: Some(i64::from(check.retries)),
        start_period: nanos(check.start_period.duration()),
        ..HealthConfig::default()
    }
}

/// The model admits no more than fits.
fn bytes(memory: Memory) -> i64 {
    i64::try_from(memory.bytes()).unwrap_or(i64::MAX)
}

fn nanos(cpu: Cpu) -> i64 {
    i64::try_from(cpu.nanos()).unwrap_or(i64::MAX)
}
