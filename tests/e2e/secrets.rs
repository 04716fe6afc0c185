//! Secrets of the controller's own directory: they reach containers, in the way and at the time that was promised, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use wharf::model::status::{ConditionType, ErrorClass};

use crate::manifest::Manifest;
use crate::support::proxy::{Fault, Proxy};
use crate::support::real::{docker, succeeds};
use crate::world::{Controller, World, until};

/// A value that must not be anywhere but in the container and in its file.
const CANARY: &str = "canary-9d21e7aa";

/// A world with a directory of secrets, and a place in memory for those that are mounted.
struct Stage {
    world: World,
    runtime: TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { world: World::new(), runtime: tempfile::tempdir_in("/dev/shm").expect("a tmpfs") };
        fs::create_dir(stage.vault()).expect("created");
        mode(&stage.vault(), 0o700);
        stage
    }

    fn vault(&self) -> PathBuf {
        self.world.beside_source("vault")
    }

    /// Writes a secret as tools do: whole.
    fn keep(&self, file: &str, value: &str) {
        let path = self.vault().join(file);
        let directory = path.parent().expect("a parent");
        fs::create_dir_all(directory).expect("created");
        mode(directory, 0o700);
        let new = self.world.beside_source("being-written");
        fs::write(&new, value).expect("written");
        mode(&new, 0o600);
        fs::rename(new, path).expect("renamed");
    }

    fn arguments<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        let shown = |path: &Path| -> &'static str { path.display().to_string().leak() };
        let own = ["--secrets-dir", shown(&self.vault()), "--runtime-dir", shown(self.runtime.path())];
        [&own, &["--resync", "300ms", "--log", "trace"], more].concat()
    }

    fn start(&self, more: &[&str]) -> Controller {
        self.world.start(&self.arguments(more))
    }

    /// The files of secrets that are mounted somewhere, or were.
    fn placed(&self) -> Vec<PathBuf> {
        files_below(self.runtime.path())
    }

    fn inside(&self, workspace: &str, script: &str) -> String {
        docker(&["exec", &self.world.object(workspace), "/bin/sh", "-c", script])
    }

    /// No file but those of the vault and of the runtime directory has the canary in it, and no command says it.
    fn assert_kept(&self, controllers: &[&Controller]) {
        for path in files_below(&self.world.source()) {
            assert!(!has_canary(&fs::read(&path).expect("readable")), "{}", path.display());
        }
        for (command, more) in [("plan", &[][..]), ("get", &[]), ("describe", &["box"]), ("events", &[])] {
            assert!(!has_canary(format!("{:?}", self.world.wharf(command, more)).as_bytes()), "wharf {command}");
        }
        for controller in controllers {
            assert!(controller.log().contains("TRACE") && !has_canary(controller.log().as_bytes()), "the log");
        }
    }
}

fn has_canary(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains(CANARY)
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("permitted");
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let (mut found, mut directories) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found
}

/// A workspace with a variable.
fn with_token() -> Manifest {
    Manifest::named("box")
        .with("env", "[{name: TOKEN, valueFrom: {secretRef: {name: token}}}]")
        .with("stopGracePeriod", "0s")
}

/// How often a container of the workspace was created.
fn creations(world: &World) -> usize {
    world.wharf("events", &["box", "-o", "json"]).stdout.matches("create container").count()
}

#[test]
fn a_secret_reaches_variables_and_files_and_nothing_else() {
    let stage = Stage::new();
    stage.keep("token", &format!("{CANARY}-token\n"));
    stage.keep("db/user", "admin");
    stage.keep("db/password", &format!("{CANARY}-password"));
    let volumes =
        "[{secret: {name: db}, mountPath: /run/db}, {secret: {name: token, mode: '0440'}, mountPath: /run/token}]";
    let env = "[{name: TOKEN, valueFrom: {secretRef: {name: token}}}, {name: WHO, valueFrom: {secretRef: {name: db, key: user}}}]";
    stage
        .world
        .declare("box", &Manifest::named("box").with("env", env).with("volumes", volumes).with("user", "'1234'"));
    let controller = stage.start(&[]);
    stage.world.until_ready("box", 1);
    assert_eq!(stage.inside("box", "echo $TOKEN $WHO"), format!("{CANARY}-token admin"));
    assert_eq!(stage.inside("box", "cat /run/db/password; cat /run/token"), format!("{CANARY}-password{CANARY}-token"));
    let modes = stage.inside("box", "stat -c '%a %u' /run/db/password /run/token");
    assert_eq!(modes, "400 1234\n440 1234", "for the workspace's user alone");
    let object = stage.world.object("box");
    assert!(!succeeds(&["exec", "--user", "0", &object, "/bin/sh", "-c", "echo x > /run/db/new"]), "read-only");
    assert_eq!(stage.placed().len(), 3);
    assert!(!has_canary(stage.world.container("box").expect("there")["Config"]["Labels"].to_string().as_bytes()));
    stage.assert_kept(&[&controller]);

    // A source that is suddenly empty would delete nothing.
    stage.world.declare("other", &Manifest::named("other"));
    stage.world.until_ready("other", 1);
    stage.world.remove("box.yaml");
    until("the files are gone with the workspace", || stage.placed().is_empty());
}

#[test]
fn a_changed_variable_leads_to_one_new_container_and_changed_files_to_none() {
    let stage = Stage::new();
    stage.keep("token", "one");
    stage.keep("db/password", "one");
    stage.world.declare("box", &with_token().with("volumes", "[{secret: {name: db}, mountPath: /run/db}]"));
    let controller = stage.start(&[]);
    stage.world.until_ready("box", 1);
    let first = stage.world.id("box");
    stage.keep("db/password", "two");
    stage.keep("db/more", "three");
    until("the files are replaced", || stage.inside("box", "cat /run/db/*") == "threetwo");
    assert_eq!(stage.world.id("box"), first, "nothing was restarted");

    stage.keep("token", &format!("{CANARY}-two"));
    until("another container has it", || {
        stage.world.container("box").is_some_and(|it| it["Config"]["Env"].to_string().contains("-two"))
    });
    stage.world.until_ready("box", 1);
    assert_eq!(creations(&stage.world), 2);
    assert_eq!(stage.inside("box", "cat /run/db/*"), "threetwo");
    // The same value in another file is no change, and that is known when a later one is.
    stage.keep("token", &format!("{CANARY}-two\n"));
    stage.keep("db/password", "four");
    until("the files are replaced again", || stage.inside("box", "cat /run/db/password") == "four");
    assert_eq!(creations(&stage.world), 2);
    stage.assert_kept(&[&controller]);

    stage.world.declare("box", &with_token().with("state", "Stopped"));
    until("nothing is left in memory", || stage.placed().is_empty());
}

#[test]
fn what_is_not_private_is_refused_and_what_runs_goes_on() {
    let stage = Stage::new();
    stage.keep("token", CANARY);
    mode(&stage.vault(), 0o755);
    stage.world.declare("box", &with_token().with("recovery", "{backoff: {initial: 200ms, max: 200ms}}"));
    stage.world.declare("other", &Manifest::named("other"));
    let controller = stage.start(&[]);
    stage.world.until_ready("other", 1);
    let error =
        |stage: &Stage| stage.world.status("box").and_then(|status| status.status.retry).map(|retry| retry.last_error);
    until("the directory is refused", || error(&stage).is_some());
    let told = error(&stage).expect("told");
    assert_eq!(told.class, ErrorClass::Storage);
    assert!(told.message.contains("environment variable TOKEN") && told.message.contains("chmod 0700"), "{told:?}");
    mode(&stage.vault(), 0o700);
    stage.world.until_ready("box", 1);

    let id = stage.world.id("box");
    stage.keep("token", "two");
    mode(&stage.vault().join("token"), 0o644);
    until("the file is refused", || stage.world.wharf("events", &["box"]).stdout.contains("chmod 0600"));
    assert_eq!(stage.world.id("box"), id, "what runs goes on");
    assert!(stage.world.condition("box", ConditionType::Ready).is_some());
    stage.assert_kept(&[&controller]);
}

#[test]
fn secrets_encrypted_with_age_are_decrypted_into_memory() {
    let stage = Stage::new();
    let identity = stage.world.beside_source("identity");
    let made = Command::new("age-keygen").arg("-o").arg(&identity).stderr(Stdio::null()).status();
    assert!(made.expect("age is installed: tests/run says how").success());
    mode(&identity, 0o600);
    let recipient = Command::new("age-keygen").arg("-y").arg(&identity).output().expect("a recipient");
    let plain = stage.world.beside_source("plain");
    fs::write(&plain, format!("{CANARY}\n")).expect("written");
    let encrypted = Command::new("age")
        .args(["--encrypt", "--recipient", String::from_utf8_lossy(&recipient.stdout).trim()])
        .arg(&plain)
        .output()
        .expect("encrypted");
    fs::remove_file(plain).expect("removed");
    fs::write(stage.vault().join("token.age"), encrypted.stdout).expect("written");
    mode(&stage.vault().join("token.age"), 0o600);
    stage.world.declare("box", &with_token().with("volumes", "[{secret: {name: token}, mountPath: /run/token}]"));
    let controller = stage.start(&["--age-identity", &identity.display().to_string()]);
    stage.world.until_ready("box", 1);
    assert_eq!(stage.inside("box", "echo $TOKEN; cat /run/token"), format!("{CANARY}\n{CANARY}"));
    assert!(files_below(&stage.vault()).iter().all(|path| !has_canary(&fs::read(path).expect("readable"))));
    stage.assert_kept(&[&controller]);
}

/// The boundary to `sops`: a script stands for it, because Debian has no package of it.
#[test]
fn secrets_are_taken_from_what_sops_decrypts() {
    let stage = Stage::new();
    stage.keep("db.sops.yaml", "password: ENC[AES256_GCM,data:x]\n");
    let programs = stage.world.beside_source("programs");
    fs::create_dir(&programs).expect("created");
    let script = format!(
        "#!/bin/sh\n[ \"$1 $2 $3\" = '--decrypt --output-type json' ] && [ -r \"$4\" ] || exit 9\n\
         echo '{{\"password\": \"{CANARY}\", \"port\": 5432}}'\n"
    );
    fs::write(programs.join("sops"), script).expect("written");
    mode(&programs.join("sops"), 0o700);
    let env = "[{name: PASSWORD, valueFrom: {secretRef: {name: db, key: password}}}]";
    let volumes = "[{secret: {name: db}, mountPath: /run/db}]";
    stage.world.declare("box", &Manifest::named("box").with("env", env).with("volumes", volumes));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let run = |path: &str| {
        let mut command = stage.world.command("run", &stage.arguments(&["--once", "--once-timeout", "20s"]));
        command.env("PATH", path).output().expect("the program starts")
    };
    let without = run("/nowhere");
    assert!(String::from_utf8_lossy(&without.stderr).contains("the program `sops` is not installed; install sops"));
    assert!(run(&path).status.success());
    assert_eq!(stage.inside("box", "echo $PASSWORD; cat /run/db/port"), format!("{CANARY}\n5432"));
    stage.assert_kept(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_before_the_container_is_there_leaves_secrets_in_memory_alone() {
    let stage = Stage::new();
    stage.keep("token", CANARY);
    let proxy = Proxy::start();
    stage.world.declare("box", &with_token().with("volumes", "[{secret: {name: token}, mountPath: /run/token}]"));
    proxy.inject("POST /containers/create", Fault::Swallow);
    let controller = stage.start(&["--host", &proxy.host()]);
    until("the files are written", || stage.placed().iter().any(|path| path.ends_with("value")));
    until("the container was asked for", || proxy.injected() == 1);
    controller.kill();
    stage.assert_kept(&[]);
    assert_eq!(stage.placed().len(), 1, "{:?}", stage.placed());

    // The manifest goes away while nobody runs: what was left behind is removed with the workspace.
    stage.world.declare("other", &Manifest::named("other"));
    fs::rename(stage.world.path("box.yaml"), stage.world.beside_source("box.yaml")).expect("renamed");
    let _controller = stage.start(&[]);
    until("nothing is left", || stage.placed().is_empty());
}

#[test]
fn secrets_are_not_put_where_things_are_kept() {
    let stage = Stage::new();
    for inside in ["run", ".wharf/run"] {
        let place = stage.world.path(inside).display().to_string();
        let refused = stage.world.wharf("run", &["--once", "--runtime-dir", &place]);
        assert!(refused.code == 1 && refused.stderr.contains("where secrets must not be"), "{refused:?}");
    }
}

#[test]
fn files_are_written_again_when_memory_was_lost() {
    let stage = Stage::new();
    stage.keep("token", CANARY);
    stage
        .world
        .declare("box", &Manifest::named("box").with("volumes", "[{secret: {name: token}, mountPath: /run/token}]"));
    let controller = stage.start(&[]);
    stage.world.until_ready("box", 1);
    let id = stage.world.id("box");
    controller.stop();
    docker(&["stop", "--time", "0", &stage.world.object("box")]);
    for entry in fs::read_dir(stage.runtime.path()).expect("readable").flatten() {
        fs::remove_dir_all(entry.path()).expect("removed, as by a restart of the machine");
    }
    let _controller = stage.start(&[]);
    until("it runs again with its file", || {
        let object = stage.world.object("box");
        succeeds(&["exec", &object, "grep", "-q", CANARY, "/run/token"])
    });
    assert_eq!(stage.world.id("box"), id);
}

#[test]
fn a_lost_key_replaces_nothing_and_later_changes_are_noticed() {
    let stage = Stage::new();
    stage.world.write("secrets/token", "one\n");
    stage.world.declare("box", &with_token().with("env", "[{name: TOKEN, valueFrom: {file: secrets/token}}]"));
    let controller = stage.start(&[]);
    stage.world.until_ready("box", 1);
    let id = stage.world.id("box");
    let label = || stage.world.container("box").expect("there")["Config"]["Labels"]["wharf.secrets"].to_string();
    let first = label();
    controller.stop();
    fs::remove_file(stage.world.path(".wharf/secrets.key")).expect("there was a key");
    let controller = stage.start(&[]);
    until("there is another key", || stage.world.path(".wharf/secrets.key").exists());
    stage.world.declare("other", &Manifest::named("other"));
    stage.world.until_ready("other", 1);
    assert_eq!(stage.world.id("box"), id, "nothing is replaced");
    controller.stop();

    // What was seen then is remembered: a change while nobody runs is noticed.
    stage.world.write("secrets/token", "two\n");
    let _controller = stage.start(&[]);
    until("the new value is in force", || {
        stage.world.container("box").is_some_and(|it| it["Config"]["Env"].to_string().contains("TOKEN=two"))
    });
    stage.world.until_ready("box", 1);
    assert!(stage.world.id("box") != id && label() != first);
}
