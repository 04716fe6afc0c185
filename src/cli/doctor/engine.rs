//! Is there an engine, may we speak to it, and is it new enough?

use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::Check;
use super::identity::{self, Identity};
use crate::engine::docker::Docker;
use crate::engine::{Engine, EngineError, EngineInfo};

const NAME: &str = "engine";
const START: &str = "start it with `sudo systemctl start docker`";

pub(super) fn checks(host: Option<&str>) -> Vec<Check> {
    let docker = match Docker::connect(host) {
        Ok(docker) => docker,
        Err(error) => return vec![Check::bad(NAME, error.to_string(), "correct `--host` or DOCKER_HOST")],
    };
    let endpoint = docker.shown_endpoint();
    match ask(&docker) {
        Ok(Ok(info)) => answered(&info),
        Ok(Err(error)) => vec![unanswered(&endpoint, &error)],
        Err(error) => vec![Check::bad(NAME, format!("cannot be asked: {error}"), "try again when there is memory")],
    }
}

fn ask(docker: &Docker) -> std::io::Result<Result<EngineInfo, EngineError>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(docker.info()))
}

fn answered(info: &EngineInfo) -> Vec<Check> {
    let EngineInfo { version, api_version, endpoint, local } = info;
    let mut checks =
        vec![Check::good(NAME, format!("{version} at {endpoint}, API {api_version} (1.41 or newer will do)"))];
    if !local {
        checks.push(Check::attention(
            "engine's place",
            format!("{endpoint} may be another machine: project directories and host paths are looked up there"),
            "run Wharf beside the engine, or keep the same paths on both",
        ));
    }
    checks
}

fn unanswered(endpoint: &str, error: &EngineError) -> Check {
    let refused = endpoint.strip_prefix("unix://").and_then(|socket| refused(Path::new(socket)));
    refused.unwrap_or_else(|| {
        Check::bad(NAME, error.to_string(), format!("look at its log: `journalctl -u docker`; {START}"))
    })
}

/// What the socket itself says; `None` when it lets us in.
fn refused(socket: &Path) -> Option<Check> {
    let shown = socket.display();
    Some(match UnixStream::connect(socket).err()?.kind() {
        ErrorKind::NotFound => {
            let elsewhere =
                elsewhere(socket).map(|path| format!("; there is one at DOCKER_HOST=unix://{}", path.display()));
            Check::bad(
                NAME,
                format!("there is no socket {shown}{}", elsewhere.unwrap_or_default()),
                format!(
                    "install Docker 20.10 or newer and {START}, or name another socket with `--host` or DOCKER_HOST"
                ),
            )
        }
        ErrorKind::PermissionDenied => not_permitted(socket),
        ErrorKind::ConnectionRefused => Check::bad(NAME, format!("nobody listens on {shown}"), START),
        kind => Check::bad(NAME, format!("{shown} cannot be opened: {kind}"), "name the engine's socket with `--host`"),
    })
}

fn not_permitted(socket: &Path) -> Check {
    let shown = socket.display();
    let metadata = socket.metadata().ok();
    let identity = Identity::of_this_process();
    let owners = metadata.as_ref().map_or_else(|| "somebody else".to_owned(), identity::owners);
    let us = identity.as_ref().map_or_else(|| "somebody else".to_owned(), Identity::shown);
    let group = metadata.map_or_else(|| "docker".to_owned(), |metadata| identity::group_name(metadata.gid()));
    let user = identity.map_or_else(|| "$USER".to_owned(), |identity| identity.user_name());
    Check::bad(
        NAME,
        format!("{shown} belongs to {owners}, and you are {us}"),
        format!("`sudo usermod -aG {group} {user}` and log in again; whoever may open this socket is as good as root"),
    )
}

/// A socket where rootless engines and desktop products put theirs.
fn elsewhere(tried: &Path) -> Option<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(|directory| PathBuf::from(directory).join("docker.sock"));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker/run/docker.sock"));
    let usual = Some(PathBuf::from("/var/run/docker.sock"));
    [usual, runtime, home].into_iter().flatten().find(|path| path != tried && UnixStream::connect(path).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_tells_why_it_does_not_answer() {
        let directory = tempfile::tempdir().expect("a directory");
        let missing = directory.path().join("missing.sock");
        let check = refused(&missing).expect("refused");
        assert!(check.message.starts_with(&format!("there is no socket {}", missing.display())), "{check:?}");

        let deaf = directory.path().join("deaf.sock");
        drop(std::os::unix::net::UnixListener::bind(&deaf).expect("bind"));
        assert_eq!(refused(&deaf).expect("refused").message, format!("nobody listens on {}", deaf.display()));

        let open = directory.path().join("open.sock");
        let _listener = std::os::unix::net::UnixListener::bind(&open).expect("bind");
        assert_eq!(refused(&open), None);

        let check = not_permitted(&open);
        assert!(check.message.contains("belongs to ") && check.message.contains("you are "), "{check:?}");
        assert!(check.fix.expect("a fix").starts_with("`sudo usermod -aG "), "{}", check.message);
    }
}
