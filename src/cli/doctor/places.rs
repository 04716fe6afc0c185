//! The source directory, the status files' and the state's.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::Check;
use crate::cli::statuses::Location;
use crate::cli::text::counted;
use crate::source::{Reading, SourceFile};
use crate::store::Lock;

pub(super) fn checks(location: &Location, source: &Reading) -> Vec<Check> {
    let state = location.state_dir();
    let mut checks = vec![manifests(location, source), status_files(location, source), state_directory(&state)];
    checks.extend(space(&state));
    checks
}

fn manifests(location: &Location, source: &Reading) -> Check {
    const NAME: &str = "source directory";
    let shown = location.dir.display();
    let snapshot = match source {
        Reading::Lost(why) => return Check::bad(NAME, why, "name another with `--dir DIR` or WHARF_DIR"),
        Reading::Complete(snapshot) => snapshot,
    };
    for (path, file) in &snapshot.files {
        if let SourceFile::Unreadable(why) = file {
            return Check::bad(
                NAME,
                format!("{shown}: {path} {why}"),
                "Wharf needs to read every manifest and directory",
            );
        }
    }
    Check::good(NAME, format!("{shown}, {}", counted(snapshot.files.len(), "manifest file")))
}

fn status_files(location: &Location, source: &Reading) -> Check {
    const NAME: &str = "status files";
    let mut directories = BTreeSet::from([location.status_root().to_owned()]);
    if let (None, Reading::Complete(snapshot)) = (&location.status_dir, source) {
        let beside = |path: &String| location.dir.join(path).parent().map(Path::to_owned);
        directories.extend(snapshot.files.keys().filter_map(beside));
    }
    for directory in &directories {
        if let Err(error) = try_to_write(directory) {
            let directory = directory.display();
            let fix = format!("make {directory} writable for this user, or use another with `--status-dir DIR`");
            return Check::bad(NAME, format!("{directory} cannot be written to: {error}"), fix);
        }
    }
    Check::good(NAME, format!("can be written in {}", counted(directories.len(), "place")))
}

fn state_directory(state: &Path) -> Check {
    const NAME: &str = "state directory";
    let shown = state.display();
    let place = existing(state);
    if let Err(error) = try_to_write(&place) {
        let fix = format!("make {} writable for this user, or use another with `--state-dir DIR`", place.display());
        return Check::bad(NAME, format!("{} cannot be written to: {error}", place.display()), fix);
    }
    match Lock::holder(state) {
        Ok(Some(holder)) => Check::good(NAME, format!("{shown}, held by {holder}")),
        Ok(None) if place == state => Check::good(NAME, format!("{shown}, held by no controller")),
        Ok(None) => Check::good(NAME, format!("{shown}, not there yet: the controller makes it")),
        Err(error) => {
            let fix = format!("look as the user who runs the controller, or `chown` {shown} to this one");
            Check::bad(NAME, error.to_string(), fix)
        }
    }
}

/// Room for the controller's memory, which is a few megabytes; a full disk stops it remembering, not reconciling.
fn space(state: &Path) -> Option<Check> {
    const NAME: &str = "disk space";
    const LEAST_MEBIBYTES: u64 = 64;
    const LEAST_FILES: u64 = 1000;
    let place = existing(state);
    let system = statvfs(&place).ok()?;
    let mebibytes = system.f_bavail.saturating_mul(system.f_frsize) >> 20;
    // Some file systems have no table of files, and say 0 of 0.
    let files_short = system.f_files > 0 && system.f_favail < LEAST_FILES;
    let message = format!("{mebibytes} MiB free at {}", place.display());
    Some(if mebibytes < LEAST_MEBIBYTES {
        Check::bad(NAME, message, "free some, or use another disk with `--state-dir DIR`")
    } else if files_short {
        let message = format!("{message}, and room for {} more files", system.f_favail);
        Check::bad(NAME, message, "remove files, or use another disk with `--state-dir DIR`")
    } else {
        Check::good(NAME, message)
    })
}

/// The directory itself, or the nearest one above it that exists.
fn existing(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    if directory.is_dir() {
        return directory.to_owned();
    }
    absolute.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

/// Tried with a file that has no name, so that nobody who watches the directory sees it.
fn try_to_write(directory: &Path) -> io::Result<()> {
    tempfile::tempfile_in(directory).map(drop)
}
