//! What manifests may ask for: judges a compiled container by the policies that apply to it. Pure.
//!
//! ```text
//!   workspace ── compile ──► container ── amend: limits where the manifest says nothing ──► judge ──► admitted, or what is denied
//!                                │                                                           ▲
//!                                └── host_paths ──► looked up by the caller ──► Resolved ─────┘
//! ```
//!
//! Several policies may apply, and every one of them must admit: so one more never admits more. Labels are chosen by whoever writes the manifest
//! and serve to hold back more, never to trust. Git sources have a policy of their own, `default-git`, unless the configuration has one of that
//! name; it does not end when other policies are added. Where no policy applies, nothing is denied and nothing is changed: that is a directory
//! of the command line without a configuration.
//!
//! What is judged is the container as the engine is asked for it. A directory can be exchanged for a link between the look and the engine's own: look paths
//! up anew before each creation, and let nobody else write where manifests may mount from.

mod access;
mod builtin;
mod count;
mod image;
mod limits;
mod paths;
mod security;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use builtin::{DEFAULT_GIT, default_git};
pub use count::Counted;

use crate::engine::{ContainerSpec, EnvValue, MountSource};
use crate::model::Workspace;
use crate::model::policy::{OnViolation, Policy, PolicySpec, Resolved};
use crate::model::source::SourceKind;

/// A source, as far as it matters what it may be trusted with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTrust {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// The directory that its manifests are in, absolute.
    pub base: PathBuf,
}

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where it comes from.
    pub source: &'a SourceTrust,
    /// The manifest.
    pub workspace: &'a Workspace,
    /// What the engine would be asked for, amended.
    pub container: &'a ContainerSpec,
    /// Where the paths of [`Policies::host_paths`] lead to.
    pub resolved: &'a Resolved,
}

/// What holds whatever policies say.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// What is dangerous on this machine besides what always is: the engine's socket and data, the state directory. Name both a path and what it
    /// leads to.
    pub dangerous: Vec<PathBuf>,
}

/// What came of a judgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every policy that applies admits it.
    Admitted,
    /// Some do not.
    Denied {
        /// What is denied, at least one thing, by policy.
        denials: Vec<Denial>,
        /// What happens to a container that runs: the strictest of the policies that deny.
        on_violation: OnViolation,
    },
}

/// One thing that a policy denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The policy's name.
    pub policy: String,
    /// The field of the policy, below its `spec`: `images.allow`.
    pub rule: &'static str,
    /// The field of the manifest that asks for it: `spec.volumes[0].hostPath`.
    pub field: String,
    /// What is denied, and why.
    pub message: String,
    /// What would be admitted.
    pub help: String,
}

impl std::fmt::Display for Denial {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { policy, rule, message, help, .. } = self;
        write!(formatter, "{message} (policy {policy}, {rule}); {help}")
    }
}

/// Two policies have one name, so that nobody could tell which of them denies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{second}: the name `{name}` is taken by the policy in {first}: give each policy its own name")]
pub struct SameName {
    /// The name.
    pub name: String,
    /// The file of the one.
    pub first: String,
    /// The file of the other.
    pub second: String,
}

/// Every policy of a controller.
#[derive(Clone, Debug)]
pub struct Policies {
    policies: Vec<Policy>,
    dangerous: Vec<PathBuf>,
}

impl Policies {
    /// The built-in ones alone.
    pub fn built_in(defaults: Defaults) -> Self {
        Self { policies: vec![default_git()], dangerous: paths::dangerous(defaults.dangerous) }
    }

    /// Of these policies, each with the file it is from, and the built-in ones.
    pub fn new(configured: Vec<(String, Policy)>, defaults: Defaults) -> Result<Self, SameName> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for (file, policy) in &configured {
            let name = policy.metadata.name.to_string();
            if let Some(first) = files.insert(name.clone(), file.clone()) {
                return Err(SameName { name, first, second: file.clone() });
            }
        }
        let mut policies: Vec<Policy> = configured.into_iter().map(|(_, policy)| policy).collect();
        if !files.contains_key(DEFAULT_GIT) {
            policies.push(default_git());
        }
        // It holds for git sources, whatever it says: one that applied to fewer would leave the others without any.
        for policy in policies.iter_mut().filter(|policy| policy.metadata.name.as_str() == DEFAULT_GIT) {
            policy.spec.applies_to = default_git().spec.applies_to;
        }
        Ok(Self { policies, dangerous: paths::dangerous(defaults.dangerous) })
    }

    /// Sets the limits of a container where its manifest says nothing. The size of `/dev/shm` is part of the spec hash, so it
    /// is to be taken after this.
    pub fn amend(&self, source: &SourceTrust, workspace: &Workspace, container: &mut ContainerSpec) {
        limits::amend(self.applying(source, &workspace.metadata.labels).map(|policy| &policy.spec.limits), container);
    }

    /// Every path of the host that has to be looked up before a container can be judged; nothing where no policy applies.
    pub fn host_paths(&self, source: &SourceTrust, workspace: &Workspace, container: &ContainerSpec) -> Vec<PathBuf> {
        if self.applying(source, &workspace.metadata.labels).next().is_none() {
            return Vec::new();
        }
        let mounts = container.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Host(path) => Some(path.clone()),
            MountSource::Volume { .. } | MountSource::Tmpfs(_) | MountSource::Secret { .. } => None,
        });
        let files = container.env.iter().filter_map(|(_, value)| match value {
            EnvValue::File { path, .. } => Some(path.clone()),
            EnvValue::Plain(_) | EnvValue::Secret { .. } => None,
        });
        let paths: BTreeSet<PathBuf> = mounts.chain(files).collect();
        if paths.is_empty() { Vec::new() } else { paths.into_iter().chain([source.base.clone()]).collect() }
    }

    /// Whether every policy that applies admits a container.
    pub fn judge(&self, subject: &Subject<'_>) -> Verdict {
        let mut found = Found::default();
        let uses = subject.workspace.spec.secrets();
        let named: Vec<(&str, &str)> = uses.iter().map(|it| (it.name.as_str(), it.field.as_str())).collect();
        for policy in self.applying(subject.source, &subject.workspace.metadata.labels) {
            let mut court = Court { policy, found: &mut found };
            let rules = &policy.spec;
            image::judge(&rules.images, subject, &mut court);
            paths::judge_mounts(&rules.mounts, &self.dangerous, subject, &mut court);
            paths::judge_env(&rules.env, subject, &mut court);
            security::judge(&rules.security, subject, &mut court);
            access::judge(rules, subject, &mut court);
            limits::judge(&rules.limits, subject, &mut court);
            access::judge_secrets(&rules.secrets, &named, &mut court);
        }
        found.verdict()
    }

    /// What each of these workspaces is denied because there are too many. Those that come first are admitted first: bring those that are there
    /// already before new ones, in an order that stays, and leave out what is denied for another reason.
    ///
    /// Every number is counted by itself, so that one more policy never makes room in another.
    pub fn counts(&self, workspaces: &[Counted<'_>]) -> Vec<Verdict> {
        count::judge(&self.policies, workspaces)
    }

    /// The names of the policies that apply to a workspace, in the order in which they judge.
    pub fn names<'a>(
        &'a self,
        source: &'a SourceTrust,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a str> {
        self.applying(source, labels).map(|policy| policy.metadata.name.as_str())
    }

    fn applying<'a>(
        &'a self,
        source: &'a SourceTrust,
        labels: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'a Policy> {
        self.policies.iter().filter(|policy| applies(&policy.spec, source, labels))
    }
}

fn applies(rules: &PolicySpec, source: &SourceTrust, labels: &BTreeMap<String, String>) -> bool {
    let to = &rules.applies_to;
    (to.sources.is_empty() || to.sources.iter().any(|name| name.matches(&source.name)))
        && (to.kinds.is_empty() || to.kinds.contains(&source.kind))
        && to.selector.as_ref().is_none_or(|selector| selector.0.selects(labels))
}

/// What is denied so far, by all policies.
#[derive(Default)]
struct Found {
    denials: Vec<Denial>,
    on_violation: OnViolation,
}

impl Found {
    fn verdict(self) -> Verdict {
        let Self { denials, on_violation } = self;
        if denials.is_empty() { Verdict::Admitted } else { Verdict::Denied { denials, on_violation } }
    }
}

/// One policy, and what it denies.
struct Court<'a> {
    policy: &'a Policy,
    found: &'a mut Found,
}

impl Court<'_> {
    fn deny(&mut self, rule: &'static str, field: impl Into<String>, message: String, help: impl Into<String>) {
        self.found.on_violation = self.found.on_violation.max(self.policy.spec.on_violation);
        self.found.denials.push(Denial {
            policy: self.policy.metadata.name.to_string(),
            rule,
            field: field.into(),
            message,
            help: help.into(),
        });
    }
}

/// What is allowed, for a message: `` `a`, `b` ``.
fn listed<T: std::fmt::Display>(allowed: &[T]) -> String {
    if allowed.is_empty() {
        return "none is allowed".to_owned();
    }
    let words: Vec<String> = allowed.iter().map(|word| format!("`{word}`")).collect();
    format!("allowed: {}", words.join(", "))
}
