//! From a manifest to what an engine is asked for: names, labels, mounts, networks. Pure.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::engine::container::Attachment;
use crate::engine::{ContainerSpec, EnvValue, Limits, Mount, MountSource, NetworkSpec};
use crate::model::hash::Fingerprint;
use crate::model::spec::{EnvSource, EnvVar, Network, NetworkMode, VolumeMount, VolumeSource, WorkspaceSpec};
use crate::model::{Instance, Name, Uid, Workspace, labels};

/// Whose objects they are and how they are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The controller instance.
    pub instance: Instance,
    /// What engine names begin with: `wharf` in `wharf-api-dev`.
    pub prefix: Name,
}

/// One workspace as it is to be, compiled for the engine.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The manifest.
    pub workspace: Arc<Workspace>,
    /// Its UID.
    pub uid: Uid,
    /// The container to create.
    pub container: ContainerSpec,
    /// Fingerprint of what cannot change without a new container.
    pub template: Fingerprint,
    /// The network to join.
    pub network: Option<NetworkSpec>,
    /// The project directory, absolute.
    pub project: Option<PathBuf>,
}

/// What is known of a manifest besides its text.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The identity of this life of the workspace.
    pub uid: &'a Uid,
    /// Generation of the spec.
    pub generation: u64,
    /// The manifest's path relative to the source.
    pub manifest: &'a str,
    /// The directory that relative paths of the manifest begin at, absolute.
    pub directory: &'a Path,
}

impl Subject {
    /// Changes what is asked for, before anything is known by it.
    pub fn amend(&mut self, change: impl FnOnce(&mut ContainerSpec)) {
        change(&mut self.container);
        self.template = Fingerprint::of(&self.container);
        self.container.labels.insert(labels::SPEC_HASH.to_owned(), self.template.to_string());
    }
}

impl Scope {
    /// The container name of a workspace.
    pub fn container_name(&self, name: &Name) -> String {
        format!("{}-{name}", self.prefix)
    }

    /// The name of a container that waits to replace the present one. A dot cannot be in a workspace's name, so it cannot be
    /// another workspace's container.
    pub fn next_container_name(&self, name: &Name) -> String {
        format!("{}-{name}.next", self.prefix)
    }

    /// The engine's name of a workspace's volume. Joined by a dot, because with a dash volume `b-c` of `a` and volume `c` of
    /// `a-b` would be one.
    pub fn volume_name(&self, workspace: &Name, volume: &Name) -> String {
        format!("{}-{workspace}.{volume}", self.prefix)
    }

    /// The network of a workspace; `None` for mode `None`. One bridge serves all Isolated workspaces: traffic between its members
    /// is dropped, and subnets are scarce (about 31 in all by default).
    pub fn network(&self, network: &Network) -> Option<NetworkSpec> {
        let (suffix, members_reach_each_other, internal) = match (network.mode, &network.group) {
            (NetworkMode::None, _) => return None,
            (NetworkMode::Isolated, _) => ("isolated".to_owned(), false, false),
            (NetworkMode::Internal, _) => ("internal".to_owned(), false, true),
            (NetworkMode::Group, Some(group)) => (format!("group.{group}"), true, false),
            // A manifest without its group is refused before it gets here.
            (NetworkMode::Group, None) => ("group".to_owned(), true, false),
        };
        Some(NetworkSpec {
            name: format!("{}-{}.{suffix}", self.prefix, self.instance),
            members_reach_each_other,
            internal,
            labels: BTreeMap::from([(labels::INSTANCE.to_owned(), self.instance.to_string())]),
        })
    }

    /// Whether this is the name of a group's network. The networks of the other modes serve the whole instance.
    pub fn is_group_network(&self, name: &str) -> bool {
        name.strip_prefix(&format!("{}-{}.", self.prefix, self.instance)).is_some_and(|it| it.starts_with("group."))
    }

    /// Labels of every object that belongs to one workspace.
    pub fn object_labels(&self, name: &Name, uid: &Uid) -> BTreeMap<String, String> {
        BTreeMap::from([
            (labels::INSTANCE.to_owned(), self.instance.to_string()),
            (labels::WORKSPACE.to_owned(), name.to_string()),
            (labels::UID.to_owned(), uid.to_string()),
        ])
    }

    /// Compiles a workspace.
    pub fn compile(&self, workspace: Arc<Workspace>, origin: Origin<'_>) -> Subject {
        let name = &workspace.metadata.name;
        let spec = &workspace.spec;
        let network = self.network(&spec.network);
        let project = spec.project.as_ref().map(|project| absolute(origin.directory, &project.path));
        let mut container = ContainerSpec {
            name: self.container_name(name),
            labels: self.object_labels(name, origin.uid),
            image: spec.image.clone(),
            command: spec.command.clone(),
            args: spec.args.clone(),
            working_dir: spec
                .working_dir
                .clone()
                .or_else(|| spec.project.as_ref().map(|project| project.mount_path.clone())),
            user: spec.user.clone(),
            hostname: spec.hostname.as_ref().unwrap_or(name).to_string(),
            env: spec.env.iter().map(|variable| compile_env(variable, origin.directory)).collect(),
            mounts: self.compile_mounts(name, spec, project.as_deref(), origin.uid),
            ports: spec.ports.clone(),
            limits: limits_of(spec),
            shm_size: spec.resources.shm_size,
            network: network.as_ref().map(|network| Attachment {
                network: network.name.clone(),
                aliases: if network.members_reach_each_other { vec![name.to_string()] } else { Vec::new() },
            }),
            security: spec.security.clone(),
            health_check: spec.health_check.clone(),
        };
        let template = Fingerprint::of(&container);
        container.labels.extend([
            (labels::SPEC_HASH.to_owned(), template.to_string()),
            (labels::GENERATION.to_owned(), origin.generation.to_string()),
            (labels::MANIFEST.to_owned(), origin.manifest.to_owned()),
        ]);
        Subject { uid: origin.uid.clone(), container, template, network, project, workspace }
    }

    fn compile_mounts(&self, name: &Name, spec: &WorkspaceSpec, project: Option<&Path>, uid: &Uid) -> Vec<Mount> {
        let project = spec.project.as_ref().zip(project).map(|(project, path)| Mount {
            source: MountSource::Host(path.to_owned()),
            target: project.mount_path.clone(),
            read_only: project.read_only,
        });
        let volumes = spec.volumes.iter().filter_map(|volume| self.compile_volume(name, volume, uid));
        project.into_iter().chain(volumes).collect()
    }

    fn compile_volume(&self, workspace: &Name, volume: &VolumeMount, uid: &Uid) -> Option<Mount> {
        let source = match volume.source()? {
            VolumeSource::Named(name) => MountSource::Volume {
                name: self.volume_name(workspace, name),
                labels: self.object_labels(workspace, uid),
            },
            VolumeSource::Tmpfs(tmpfs) => MountSource::Tmpfs(tmpfs.size),
            VolumeSource::HostPath(path) => MountSource::Host(PathBuf::from(path.as_str())),
            VolumeSource::Secret(secret) => MountSource::Secret { secret: secret.clone(), path: None },
        };
        let read_only = volume.read_only || volume.secret.is_some();
        Some(Mount { source, target: volume.mount_path.clone(), read_only })
    }
}

fn compile_env(variable: &EnvVar, directory: &Path) -> (String, EnvValue) {
    let plain = || EnvValue::Plain(variable.value.clone().unwrap_or_default());
    let value = variable.value_from.as_ref().map_or_else(plain, |from| compile_source(from, directory));
    (variable.name.clone(), value)
}

fn compile_source(from: &EnvSource, directory: &Path) -> EnvValue {
    match (&from.secret_ref, &from.file) {
        (Some(secret), _) => EnvValue::Secret { secret: secret.clone(), value: None },
        (None, file) => {
            // A manifest without either is refused before it gets here.
            EnvValue::File { path: absolute(directory, file.as_deref().unwrap_or_default()), value: None }
        }
    }
}

fn limits_of(spec: &WorkspaceSpec) -> Limits {
    let resources = &spec.resources;
    Limits { cpu: resources.cpu, memory: resources.memory, pids: resources.pids }
}

/// A path of a manifest, made absolute and free of `.` and `..` in the way shells show it: symbolic links are left to the
/// engine, which resolves them when the container starts.
fn absolute(directory: &Path, path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in directory.join(path).components() {
        match component {
            Component::Normal(part) => clean.push(part),
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_begin_at_the_manifest() {
        let directory = Path::new("/srv/ws/team");
        for (path, expected) in
            [("./api", "/srv/ws/team/api"), ("../x/./y", "/srv/ws/x/y"), ("/abs", "/abs"), (".", "/srv/ws/team")]
        {
            assert_eq!(absolute(directory, path), Path::new(expected));
        }
    }
}
