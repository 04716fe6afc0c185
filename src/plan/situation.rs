//! What a decision is made from, and what it comes to.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use super::action::Step;
use super::compile::{Scope, Subject};
use crate::engine::ContainerDetail;
use crate::model::hash::KeyedFingerprint;
use crate::model::labels;
use crate::model::reference::ImageReference;
use crate::model::spec::Fallback;
use crate::model::time::Time;
use crate::model::{Name, Workspace};

/// Everything that one decision about one workspace is made from.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Names of engine objects.
    pub scope: &'a Scope,
    /// The workspace as it is to be.
    pub subject: &'a Subject,
    /// Whether it is to be kept or deleted.
    pub goal: &'a Goal,
    /// The engine and the host, looked at once.
    pub observed: &'a Observed,
    /// When a failed action may be tried again.
    pub retry: Retry,
    /// Whether what failed was the start of a container that replaces another.
    pub replacement_failed: bool,
    /// When a container that died may be restarted.
    pub restart: Restart,
    /// Whether the last thing done to the workspace's containers was to stop one, for whatever reason: then its end is not a
    /// death. Every stop sets it and every start clears it.
    pub stopped_on_purpose: bool,
    /// Workspaces of `dependsOn` that are not Ready.
    pub waiting_for: &'a [Name],
    /// What was asked for by command.
    pub asked: Asked,
    /// Networks that containers of the workspace are on and that are not needed any more, neither by its own spec nor by another
    /// workspace.
    pub former_networks: &'a [String],
}

/// What was asked for by command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Whether the subject's state is one that was asked for, instead of the manifest's.
    pub state: bool,
    /// Whether the present run is to end and another to begin.
    pub restart: bool,
}

/// Whether a workspace is to be kept or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    /// As its spec says.
    Keep,
    /// As its `deletionPolicy` says.
    Delete {
        /// The network to remove with it: no other workspace uses it.
        network: Option<String>,
    },
}

/// The engine and the host as they were looked at once, as far as one workspace is concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Containers with our instance's label and the workspace's UID.
    pub containers: Vec<ContainerDetail>,
    /// The image, looked at only when a container has to be created.
    pub image: Image,
    /// The project directory.
    pub project: ProjectDir,
    /// A container that holds our container name and is not ours.
    pub name_holder: Option<String>,
    /// Whether the network is known to exist. A deletion removes its network as long as it is.
    pub network_known: bool,
    /// The container whose network was gone when it was to be started.
    pub network_lost: Option<String>,
    /// The secrets of a workspace that is to run.
    pub secrets: SecretsSeen,
    /// Volumes with our instance's label and the workspace's UID; looked at only for a deletion with `deleteVolumes`.
    pub volumes: Vec<String>,
    /// What policies deny of the spec in force, if they do.
    pub denied: Option<Denied>,
}

/// What policies deny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What, by which rule, and what would be admitted.
    pub message: String,
    /// Whether a container that runs is to be stopped.
    pub stop: bool,
}

/// What is known of a workspace's secrets, without anything of their content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretsSeen {
    /// The hash of what a new container would be given; `None`: it has no secrets, or they cannot be read.
    pub now: Option<KeyedFingerprint>,
    /// The container that does not tell by its label what it was given, and the hash of what counts as that.
    pub adopted: Option<(String, KeyedFingerprint)>,
    /// Whether files that can be replaced in place are not what they should be.
    pub files_differ: bool,
    /// Why they cannot be read.
    pub trouble: Option<String>,
}

/// Whether the engine has an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Image {
    /// Not looked at: no container has to be created.
    #[default]
    NotAsked,
    /// It has.
    Present,
    /// It has not.
    Missing,
}

/// Whether the project directory is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProjectDir {
    /// No project, or on a host whose directories cannot be looked at.
    #[default]
    NotAsked,
    /// It is.
    Present,
    /// It does not exist.
    Missing,
    /// It is something else.
    NotADirectory,
}

/// When a failed action may be tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Retry {
    /// Nothing failed, or the next attempt is due.
    #[default]
    Due,
    /// Not before this time.
    At(Timestamp),
    /// Only after a change of the manifest: the engine will refuse the same request again.
    WhenManifestChanges,
}

/// When a container that died may be restarted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Now.
    #[default]
    Due,
    /// Not before this time.
    At(Timestamp),
    /// The budget is spent. With fallback `Ignore` it never is: the next restart is [`Restart::At`] the longest delay.
    Spent(Fallback),
}

/// What to do, and what keeps more from being done.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What to do, in order; the first failure ends it.
    pub steps: Vec<Step>,
    /// What has to happen first.
    pub blocked: Option<Blocked>,
    /// Why an action is deliberately not taken.
    pub hold: Option<Hold>,
}

/// What has to happen before more can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// These workspaces must be Ready.
    Dependencies(Vec<Name>),
    /// The project directory must exist.
    ProjectDirMissing(PathBuf),
    /// The project path must be a directory.
    ProjectNotADirectory(PathBuf),
    /// The image must be there, since it may not be pulled.
    ImageMissing(ImageReference),
    /// The next restart is not due yet.
    BackOff(Timestamp),
    /// The next attempt is not due yet.
    RetryAt(Timestamp),
    /// The manifest must change.
    Rejected,
    /// The recovery budget is spent; the manifest must change.
    BudgetSpent,
    /// The engine is busy with the container.
    Transitional(&'static str),
}

/// Why an action is deliberately not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `suspend: true`; the text is what would be done or waited for otherwise, empty when nothing.
    Suspended(String),
    /// A container of somebody else holds our container's name.
    NameConflict {
        /// The name.
        name: String,
        /// Whose it is, in words.
        holder: String,
    },
    /// Policies deny the workspace: nothing is begun, and what runs was admitted before.
    Denied(String),
}

impl SecretsSeen {
    /// The hash of the secrets that a container was given; `None` where that is not known, or cannot be compared with the present ones.
    pub fn in_force(&self, container: &ContainerDetail) -> Option<KeyedFingerprint> {
        let now = self.now.as_ref()?;
        let told = container.labels.get(labels::SECRETS).and_then(|text| KeyedFingerprint::parse(text));
        let adopted = || self.adopted.clone().filter(|(id, _)| *id == container.id).map(|(_, hash)| hash);
        told.filter(|hash| hash.is_comparable(now)).or_else(|| adopted().filter(|hash| hash.is_comparable(now)))
    }
}

impl Plan {
    /// Nothing to do and nothing in the way.
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.blocked.is_none() && self.hold.is_none()
    }

    pub(super) fn blocked(steps: Vec<Step>, blocked: Blocked) -> Self {
        Self { steps, blocked: Some(blocked), hold: None }
    }

    pub(super) fn steps(steps: Vec<Step>) -> Self {
        Self { steps, ..Self::default() }
    }

    pub(super) fn held(hold: Hold) -> Self {
        Self { hold: Some(hold), ..Self::default() }
    }
}

impl Situation<'_> {
    pub(super) fn workspace(&self) -> &Workspace {
        &self.subject.workspace
    }
}

/// A plan as text: one line a step, then what is in the way.
impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(formatter, "{step}")?;
        }
        match &self.blocked {
            // Says itself that it waits.
            Some(blocked @ Blocked::Dependencies(_)) => writeln!(formatter, "{blocked}")?,
            Some(blocked) => writeln!(formatter, "wait: {blocked}")?,
            None => {}
        }
        if let Some(hold) = &self.hold {
            writeln!(formatter, "hold: {hold}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dependencies(names) => {
                let texts: Vec<&str> = names.iter().map(Name::as_str).collect();
                match texts.as_slice() {
                    [init @ .., last] if !init.is_empty() => {
                        write!(
                            formatter,
                            "waits for {} and {last}, which are not Ready or not declared",
                            init.join(", ")
                        )
                    }
                    _ => write!(formatter, "waits for {}, which is not Ready or not declared", texts.concat()),
                }
            }
            Self::ProjectDirMissing(path) => {
                write!(
                    formatter,
                    "project directory {} does not exist; create it, or correct spec.project.path",
                    path.display()
                )
            }
            Self::ProjectNotADirectory(path) => {
                write!(formatter, "project path {} is not a directory; correct spec.project.path", path.display())
            }
            Self::ImageMissing(image) => {
                write!(
                    formatter,
                    "image {image} is not on the engine and imagePullPolicy is Never; load it there, or allow the pull"
                )
            }
            Self::BackOff(time) => write!(formatter, "restarting at {}", Time::from(*time)),
            Self::RetryAt(time) => write!(formatter, "trying again at {}", Time::from(*time)),
            Self::Rejected => formatter.write_str("trying again when the manifest changes"),
            Self::BudgetSpent => formatter.write_str("recovery budget spent; change the manifest to try again"),
            Self::Transitional(what) => formatter.write_str(what),
        }
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspended(pending) if pending.is_empty() => formatter.write_str("spec.suspend is true"),
            Self::Suspended(pending) => write!(formatter, "spec.suspend is true; otherwise: {pending}"),
            Self::Denied(message) => formatter.write_str(message),
            Self::NameConflict { name, holder } => {
                write!(
                    formatter,
                    "container name {name} is held by {holder}; rename or remove that container, or choose another --name-prefix"
                )
            }
        }
    }
}
