//! What the name of a directory entry says about it.

use std::ffi::OsStr;

/// What an entry is to a source, judged by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A manifest, whatever it turns out to be: a named pipe called `x.yaml` is a manifest that cannot be read.
    Manifest,
    /// Hidden, or written by Wharf itself: neither read, entered nor watched.
    Ignored,
    /// Of interest only if it is a directory. Editor leftovers (`x.yaml~`, `#x.yaml#`, `x.yaml.tmp`, `4913`) end up here.
    Other,
}

/// Judges a name.
pub(super) fn role(name: &OsStr) -> Role {
    let name = name.as_encoded_bytes();
    if name.starts_with(b".") || name.ends_with(b".status.yaml") {
        Role::Ignored
    } else if [b".yaml".as_slice(), b".yml", b".json"].iter().any(|extension| name.ends_with(extension)) {
        Role::Manifest
    } else {
        Role::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_visible_files_with_a_manifest_extension_are_manifests() {
        for name in ["x.yaml", "x.yml", "x.json", "a.b.yaml", "status.yaml", "x.status.json"] {
            assert_eq!(role(OsStr::new(name)), Role::Manifest, "{name}");
        }
        for name in [".x.yaml", ".yaml", ".git", ".#x.yaml", ".x.yaml.swp", "..data", "x.status.yaml"] {
            assert_eq!(role(OsStr::new(name)), Role::Ignored, "{name}");
        }
        for name in ["x.yaml~", "#x.yaml#", "x.yaml.tmp", "x.yaml.bak", "4913", "sedAbCdEf", "team", "yaml", "x.YAML"] {
            assert_eq!(role(OsStr::new(name)), Role::Other, "{name}");
        }
    }
}
