//! What a container wants secrets for.

use std::path::Path;

use super::{Problem, SecretError};
use crate::engine::{ContainerSpec, EnvValue, MountSource};
use crate::model::Name;
use crate::model::spec::{SecretRef, SecretVolume};

/// A place of a container that a secret is wanted for.
pub(super) enum Wanted<'a> {
    File(&'a str, &'a Path),
    Variable(&'a str, &'a SecretRef),
    Volume(&'a str, &'a SecretVolume),
}

impl Wanted<'_> {
    fn field(&self) -> String {
        match self {
            Self::File(name, _) | Self::Variable(name, _) => variable(name),
            Self::Volume(target, _) => volume(target),
        }
    }
}

pub(super) fn variable(name: &str) -> String {
    format!("environment variable {name}")
}

pub(super) fn volume(target: &str) -> String {
    format!("volume at {target}")
}

pub(super) fn shown(name: &Name) -> String {
    format!("secret `{name}`")
}

pub(super) fn as_ref(secret: &SecretVolume) -> SecretRef {
    SecretRef { name: secret.name.clone(), key: secret.key.clone() }
}

/// Does something for each place that a secret is wanted for; the first problem ends it.
pub(super) fn each<'a>(
    spec: &'a ContainerSpec,
    mut deed: impl FnMut(&Wanted<'a>) -> Result<(), Problem>,
) -> Result<(), SecretError> {
    let variables = spec.env.iter().filter_map(|(name, value)| match value {
        EnvValue::Plain(_) => None,
        EnvValue::File { path, .. } => Some(Wanted::File(name, path)),
        EnvValue::Secret { secret, .. } => Some(Wanted::Variable(name, secret)),
    });
    let volumes = spec.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Secret { secret, .. } => Some(Wanted::Volume(mount.target.as_str(), secret)),
        _ => None,
    });
    variables.chain(volumes).try_for_each(|wanted| deed(&wanted).map_err(|problem| problem.of(&wanted.field())))
}
