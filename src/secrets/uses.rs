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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_that_names_a_secret_is_told() {
        let spec: WorkspaceSpec = serde_json::from_str(
            r#"{"image": "x",
                "env": [{"name": "A", "value": "a"}, {"name": "B", "valueFrom": {"file": "b"}},
                        {"name": "C", "valueFrom": {"secretRef": {"name": "db", "key": "password"}}}],
                "volumes": [{"tmpfs": {}, "mountPath": "/t"}, {"secret": {"name": "tls"}, "mountPath": "/s"}]}"#,
        )
        .expect("a spec");
        let shown = |it: SecretUse| format!("{} {:?} {}", it.name, it.key.map(|key| key.to_string()), it.field);
        assert_eq!(
            names_of(&spec).into_iter().map(shown).collect::<Vec<_>>(),
            ["db Some(\"password\") spec.env[2].valueFrom.secretRef", "tls None spec.volumes[1].secret"]
        );
    }
}
