//! Where the engine listens, and what to do when it does not.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Where Docker listens unless told otherwise.
const DEFAULT: &str = "unix:///var/run/docker.sock";

/// Where an engine listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// `host:port`, spoken to in plain HTTP.
    Tcp(String),
}

/// Why an address is not one of an engine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// A scheme that would need TLS or a remote shell.
    #[error(
        "cannot connect to the container engine at `{0}`: only `unix://` and `tcp://` (without TLS) are supported. For an engine on another machine, forward its socket: `ssh -L /tmp/engine.sock:/var/run/docker.sock HOST`, then use `unix:///tmp/engine.sock`"
    )]
    Scheme(String),
    /// Nothing that could be an address.
    #[error(
        "`{0}` is not the address of a container engine: use one such as `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`"
    )]
    Address(String),
}

impl Endpoint {
    /// The address asked for, else `DOCKER_HOST`, else the usual socket. An empty address counts as none, as in the
    /// engine's own client.
    pub(super) fn choose(asked: Option<&str>) -> Result<Self, ConnectError> {
        let given = |text: &String| !text.is_empty();
        let address = asked
            .map(str::to_owned)
            .filter(given)
            .or_else(|| std::env::var("DOCKER_HOST").ok().filter(given))
            .unwrap_or_else(|| DEFAULT.to_owned());
        Self::parse(&address)
    }

    fn parse(address: &str) -> Result<Self, ConnectError> {
        let shown = || address.escape_debug().to_string();
        match address.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            Some(("tcp" | "http", authority)) => {
                let authority = authority.trim_end_matches('/');
                let valid = authority.rsplit_once(':').is_some_and(|(host, port)| {
                    let host_byte = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
                    !host.is_empty() && host.bytes().all(host_byte) && port.parse::<u16>().is_ok()
                });
                if valid { Ok(Self::Tcp(authority.to_owned())) } else { Err(ConnectError::Address(shown())) }
            }
            Some(("https" | "ssh" | "npipe" | "fd", _)) => Err(ConnectError::Scheme(shown())),
            _ => Err(ConnectError::Address(shown())),
        }
    }

    /// Whether paths of the host mean the same to the engine and to this process. A container's socket forwarded from
    /// elsewhere looks local too; nothing in the API would tell.
    pub(super) fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// What goes into the `Host` header, which HTTP demands and engines ignore on sockets.
    pub(super) fn authority(&self) -> &str {
        match self {
            Self::Unix(_) => "docker",
            Self::Tcp(authority) => authority,
        }
    }

    /// Why no connection came about, and what a person can do about it.
    pub(super) fn advice(&self, kind: ErrorKind) -> &'static str {
        match (self, kind) {
            (Self::Unix(_), ErrorKind::NotFound) => {
                "there is no socket. Is Docker installed and running? Start it with `systemctl start docker`; name another socket with `--host` or DOCKER_HOST"
            }
            (Self::Unix(_), ErrorKind::PermissionDenied) => {
                "permission denied. Only root and the members of the socket's group may open it: `sudo usermod -aG docker $USER`, then log in again"
            }
            (Self::Unix(_), ErrorKind::ConnectionRefused) => {
                "nobody listens on the socket. Start the engine with `systemctl start docker`"
            }
            (Self::Tcp(_), ErrorKind::ConnectionRefused) => {
                "connection refused. Is the engine running, and does it listen on this address?"
            }
            _ => "no connection. Check that the engine runs and that its address is right (`--host`, DOCKER_HOST)",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(formatter, "tcp://{authority}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, shown, local) in [
            ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock", true),
            ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375", false),
            ("http://engine.lan:2375/", "tcp://engine.lan:2375", false),
            ("tcp://[::1]:2375", "tcp://[::1]:2375", false),
        ] {
            let endpoint = Endpoint::parse(text).expect(text);
            assert_eq!((endpoint.to_string().as_str(), endpoint.is_local()), (shown, local));
        }
    }

    #[test]
    fn what_is_not_supported_says_what_is() {
        for (text, expected) in [
            ("ssh://host", "ssh -L"),
            ("https://host:2376", "without TLS"),
            ("/var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("unix://relative", "unix:///var/run/docker.sock"),
            ("tcp://host", "tcp://127.0.0.1:2375"),
            ("tcp://user@host/path:1", "tcp://127.0.0.1:2375"),
        ] {
            let message = Endpoint::parse(text).expect_err(text).to_string();
            assert!(message.contains(text) && message.contains(expected), "{message}");
        }
    }
}
