//! A plan is data: ordered steps, each an action with its cause, each one line of text.

use std::fmt;
use std::time::Duration;

use crate::engine::{ContainerSpec, Limits, NetworkSpec};
use crate::model::quantity::{Cpu, Memory};
use crate::model::reference::ImageReference;
use crate::model::spec::{DeletionPolicy, DesiredState};

/// One thing to do, and why.
#[derive(Clone, Debug)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// Why.
    pub cause: Cause,
}

/// One engine call.
#[derive(Clone, Debug)]
pub enum Action {
    /// Pull an image.
    Pull(ImageReference),
    /// Create a network unless it exists.
    EnsureNetwork(NetworkSpec),
    /// Create a container.
    Create(Box<ContainerSpec>),
    /// Write the files of secrets anew, in place.
    WriteSecrets,
    /// Start a container.
    Start(Target),
    /// Stop a container, and kill it after the grace.
    Stop(Target, Duration),
    /// Let a paused container go on.
    Unpause(Target),
    /// Rename a container.
    Rename(Target, String),
    /// Change the limits of a container in place.
    Update(Target, Limits),
    /// Remove a container.
    Remove(Target),
    /// Remove a volume by name.
    RemoveVolume(String),
    /// Remove a network by name.
    RemoveNetwork(String),
}

/// A container that a step acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The engine's ID; `None`: the container that an earlier step of the same plan creates.
    pub id: Option<String>,
    /// Its name, for people.
    pub name: String,
}

/// Why a step is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No container exists.
    NoContainer,
    /// The image is not on the engine.
    ImageMissing,
    /// `imagePullPolicy: Always`.
    PullAlways,
    /// The network is not known to exist.
    NetworkMissing,
    /// The spec changed in a way that needs a new container.
    SpecChanged,
    /// A secret has another value.
    SecretChanged,
    /// A limit is in force that is not declared, and that only a new container is free of.
    LimitLifted,
    /// The container is of no further use: dead, its network is gone, or it is on another one.
    Broken(&'static str),
    /// The container was created and not started.
    NotStarted,
    /// The container ended.
    Exited {
        /// Its exit code.
        code: i64,
        /// Whether the kernel ended it for want of memory.
        oom_killed: bool,
    },
    /// The health check fails.
    Unhealthy,
    /// Somebody paused it.
    Paused,
    /// Somebody renamed it.
    Renamed,
    /// Its name is free now that its predecessor is gone.
    TakesOver,
    /// Limits in force differ from the declared ones.
    Limits {
        /// In force.
        from: Limits,
        /// Declared.
        to: Limits,
    },
    /// The engine itself would restart it.
    EngineRestarts,
    /// Declared not to run, or not to exist.
    Declared(DesiredState),
    /// Asked for by command, instead of what is declared.
    Asked(DesiredState),
    /// A restart was asked for.
    RestartAsked,
    /// A new container takes its place.
    Replaced,
    /// No spec names it any more.
    NotNamed,
    /// Another container of the workspace is the current one.
    Surplus,
    /// Its replacement did not start.
    ReplacementFailed,
    /// The recovery budget is spent.
    BudgetSpent,
    /// The manifest is gone.
    ManifestGone(DeletionPolicy),
    /// A policy denies the workspace, and says that what runs is to end.
    Denied,
}

impl Action {
    /// The container acted on, where there is one.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Start(target)
            | Self::Stop(target, _)
            | Self::Unpause(target)
            | Self::Rename(target, _)
            | Self::Update(target, _)
            | Self::Remove(target) => Some(target),
            Self::Pull(_)
            | Self::EnsureNetwork(_)
            | Self::Create(_)
            | Self::WriteSecrets
            | Self::RemoveVolume(_)
            | Self::RemoveNetwork(_) => None,
        }
    }

    /// The same action on the container of this ID, where it acts on one that its plan creates.
    #[must_use]
    pub fn on_created(mut self, id: &str) -> Self {
        match &mut self {
            Self::Start(target)
            | Self::Stop(target, _)
            | Self::Unpause(target)
            | Self::Rename(target, _)
            | Self::Update(target, _)
            | Self::Remove(target)
                if target.id.is_none() =>
            {
                target.id = Some(id.to_owned());
            }
            _ => {}
        }
        self
    }
}

impl Target {
    /// A container that exists.
    pub fn existing(id: &str, name: &str) -> Self {
        Self { id: Some(id.to_owned()), name: name.to_owned() }
    }

    /// The container that this plan creates.
    pub fn created(name: &str) -> Self {
        Self { id: None, name: name.to_owned() }
    }
}

impl Cause {
    /// Whether reality was changed by something other than Wharf.
    pub fn is_drift(&self) -> bool {
        matches!(self, Self::Paused | Self::Renamed | Self::Broken(_) | Self::EngineRestarts) || self.is_death()
    }

    /// Whether the container ended or became useless on its own, so that acting on it spends the recovery budget.
    pub fn is_death(&self) -> bool {
        matches!(self, Self::Exited { .. } | Self::Unhealthy)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.action, self.cause)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull(image) => write!(formatter, "pull image {image}"),
            Self::EnsureNetwork(network) => write!(formatter, "ensure network {}", network.name),
            Self::Create(spec) => write!(formatter, "create container {} from {}", spec.name, spec.image),
            Self::WriteSecrets => write!(formatter, "write the files of secrets"),
            Self::Start(target) => write!(formatter, "start container {target}"),
            Self::Stop(target, grace) => {
                write!(formatter, "stop container {target} within {}s", grace.as_secs_f32())
            }
            Self::Unpause(target) => write!(formatter, "unpause container {target}"),
            Self::Rename(target, name) => write!(formatter, "rename container {target} to {name}"),
            Self::Update(target, limits) => {
                write!(formatter, "update container {target}")?;
                let given =
                    limit_texts(limits).into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
                match given.collect::<Vec<_>>().join(" ") {
                    none if none.is_empty() => Ok(()),
                    given => write!(formatter, " to {given}"),
                }
            }
            Self::Remove(target) => write!(formatter, "remove container {target}"),
            Self::RemoveVolume(name) => write!(formatter, "remove volume {name}"),
            Self::RemoveNetwork(name) => write!(formatter, "remove network {name}"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(why) => write!(formatter, "{why}"),
            Self::Exited { oom_killed: true, .. } => write!(formatter, "ended by the kernel for want of memory"),
            Self::Exited { code, .. } => write!(formatter, "exited with code {code}"),
            Self::Limits { from, to } => formatter.write_str(&limits_difference(from, to)),
            Self::Declared(state) => write!(formatter, "declared {state:?}"),
            Self::Asked(state) => write!(formatter, "{state:?} by request"),
            Self::ManifestGone(policy) => write!(formatter, "manifest gone, deletionPolicy {policy:?}"),
            plain => formatter.write_str(plain.words()),
        }
    }
}

impl Cause {
    /// The words of a cause that carries nothing.
    fn words(&self) -> &'static str {
        match self {
            Self::NoContainer => "no container exists",
            Self::ImageMissing => "image not on the engine",
            Self::PullAlways => "imagePullPolicy Always",
            Self::NetworkMissing => "network not known to exist",
            Self::SpecChanged => "spec changed",
            Self::SecretChanged => "a secret changed",
            Self::LimitLifted => "a limit is in force that is not declared, and the engine cannot lift it in place",
            Self::NotStarted => "created and not started",
            Self::Unhealthy => "health check fails",
            Self::Paused => "paused",
            Self::Renamed => "renamed",
            Self::TakesOver => "takes over the name",
            Self::EngineRestarts => "the engine's restart policy is not `no`",
            Self::Replaced => "replaced",
            Self::NotNamed => "no workspace names it any more",
            Self::Surplus => "another container of the workspace is kept",
            Self::ReplacementFailed => "its replacement did not start; it runs until the next attempt",
            Self::BudgetSpent => "recovery budget spent",
            Self::RestartAsked => "restart by request",
            Self::Denied => "denied by policy",
            Self::Broken(_)
            | Self::Exited { .. }
            | Self::Limits { .. }
            | Self::Declared(_)
            | Self::Asked(_)
            | Self::ManifestGone(_) => "",
        }
    }
}

/// Limits in the words of the manifest: name and value of each.
fn limit_texts(Limits { cpu, memory, pids }: &Limits) -> [(&'static str, Option<String>); 3] {
    [
        ("cpu", cpu.as_ref().map(Cpu::to_string)),
        ("memory", memory.as_ref().map(Memory::to_string)),
        ("pids", pids.as_ref().map(u32::to_string)),
    ]
}

/// `memory is 512Mi, declared 1Gi`, for each limit that differs.
fn limits_difference(from: &Limits, to: &Limits) -> String {
    let shown = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let pairs = limit_texts(from).into_iter().zip(limit_texts(to));
    let differing = pairs.filter(|(from, to)| from != to);
    let texts = differing.map(|((name, from), (_, to))| format!("{name} is {}, declared {}", shown(from), shown(to)));
    texts.collect::<Vec<_>>().join("; ")
}
