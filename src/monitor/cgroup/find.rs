//! Where a container's cgroup is, found from the container's ID without a call to the engine.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

/// How many directories are looked into before a container counts as not found: more than any machine of workspaces has, and
/// some ten milliseconds.
const MOST_DIRECTORIES: usize = 10_000;

/// How deep the walk goes. Cgroup parents that people choose lie one to three levels deep.
const DEEPEST: usize = 8;

/// The container's directory, relative to the root of a hierarchy.
///
/// First where Docker puts it: with the cgroupfs driver `docker/<id>`, with the systemd driver
/// `system.slice/docker-<id>.scope`, and rootless in the slice of a user. Else (`--cgroup-parent`, an engine in a container) one
/// bounded walk for a directory that is called like it.
///
/// Source: <https://docs.docker.com/engine/containers/runmetrics/#find-the-cgroup-for-a-given-container>.
pub(super) fn find(hierarchy: &Path, id: &str) -> Option<PathBuf> {
    if !is_id(id) {
        return None;
    }
    let scope = format!("docker-{id}.scope");
    let usual = [PathBuf::from("docker").join(id), PathBuf::from("system.slice").join(&scope)];
    let found = usual.into_iter().chain(of_users(hierarchy, &scope)).find(|path| hierarchy.join(path).is_dir());
    found.or_else(|| walk(hierarchy, id))
}

/// An ID that came from somewhere else must not lead out of the hierarchy.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// `user.slice/user-1000.slice/user@1000.service/user.slice/<scope>` for each user who has a slice.
fn of_users<'a>(hierarchy: &Path, scope: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    let slices = fs::read_dir(hierarchy.join("user.slice")).into_iter().flatten().flatten();
    slices.filter_map(move |entry| {
        let name = entry.file_name();
        let user = name.to_str()?.strip_prefix("user-")?.strip_suffix(".slice")?.to_owned();
        let service = Path::new("user.slice").join(name).join(format!("user@{user}.service"));
        Some(service.join("user.slice").join(scope))
    })
}

fn walk(hierarchy: &Path, id: &str) -> Option<PathBuf> {
    let suffix = format!("-{id}.scope");
    let mut waiting = VecDeque::from([(PathBuf::new(), 0)]);
    let mut left = MOST_DIRECTORIES;
    while let Some((relative, depth)) = waiting.pop_front() {
        for entry in fs::read_dir(hierarchy.join(&relative)).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let name = entry.file_name();
            let path = relative.join(&name);
            if name.to_str().is_some_and(|name| name == id || name.ends_with(&suffix)) {
                return Some(path);
            }
            left = left.checked_sub(1)?;
            if depth + 1 < DEEPEST {
                waiting.push_back((path, depth + 1));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f5e0000aaaa";

    fn hierarchy(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a directory");
        for path in paths {
            fs::create_dir_all(root.path().join(path)).expect("made");
        }
        root
    }

    #[test]
    fn containers_are_found_wherever_an_engine_puts_them() {
        for place in [
            "docker/4f5e0000aaaa",
            "system.slice/docker-4f5e0000aaaa.scope",
            "user.slice/user-1000.slice/user@1000.service/user.slice/docker-4f5e0000aaaa.scope",
            "teams.slice/teams-payments.slice/docker-4f5e0000aaaa.scope",
            "machines/4f5e0000aaaa",
            "docker/0123/docker/4f5e0000aaaa",
        ] {
            let root = hierarchy(&[place, "docker/another", "user.slice/user-1.slice", "system.slice/ssh.service"]);
            assert_eq!(find(root.path(), ID), Some(place.into()), "{place}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let root = hierarchy(&["docker/4f5e0000aaab", "4/5/6/7/8/9/10/11/4f5e0000aaaa"]);
        for id in [ID, "", "..", "../docker", "4f5e"] {
            assert_eq!(find(root.path(), id), None, "{id}");
        }
        assert_eq!(find(Path::new("/not/there"), ID), None);
    }
}
