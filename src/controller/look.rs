//! Looking at the host: whether a project directory is there, where paths lead to, what secrets are.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::admission::as_written;
use super::claims::Claim;
use super::job::Job;
use super::tools::{Place, Tools};
use crate::disk::{Disk, Kind, offload, resolve};
use crate::engine::{ContainerSpec, Engine, MountSource};
use crate::model::policy::{Resolution, Resolved};
use crate::model::spec::DesiredState;
use crate::plan::{Denied, Goal, ProjectDir, SecretsSeen, Subject};
use crate::secrets::Look;

/// A directory that does not answer (a dead network mount) must not hold its workspace for ever.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// Nor may it keep others from the engine while it is waited for.
const LOOK_PROMPTLY: Duration = Duration::from_millis(50);

/// A key service may be asked by the program that decrypts.
const DECRYPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Whether the project directory is there.
pub(super) async fn project_dir<E: Engine>(tools: &Tools<E>, place: &mut Place, path: Option<&Path>) -> ProjectDir {
    let Some(path) = path.filter(|_| tools.shares_files()) else { return ProjectDir::NotAsked };
    let path = path.to_owned();
    match on_disk(tools, place, move |disk| disk.metadata(&path)).await {
        Some(Ok(metadata)) if metadata.kind == Kind::Directory => ProjectDir::Present,
        Some(Ok(_)) => ProjectDir::NotADirectory,
        Some(Err(_)) | None => ProjectDir::Missing,
    }
}

/// What policies deny of a workspace now: its paths may lead elsewhere than they did. Where they cannot be looked up, they are what they say.
/// `runs`: whether a container of it does, which goes on with its mounts whatever comes of this.
pub(super) async fn denied<E: Engine>(
    tools: &Tools<E>,
    place: &mut Place,
    subject: &Subject,
    runs: bool,
) -> Option<Denied> {
    let paths = tools.admission.host_paths(subject);
    if paths.is_empty() || !tools.shares_files() {
        return tools.admission.judge(subject, &as_written(paths));
    }
    // What does not answer is not looked up, and what is not looked up is denied.
    let resolved: Resolved = on_disk(tools, place, move |disk| resolve(disk, paths)).await.unwrap_or_default();
    let denied = tools.admission.judge(subject, &resolved);
    let conflict = if denied.is_none() || runs {
        tools.claims.take(&subject.uid, &claims(subject, &resolved), runs)
    } else {
        tools.claims.release(&subject.uid);
        None
    };
    denied.or_else(|| Some(Denied { message: conflict?, stop: false }))
}

/// What a workspace mounts of the host, by where it really is.
fn claims(subject: &Subject, resolved: &Resolved) -> Vec<Claim> {
    let mounts = subject.container.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Host(path) => match resolved.get(path)? {
            Resolution::Path(path) | Resolution::Missing(path) => {
                Some(Claim { path: path.clone(), writable: !mount.read_only })
            }
            Resolution::Unreadable(_) => None,
        },
        MountSource::Volume { .. } | MountSource::Tmpfs(_) | MountSource::Secret { .. } => None,
    });
    mounts.collect()
}

/// Looks at the disk; `None` when that does not answer.
async fn on_disk<E: Engine, T: Send + 'static>(
    tools: &Tools<E>,
    place: &mut Place,
    look: impl FnOnce(&dyn Disk) -> T + Send + 'static,
) -> Option<T> {
    let disk = Arc::clone(&tools.disk);
    let mut look = Box::pin(offload(&tools.disk, move || look(&*disk)));
    let mut answer = timeout(LOOK_PROMPTLY, &mut look).await;
    if answer.is_err() {
        place.leave();
        answer = timeout(LOOK_TIMEOUT, look).await;
    }
    answer.ok()?.ok()
}

/// What is known of the secrets of a workspace that is to run.
pub(super) async fn secrets<E: Engine>(
    job: &Job,
    tools: &Tools<E>,
    place: &mut Place,
    spec: &ContainerSpec,
) -> SecretsSeen {
    if job.goal != Goal::Keep || job.workspace.spec.state != DesiredState::Running {
        return SecretsSeen::default();
    }
    let mut look = Box::pin(tools.secrets.look(spec, &job.uid));
    let mut answer = timeout(LOOK_PROMPTLY, &mut look).await;
    if answer.is_err() {
        place.leave();
        answer = timeout(DECRYPT_TIMEOUT, look).await;
    }
    let Look { now, files_differ, trouble } = answer.unwrap_or_else(|_| Look {
        trouble: Some(format!("the secrets could not be read within {DECRYPT_TIMEOUT:?}; look at their disk")),
        ..Look::default()
    });
    SecretsSeen { now, adopted: job.adopted_secrets.clone(), files_differ, trouble }
}
