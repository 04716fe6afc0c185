//! Status files as they are on the disk, to be shown elsewhere.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::walk::{Links, walk};
use super::{HEADER, StatusFileError, StatusFiles, is_missing, names};
use crate::disk::{Disk, Kind, Panicked, offload};

/// How much is taken at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Most {
    /// Files.
    pub files: usize,
    /// Bytes of all of them together.
    pub bytes: u64,
}

/// Why status files cannot be shown elsewhere. The files themselves are not affected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// They cannot be found.
    #[error(transparent)]
    List(#[from] StatusFileError),
    /// One of them cannot be read.
    #[error("cannot read `{}` ({source}): check the disk and the permissions of the status directory", path.display())]
    Read {
        /// The status file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There are more than are taken.
    #[error("the status files in `{}` are more than {limit}: divide the workspaces among several sources", root.display())]
    TooMuch {
        /// Where they are.
        root: PathBuf,
        /// How much there may be, with its unit.
        limit: String,
    },
    /// Reading panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

impl StatusFiles {
    /// The content of each status file that Wharf wrote, by its path relative to the root, with `/` between components. `source`: only
    /// those in the directory of this name, relative to it. No symbolic link is followed, whatever it leads to.
    pub async fn copies(
        self: &Arc<Self>,
        source: Option<&str>,
        most: Most,
    ) -> Result<BTreeMap<String, Vec<u8>>, CopyError> {
        let root = source.map_or_else(|| self.root.clone(), |name| self.root.join(name));
        let (files, is_part) = (Arc::clone(self), source.is_some());
        offload(&self.disk, move || files.copies_in(&root, is_part, most)).await?
    }

    fn copies_in(&self, root: &Path, is_part: bool, most: Most) -> Result<BTreeMap<String, Vec<u8>>, CopyError> {
        // The root is where somebody wants it to be; what is in it is Wharf's to make.
        if is_part && !is_directory(&*self.disk, root) {
            return Ok(BTreeMap::new());
        }
        let found = match walk(&*self.disk, root, Links::LeftOut) {
            Err(StatusFileError::List { source, .. }) if is_missing(&source) => return Ok(BTreeMap::new()),
            found => found?.status_files,
        };
        let too_much = |limit| CopyError::TooMuch { root: root.to_owned(), limit };
        let (mut copies, mut left) = (BTreeMap::new(), most.bytes);
        for (relative, path) in found.into_iter().filter(|(relative, _)| names::manifest_of(relative).is_some()) {
            let Some(bytes) = self.copy(&path, left)? else { continue };
            left = left.checked_sub(bytes.len() as u64).ok_or_else(|| too_much(format!("{} bytes", most.bytes)))?;
            copies.insert(relative, bytes);
            if copies.len() > most.files {
                return Err(too_much(format!("{} files", most.files)));
            }
        }
        Ok(copies)
    }

    /// `None`: it is gone, or not what Wharf wrote. Of one with more than `left` bytes, that many and one.
    fn copy(&self, path: &Path, left: u64) -> Result<Option<Vec<u8>>, CopyError> {
        let look = || {
            let listed = self.disk.symlink_metadata(path)?;
            Ok((listed, self.disk.read(path, left.saturating_add(1))?))
        };
        let (listed, content) = match look() {
            Err(error) if is_missing(&error) => return Ok(None),
            looked => looked.map_err(|source| CopyError::Read { path: path.to_owned(), source })?,
        };
        // A link that took the file's place leads to another file than was looked at.
        let is_itself = listed.kind == Kind::File && content.before.identity == listed.identity;
        Ok(Some(content.bytes).filter(|bytes| is_itself && bytes.starts_with(HEADER.as_bytes())))
    }
}

fn is_directory(disk: &dyn Disk, path: &Path) -> bool {
    disk.symlink_metadata(path).is_ok_and(|found| found.kind == Kind::Directory)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const MOST: Most = Most { files: 3, bytes: 1000 };

    fn files(root: &Path) -> Arc<StatusFiles> {
        Arc::new(StatusFiles::new(root, Some(root)))
    }

    fn write(root: &Path, path: &str, text: &str) {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }

    #[tokio::test]
    async fn only_what_wharf_wrote_is_copied_and_no_link_is_followed() {
        let (place, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (root, ours) = (place.path(), format!("{HEADER}a: 1\n"));
        for path in
            ["api.status.yaml", "team/web.status.yaml", ".hidden/x.status.yaml", "x.yaml", ".x.status.yaml.aaaaaa"]
        {
            write(root, path, &ours);
        }
        write(root, "mine.status.yaml", "password: x\n");
        write(other.path(), "there.status.yaml", &ours);
        symlink(other.path().join("there.status.yaml"), root.join("link.status.yaml")).unwrap();
        symlink(other.path(), root.join("directory")).unwrap();
        let copies = files(root).copies(None, MOST).await.unwrap();
        assert_eq!(copies.keys().collect::<Vec<_>>(), ["api.status.yaml", "team/web.status.yaml"]);
        assert_eq!(copies["api.status.yaml"], ours.as_bytes());
        let of_team = files(root).copies(Some("team"), MOST).await.unwrap();
        assert_eq!(of_team.keys().collect::<Vec<_>>(), ["web.status.yaml"]);
        for none in ["directory", "missing"] {
            assert_eq!(files(root).copies(Some(none), MOST).await.unwrap(), BTreeMap::new(), "{none}");
        }
    }

    #[tokio::test]
    async fn more_than_the_most_is_refused_with_its_number() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        for name in ["a", "b", "c"] {
            write(root, &format!("{name}.status.yaml"), HEADER);
        }
        assert_eq!(files(root).copies(None, MOST).await.unwrap().len(), 3);
        write(root, "d.status.yaml", HEADER);
        let error = files(root).copies(None, MOST).await.unwrap_err().to_string();
        assert!(error.contains("more than 3 files"), "{error}");
        write(root, "a.status.yaml", &(HEADER.to_owned() + &" ".repeat(1000)));
        let error = files(root).copies(None, MOST).await.unwrap_err().to_string();
        assert!(error.contains("more than 1000 bytes"), "{error}");
    }
}
