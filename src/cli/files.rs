//! Finding, reading and writing files.

use std::collections::HashSet;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::CliError;
use crate::manifest::MAX_BYTES;

/// One byte more than a manifest may have: enough to see that it is too large, whatever it is.
const READ_LIMIT: u64 = MAX_BYTES as u64 + 1;

/// What a search found.
#[derive(Debug, Default)]
pub struct Found {
    /// Everything with a wanted name, sorted by path; whether it is a file is not looked at.
    pub paths: Vec<PathBuf>,
    /// The directories that could not be listed.
    pub unlisted: Vec<(PathBuf, io::Error)>,
    /// How many directories there are, the first included.
    pub directories: usize,
}

/// Looks for names under a directory; hidden ones are left out. Links are followed, and every directory is listed once.
pub fn find(directory: &Path, wanted: impl Fn(&str) -> bool) -> Found {
    let mut found = Found::default();
    let mut listed = HashSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        let mut list = || {
            let metadata = directory.metadata()?;
            if !listed.insert((metadata.dev(), metadata.ino())) {
                return Ok(());
            }
            found.directories += 1;
            for entry in std::fs::read_dir(&directory)? {
                let name = entry?.file_name();
                let path = directory.join(&name);
                let name = name.to_string_lossy();
                if !name.starts_with('.') && wanted(&name) {
                    found.paths.push(path);
                } else if !name.starts_with('.') && path.is_dir() {
                    open.push(path);
                }
            }
            Ok(())
        };
        if let Err(error) = list() {
            found.unlisted.push((directory, error));
        }
    }
    found.paths.sort();
    found
}

/// Reads a manifest, as much of it as its parser looks at.
pub fn read_manifest(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(READ_LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file into a directory, which is made if it is not there.
pub fn write(directory: &Path, name: &str, contents: &[u8]) -> Result<(), CliError> {
    let path = directory.join(name);
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(&path, contents))
        .map_err(|source| CliError::Write { path, source })
}
