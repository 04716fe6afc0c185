//! Where paths lead to.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::Disk;
use crate::model::policy::{Resolution, Resolved};

/// Looks up where paths lead to. Blocks, on a network's file system for as long as that takes: the caller bounds the time.
pub fn resolve(disk: &dyn Disk, paths: impl IntoIterator<Item = PathBuf>) -> Resolved {
    paths.into_iter().map(|path| (path.clone(), look(disk, &path))).collect()
}

fn look(disk: &dyn Disk, path: &Path) -> Resolution {
    match disk.canonicalize(path) {
        Ok(real) => Resolution::Path(real),
        Err(error) if error.kind() == ErrorKind::NotFound => missing(disk, path),
        Err(error) => Resolution::Unreadable(error.to_string()),
    }
}

/// Where something would be: what is there of the way to it, and the rest.
fn missing(disk: &dyn Disk, path: &Path) -> Resolution {
    if disk.symlink_metadata(path).is_ok() {
        // Whoever may make its target decides where it leads.
        return Resolution::Unreadable("it is a symbolic link to something that is not there".to_owned());
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Resolution::Unreadable("nothing is there".to_owned());
    };
    match look(disk, parent) {
        Resolution::Path(real) | Resolution::Missing(real) => Resolution::Missing(real.join(name)),
        unreadable @ Resolution::Unreadable(_) => unreadable,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::simulated::Simulated;
    use super::super::{Host, Kind};
    use super::*;

    /// The same links on both disks, below a directory.
    fn questions(root: &Path) -> Vec<(PathBuf, Resolution)> {
        let to = |path: &str| Resolution::Path(root.join(path));
        let asked = [
            ("real/file", to("real/file")),
            ("link", to("real")),
            ("link/file", to("real/file")),
            ("real/../link/./file", to("real/file")),
            ("relative", to("real/file")),
            ("chain", to("real")),
            ("up", to("real/file")),
            ("nothing", Resolution::Missing(root.join("nothing"))),
            ("link/none/x", Resolution::Missing(root.join("real/none/x"))),
        ];
        asked.map(|(path, expected)| (root.join(path), expected)).into()
    }

    const LINKS: [(&str, &str); 5] = [
        ("relative", "real/file"),
        ("chain", "link"),
        ("up", "real/../link/file"),
        ("dangling", "nowhere"),
        ("round", "round"),
    ];

    fn check(disk: &dyn Disk, root: &Path) {
        let questions = questions(root);
        let resolved = resolve(disk, questions.iter().map(|(path, _)| path.clone()));
        for (path, expected) in &questions {
            assert_eq!(resolved.get(path), Some(expected), "{}", path.display());
        }
        for endless in ["round", "dangling", "dangling/x", "none/../x"].map(|path| root.join(path)) {
            let found = resolve(disk, [endless.clone()]);
            assert!(matches!(found.get(&endless), Some(Resolution::Unreadable(_))), "{found:?}");
        }
        assert_eq!(resolved.get(Path::new("/never-asked")), None);
    }

    #[test]
    fn links_lead_on_the_machine_where_they_lead() {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().canonicalize().expect("it exists");
        std::fs::create_dir(root.join("real")).expect("made");
        std::fs::write(root.join("real/file"), "").expect("written");
        symlink(root.join("real"), root.join("link")).expect("linked");
        for (link, target) in LINKS {
            symlink(target, root.join(link)).expect("linked");
        }
        check(&Host, &root);
    }

    #[test]
    fn links_lead_to_the_same_on_a_simulated_disk() {
        let (disk, root) = (Simulated::new(1), Path::new("/top/root"));
        disk.write(&root.join("real/file"), b"");
        disk.link(&root.join("link"), &root.join("real"));
        for (link, target) in LINKS {
            disk.link(&root.join(link), Path::new(target));
        }
        check(&disk, root);
        assert_eq!(disk.symlink_metadata(&root.join("link")).map(|found| found.kind).ok(), Some(Kind::Link));
        disk.break_path(root.join("real"), ErrorKind::PermissionDenied);
        let link = root.join("link/file");
        assert!(matches!(resolve(&disk, [link.clone()]).get(&link), Some(Resolution::Unreadable(_))));
    }
}
