//! Why the API cannot be reached.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the API cannot be reached where it should be.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The path does not fit an address.
    #[error(
        "the path of the control socket has {length} bytes, and a socket's may have 107: {}; use a shorter `--state-dir`",
        path.display()
    )]
    PathTooLong {
        /// Which.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
    },
    /// Something else has the name.
    #[error("{} is in the way of the control socket, and is no socket: move it away", path.display())]
    NotASocket {
        /// Which.
        path: PathBuf,
    },
    /// Another process answers there.
    #[error("another process answers on the control socket {}: end it, or use another `--state-dir`", path.display())]
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// A system call failed.
    #[error("cannot {operation} the control socket {}; check its directory", path.display())]
    Socket {
        /// What failed.
        operation: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The address is reachable from elsewhere.
    #[error(
        "{address} is not a loopback address, and the API is for this machine alone: use `127.0.0.1:PORT` or `[::1]:PORT`"
    )]
    NotLoopback {
        /// Which.
        address: SocketAddr,
    },
    /// The address cannot be had.
    #[error("cannot listen on {address}; is another program there? Use another port, or 0 for a free one")]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}
