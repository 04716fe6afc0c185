//! Which containers are given secrets. Pure.

use crate::engine::{ContainerSpec, EnvValue, MountSource};

/// Whether a container is given anything that is read from files.
pub(super) fn has_any(spec: &ContainerSpec) -> bool {
    spec.env.iter().any(|(_, value)| !matches!(value, EnvValue::Plain(_))) || has_files(spec)
}

/// Whether a container is given secrets as files.
pub(super) fn has_files(spec: &ContainerSpec) -> bool {
    spec.mounts.iter().any(|mount| matches!(mount.source, MountSource::Secret { .. }))
}
