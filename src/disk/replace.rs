//! Replacing a file whole.

use std::io;
use std::path::Path;

use super::Disk;

/// Puts a file in the place of whatever file or symbolic link is there. A reader sees the old one or the new one, also after
/// a crash; a crash leaves at most a file beside it whose name is `.`, the name, `.` and [`super::UNIQUE`] characters.
///
/// The directory is not synchronised: after a loss of power the old file may be back, which is whole as well.
pub fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    // Hidden, so that a source takes no notice; in the same directory, so that renaming is atomic.
    let (temporary, mut file) = disk.create_unique(directory, &format!(".{name}."))?;
    // Durable before it has the name: after a crash, that must not lead to an empty file.
    let replaced = file.write_all(bytes).and_then(|()| file.seal(mode)).and_then(|()| disk.rename(&temporary, path));
    if replaced.is_err() {
        // Best effort: whoever comes next removes what is left.
        let _ = disk.remove_file(&temporary);
    }
    replaced
}
