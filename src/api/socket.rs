//! The unix socket: made so that nobody else can use it, and removed at the end.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixSocket};

use super::error::ServeError;

/// Connections that wait to be taken.
const BACKLOG: u32 = 256;

/// Bytes of a path that an address of a socket holds on Linux, without the one that ends it.
const LONGEST_PATH: usize = 107;

/// A socket in the file system, which goes when this is dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: what is there under the name later may be somebody else's.
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            // It would be taken for a stale one and removed at the next start.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// Listens at a path, for this user alone.
///
/// The socket is bound, then made 0600, and only then listened on: before that, the kernel refuses every connection, so there is no
/// moment at which another user can get in. (A umask would do the same, but for all threads of the process.)
///
/// What is left behind there by a killed process is removed when nobody answers on it. Whether anybody does cannot be asked without a race:
/// the caller holds the lock of the state directory, so that no other controller starts there at the same time.
pub fn listen(path: &Path) -> Result<(UnixListener, SocketFile), ServeError> {
    let length = path.as_os_str().len();
    if length > LONGEST_PATH {
        return Err(ServeError::PathTooLong { path: path.into(), length });
    }
    clear(path)?;
    let failed = |operation| move |source| ServeError::Socket { operation, path: path.into(), source };
    let socket = UnixSocket::new_stream().map_err(failed("make"))?;
    socket.bind(path).map_err(failed("bind"))?;
    let identity = identity(path).map_err(failed("look at"))?;
    let file = SocketFile { path: path.into(), identity };
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(failed("protect"))?;
    let listener = socket.listen(BACKLOG).map_err(failed("listen on"))?;
    Ok((listener, file))
}

/// Removes a socket on which nobody answers; anything else that is there stays, and is an error.
fn clear(path: &Path) -> Result<(), ServeError> {
    let failed = |operation| move |source| ServeError::Socket { operation, path: path.into(), source };
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => return Err(ServeError::NotASocket { path: path.into() }),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(ServeError::InUse { path: path.into() }),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "removing a socket that nobody answers on");
            std::fs::remove_file(path).map_err(failed("remove"))
        }
        // A queue that is full, for one: somebody has it.
        Err(error) => Err(failed("ask who has")(error)),
    }
}

fn identity(path: &Path) -> std::io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Whether who connected may ask: this user, and root, who may do everything anyway. The mode of the file says so already, except on file
/// systems and systems that do not look at it.
pub fn may_ask(peer: &UCred) -> bool {
    is_known(peer.uid(), rustix::process::geteuid().as_raw())
}

const fn is_known(peer: u32, own: u32) -> bool {
    peer == 0 || peer == own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_user_and_root_may_ask() {
        assert!(is_known(0, 1000) && is_known(1000, 1000));
        assert!(!is_known(1001, 1000) && !is_known(1000, 0));
    }
}
