//! Networks with their containers, and how a container was made.

use super::Simulated;
use super::adapter::check_name;
use super::calls::Operation;
use super::container::Container;
use super::world::World;
use crate::engine::{
    DescribedCheck, DescribedMount, DescribedSource, Description, EngineError, EnvValue, Mount, MountSource,
    NetworkSummary, Survey,
};
use crate::model::Instance;
use crate::model::spec::{HealthCheck, SeccompProfile};

impl Survey for Simulated {
    async fn networks(&self, instance: &Instance) -> Result<Vec<NetworkSummary>, EngineError> {
        let instance = instance.to_string();
        self.call(Operation::Networks, "", move |world| Ok(world.network_summaries(&instance))).await
    }

    async fn describe(&self, id_or_name: &str) -> Result<Description, EngineError> {
        let own = id_or_name.to_owned();
        self.call(Operation::Describe, id_or_name, move |world| {
            check_name(&own)?;
            let named = world.serial_by_name(&own).ok().and_then(|serial| world.containers.get(&serial));
            named.map_or_else(|| world.get(&own), Ok).map(description)
        })
        .await
    }
}

impl World {
    fn network_summaries(&self, instance: &str) -> Vec<NetworkSummary> {
        let summary = |(name, labels): (&String, &std::collections::BTreeMap<String, String>)| {
            let bound = self.containers.values().filter(|it| it.networks.contains_key(name.as_str()));
            let mut containers: Vec<String> = bound.map(|it| it.name.to_string()).collect();
            containers.sort();
            NetworkSummary { name: name.clone(), labels: labels.clone(), containers }
        };
        self.networks.of_instance(instance).map(summary).collect()
    }
}

/// Simulated images say nothing by themselves.
fn description(container: &Container) -> Description {
    let spec = &container.spec;
    let given = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    let names = |capabilities: &[crate::model::reference::Capability]| {
        capabilities.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut env: Vec<String> = spec.env.iter().map(|(name, _): &(String, EnvValue)| name.clone()).collect();
    env.sort();
    env.dedup();
    let mut mounts: Vec<DescribedMount> = spec.mounts.iter().map(mount).collect();
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    let mut ports = spec.ports.clone();
    ports.sort_unstable();
    Description {
        id: container.id.to_string(),
        name: container.name.to_string(),
        labels: (*container.labels).clone(),
        image: spec.image.to_string(),
        command: given(&spec.command),
        args: given(&spec.args),
        working_dir: spec.working_dir.as_ref().map(ToString::to_string),
        user: spec.user.clone(),
        hostname: Some(spec.hostname.clone()).filter(|name| !name.is_empty()),
        env,
        mounts,
        ports,
        limits: container.limits,
        shm_size: spec.shm_size.map(crate::model::quantity::Memory::bytes),
        network: spec.network_name().to_owned(),
        capabilities_added: names(&spec.security.capabilities.add),
        capabilities_dropped: names(&spec.security.capabilities.drop),
        privileged: false,
        no_new_privileges: spec.security.no_new_privileges,
        seccomp_unconfined: spec.security.seccomp_profile == SeccompProfile::Unconfined,
        read_only_root: spec.security.read_only_root_filesystem,
        runtime: spec.security.runtime.clone().filter(|runtime| runtime != "runc"),
        health_check: spec.health_check.as_ref().map(check),
        restart: if container.engine_restarts { "always" } else { "no" }.to_owned(),
        stop_timeout: None,
    }
}

fn mount(mount: &Mount) -> DescribedMount {
    let source = match &mount.source {
        MountSource::Host(path) => DescribedSource::Host(path.display().to_string()),
        MountSource::Volume { name, .. } => DescribedSource::Volume(name.clone()),
        MountSource::Secret { path, .. } => {
            DescribedSource::Host(path.as_ref().map(|path| path.display().to_string()).unwrap_or_default())
        }
        MountSource::Tmpfs(size) => DescribedSource::Tmpfs(size.map(crate::model::quantity::Memory::bytes)),
    };
    DescribedMount { source, target: mount.target.to_string(), read_only: mount.read_only }
}

fn check(check: &HealthCheck) -> DescribedCheck {
    DescribedCheck::Command {
        command: check.command.clone(),
        interval: Some(check.interval.duration()),
        timeout: Some(check.timeout.duration()),
        retries: Some(check.retries),
        start_period: Some(check.start_period.duration()).filter(|period| !period.is_zero()),
    }
}
