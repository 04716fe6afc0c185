//! Images from a registry.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use wharf::model::event::EventReason;
use wharf::model::status::{ConditionStatus, ConditionType, ErrorClass};

use crate::manifest::Manifest;
use crate::support::real::{IMAGE, docker, succeeds};
use crate::world::{World, signal_to, until};

/// A registry on a loopback port, which engines speak to without TLS. Gone when dropped, with the images that were pulled.
struct Registry {
    server: Child,
    port: u16,
    storage: TempDir,
}

impl Registry {
    fn start() -> Self {
        let storage = tempfile::tempdir().expect("a temporary directory");
        // Free a moment ago, and nobody else is likely to get it.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let root = storage.path().display();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        );
        let path = storage.path().join("config.yml");
        fs::write(&path, config).expect("written");
        let server =
            Command::new(program()).arg("serve").arg(&path).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let registry = Self { server: server.expect("the registry starts"), port, storage };
        until("the registry listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        registry
    }

    fn image(&self, tag: &str) -> String {
        format!("127.0.0.1:{}/wharf-test:{tag}", self.port)
    }

    /// Pushes an image with contents of its own, by another address of the registry: the engine never has it under the name
    /// that is returned.
    fn push(&self, tag: &str) -> String {
        let local = format!("localhost:{}/wharf-test:{tag}", self.port);
        let context = self.storage.path().join(format!("context-{tag}"));
        fs::create_dir(&context).expect("created");
        fs::write(context.join("mark"), format!("{tag} of {}", self.port)).expect("written");
        fs::write(context.join("Dockerfile"), format!("FROM {IMAGE}\nCOPY mark /mark\n")).expect("written");
        docker(&["build", "--quiet", "--tag", &local, context.to_str().expect("UTF-8")]);
        docker(&["push", "--quiet", &local]);
        docker(&["rmi", &local]);
        self.image(tag)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Also when it was stopped.
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// Images of a registry on the engine, removed when dropped: declare it before what uses them.
struct Pulled(Vec<String>);

impl Drop for Pulled {
    fn drop(&mut self) {
        for image in &self.0 {
            succeeds(&["rmi", "--force", image]);
        }
    }
}

/// The registry's program: an installed one, or Debian's package unpacked beside the build.
fn program() -> PathBuf {
    const HINT: &str = "this test needs a registry: apt-get install docker-registry";
    let installed = Path::new("/usr/bin/docker-registry");
    if installed.exists() {
        return installed.to_owned();
    }
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("registry");
    fs::create_dir_all(&home).expect("created");
    // Two test programs may want it at the same time.
    let lock = File::create(home.join("lock")).expect("a lock file");
    lock.lock().expect("locked");
    let program = home.join("usr/bin/docker-registry");
    if !program.exists() {
        let script = "apt-get download docker-registry && dpkg -x docker-registry_*.deb .";
        let output = Command::new("sh").args(["-c", script]).current_dir(&home).output().expect("a shell");
        assert!(output.status.success(), "{HINT}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    program
}

#[test]
fn an_image_is_pulled_and_its_progress_told() {
    let registry = Registry::start();
    let image = registry.push("good");
    let _pulled = Pulled(vec![image.clone()]);
    let world = World::new();
    // Nothing is answered yet, so that there is time to look.
    signal_to(&registry.server, "STOP");
    world.declare("box", &Manifest::named("box").with("image", &image));
    let _controller = world.start(&[]);
    let pulling = world.until_condition("box", ConditionType::Reconciled, "PullingImage");
    assert!(pulling.message.contains(&image), "{}", pulling.message);
    signal_to(&registry.server, "CONT");
    let status = world.until_ready("box", 1);
    let told =
        |reason| status.status.events.iter().any(|event| event.reason == reason && event.message.contains(&image));
    assert!(told(EventReason::Pulled), "{:?}", status.status.events);
    let mark = docker(&["exec", &world.object("box"), "cat", "/mark"]);
    assert_eq!(mark, format!("good of {}", registry.port));
}

#[test]
fn an_image_that_is_missing_holds_back_only_its_own_workspace() {
    let registry = Registry::start();
    let image = registry.image("late");
    let _pulled = Pulled(vec![image.clone()]);
    let world = World::new();
    let waits = Manifest::named("waits").with("image", &image).with("recovery", "{backoff: {initial: 500ms, max: 1s}}");
    world.declare("waits", &waits);
    world.declare("works", &Manifest::named("works"));
    let _controller = world.start(&[]);
    world.until_ready("works", 1);
    let failed = world.until_condition("waits", ConditionType::Reconciled, "ActionFailed");
    assert_eq!(failed.status, ConditionStatus::False);
    let retries = |at_least: u32| {
        let retry = world.status("waits").and_then(|status| status.status.retry);
        retry.filter(|retry| retry.attempts >= at_least)
    };
    until("it is tried again", || retries(2).is_some());
    let retry = retries(2).expect("it was just there");
    assert_eq!(retry.last_error.class, ErrorClass::Network);
    assert!(retry.last_error.message.contains(&image), "{}", retry.last_error.message);
    assert!(retry.next_attempt_time.is_some());

    registry.push("late");
    let status = world.until_ready("waits", 1);
    assert_eq!(status.status.retry, None);
}
