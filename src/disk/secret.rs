//! A secret that a file of its own holds, for the start of a program.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretSlice};

/// The shortest secret that is taken: 128 bits, if they are drawn well.
const SHORTEST: usize = 16;
/// More than this is a mistake: the wrong file.
const LONGEST: usize = 4096;

/// Why a file does not give a secret. Never says what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("the secret in `{}` cannot be read: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is a directory, a pipe or the like.
    #[error("`{}` is not a file", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// Others may read or change it.
    #[error("others than its owner may use the secret in `{}` (mode {mode:04o})", path.display())]
    NotPrivate {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is too short to be safe, or too long to be meant.
    #[error("the secret in `{}` has {} bytes", path.display(), count(*length))]
    Length {
        /// Which.
        path: PathBuf,
        /// Bytes, line feeds at its end not counted.
        length: usize,
    },
}

impl SecretFileError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { .. } => "check the path and who may read it".to_owned(),
            Self::NotAFile { .. } => "name a file that holds the secret".to_owned(),
            Self::NotPrivate { path, .. } => format!("make it private: chmod 600 {}", path.display()),
            Self::Length { .. } => {
                format!("it needs {SHORTEST} to {LONGEST}, such as those of `openssl rand -hex 32`")
            }
        }
    }
}

fn count(length: usize) -> String {
    if length > LONGEST { "too many".to_owned() } else { length.to_string() }
}

/// Reads the secret that a file of this machine holds: 16 to 4096 bytes, readable by its owner alone. Line feeds at its end do not count.
/// Blocks.
pub fn read_secret(path: &Path) -> Result<SecretSlice<u8>, SecretFileError> {
    let unreadable = |source| SecretFileError::Unreadable { path: path.to_owned(), source };
    // Opening a pipe would wait for somebody who writes.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SecretFileError::NotAFile { path: path.to_owned() });
    }
    let opened = File::open(path).map_err(unreadable)?;
    let mode = opened.metadata().map_err(unreadable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(SecretFileError::NotPrivate { path: path.to_owned(), mode });
    }
    let mut bytes = Vec::with_capacity(LONGEST + 1);
    opened.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    while bytes.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
        bytes.pop();
    }
    let secret = SecretSlice::from(bytes);
    let length = secret.expose_secret().len();
    if !(SHORTEST..=LONGEST).contains(&length) {
        return Err(SecretFileError::Length { path: path.to_owned(), length });
    }
    Ok(secret)
}
