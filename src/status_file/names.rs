//! Which status file belongs to which manifest. Pure.

use crate::disk::UNIQUE;

/// What every status file's name ends in.
pub(super) const SUFFIX: &str = ".status.yaml";

const EXTENSIONS: [&str; 3] = [".yaml", ".yml", ".json"];

/// The status file's path of a manifest's path, both relative to their roots, with `/` between components. `None` for
/// what is not the path of a manifest.
pub(super) fn status_of(manifest: &str) -> Option<String> {
    if !is_clean(manifest) || !is_manifest(manifest) {
        return None;
    }
    // What keeps its extension is what would be mistaken for another manifest's without it.
    let stem = manifest.strip_suffix(".yaml").filter(|stem| !is_manifest(stem)).unwrap_or(manifest);
    Some(format!("{stem}{SUFFIX}"))
}

/// The manifest of a status file: the inverse of [`status_of`].
pub(super) fn manifest_of(status: &str) -> Option<String> {
    let stem = status.strip_suffix(SUFFIX)?;
    let manifest = if is_manifest(stem) { stem.to_owned() } else { format!("{stem}.yaml") };
    is_clean(&manifest).then_some(manifest)
}

/// Whether a name is that of a temporary file which [`crate::disk::replace`] left behind in place of a status file.
pub(super) fn is_temporary(name: &str) -> bool {
    let Some((stem, unique)) = name.strip_prefix('.').and_then(|name| name.rsplit_once('.')) else { return false };
    stem.ends_with(SUFFIX) && unique.len() == UNIQUE && unique.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    EXTENSIONS.iter().any(|extension| name.len() > extension.len() && name.ends_with(extension))
}

fn is_clean(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|component| !matches!(component, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_manifests_share_a_status_file() {
        let pairs = [
            ("x.yaml", "x.status.yaml"),
            ("x.yml", "x.yml.status.yaml"),
            ("x.json", "x.json.status.yaml"),
            ("x.json.yaml", "x.json.yaml.status.yaml"),
            ("x.yaml.yaml", "x.yaml.yaml.status.yaml"),
            ("x.yaml.yaml.yaml", "x.yaml.yaml.yaml.status.yaml"),
            ("x.yml.json", "x.yml.json.status.yaml"),
            ("x.status.yml", "x.status.yml.status.yaml"),
            ("a/b.c/api-dev.yaml", "a/b.c/api-dev.status.yaml"),
            ("a.yaml/x.yaml", "a.yaml/x.status.yaml"),
        ];
        for (manifest, status) in pairs {
            assert_eq!(status_of(manifest).as_deref(), Some(status));
            assert_eq!(manifest_of(status).as_deref(), Some(manifest), "{status}");
        }
    }

    #[test]
    fn temporary_files_are_told_by_their_names() {
        assert!(is_temporary(".api-dev.status.yaml.aB3xYz"));
        for name in [".api-dev.status.yaml", "api-dev.status.yaml.aB3xYz", ".x.yaml.aB3xYz", ".x.status.yaml.swp"] {
            assert!(!is_temporary(name), "{name}");
        }
    }

    #[test]
    fn only_clean_relative_paths_of_manifests_have_a_status_file() {
        for path in
            ["", "/etc/x.yaml", "../x.yaml", "a/../x.yaml", "a//x.yaml", "./x.yaml", "x", "a/.yaml", "x.y\0.yaml"]
        {
            assert_eq!(status_of(path), None, "{path:?}");
        }
    }
}
