//! Replacing a file whole.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::names::SUFFIX;

/// How many characters make the name of a temporary file its own.
const RANDOM: usize = 6;

/// Puts a file with mode 0644 in the place of whatever file or symbolic link is there. With `make_directory`, its
/// directory is made first; without, one that is gone stays gone.
pub(super) fn replace(path: &Path, text: &str, make_directory: bool) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    if make_directory {
        fs::create_dir_all(directory)?;
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    // Hidden, so that a source takes no notice; in the same directory, so that renaming is atomic.
    let prefix = format!(".{name}.");
    let mut temporary = tempfile::Builder::new().prefix(&prefix).rand_bytes(RANDOM).tempfile_in(directory)?;
    temporary.write_all(text.as_bytes())?;
    temporary.as_file().set_permissions(Permissions::from_mode(0o644))?;
    // Before the renaming: after a crash, a new name must not lead to an empty file.
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    // Without it, a crash may bring the old file back, which is whole as well: where a file system cannot sync
    // directories, that is no reason to call the file unwritten.
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
    Ok(())
}

/// Whether a name is that of a temporary file of [`replace`].
pub(super) fn is_temporary(name: &str) -> bool {
    let Some((stem, random)) = name.strip_prefix('.').and_then(|name| name.rsplit_once('.')) else { return false };
    stem.ends_with(SUFFIX) && random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_files_are_told_by_their_names() {
        assert!(is_temporary(".api-dev.status.yaml.aB3xYz"));
        for name in [".api-dev.status.yaml", "api-dev.status.yaml.aB3xYz", ".x.yaml.aB3xYz", ".x.status.yaml.swp"] {
            assert!(!is_temporary(name), "{name}");
        }
    }
}
