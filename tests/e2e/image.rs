//! The container image: nothing but the program, which keeps workspaces on the engine that it runs on.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::manifest::Manifest;
use crate::support::real::{MARK, docker, succeeds};
use crate::world::{World, until};

const SOCKET: &str = "/var/run/docker.sock";

/// An image of the program of this build, gone when dropped.
struct Image(String);

impl Image {
    fn build(world: &World) -> Self {
        let image = Self(format!("wharf-test/wharf:{}", world.instance()));
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/image");
        let built = Command::new(script).args(["--tag", &image.0, "--binary", env!("CARGO_BIN_EXE_wharf")]).output();
        let built = built.expect("the script starts");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        image
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        succeeds(&["rmi", "--force", &self.0]);
    }
}

/// A directory that the image's own user may use, whoever runs the test.
fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).expect("it is ours");
}

#[test]
fn a_controller_in_a_container_keeps_workspaces_of_its_engine() {
    let world = World::new();
    let image = Image::build(&world);
    let version = docker(&["run", "--rm", &image.0, "--version"]);
    assert_eq!(version, concat!("wharf ", env!("CARGO_PKG_VERSION")));

    let project = world.beside_source("project");
    std::fs::create_dir(&project).expect("made");
    std::fs::write(project.join("here"), "").expect("written");
    world.declare("box", &Manifest::named("box").with("project", format!("{{path: {}}}", project.display())));
    let above = world.source().parent().expect("a directory").to_owned();
    open_to_all(&above);
    open_to_all(&world.source());
    let controller = format!("{}-controller", world.instance());
    let same = |path: &Path| format!("{0}:{0}", path.display());
    let (mark, group) = (format!("{MARK}={}", world.instance()), group_of(SOCKET));
    // It has no more rights than in deploy/compose.yaml.
    let container = ["run", "--detach", "--name", &controller, "--label", &mark, "--group-add", &group, "--read-only"];
    let rights = ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--stop-timeout", "30"];
    let mounts = ["--volume", &same(Path::new(SOCKET)), "--volume", &same(&above), &image.0];
    let command = world.command("run", &["--state-dir", "/var/lib/wharf"]);
    let program: Vec<&str> = command.get_args().map(|it| it.to_str().expect("UTF-8")).collect();
    docker(&[&container[..], &rights, &["--volume", "/var/lib/wharf"], &mounts, &program].concat());

    let logs = || docker(&["logs", &controller]);
    until("box is ready", || {
        let log = || Command::new("docker").args(["logs", &controller]).output();
        assert!(docker(&["inspect", "--format", "{{.State.Running}}", &controller]) == "true", "{:?}", log());
        world.status("box").is_some_and(|status| crate::world::is_ready(&status, 1))
    });
    assert_eq!(
        docker(&["exec", &world.object("box"), "ls", "/workspace"]),
        "here",
        "the engine mounts its own directory"
    );
    let asked = docker(&[
        "exec",
        &controller,
        "/usr/bin/wharf",
        "get",
        "-o",
        "name",
        "--dir",
        "/nowhere",
        "--state-dir",
        "/var/lib/wharf",
    ]);
    assert_eq!(asked, "workspace/box", "{}", logs());

    docker(&["stop", &controller]);
    assert_eq!(docker(&["inspect", "--format", "{{.State.ExitCode}}", &controller]), "0", "it ends in order");
    let running = world.container("box").map(|container| container["State"]["Running"].clone());
    assert_eq!(running, Some(true.into()), "and the workspace goes on");
}

fn group_of(path: &str) -> String {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).expect("the engine's socket").gid().to_string()
}
