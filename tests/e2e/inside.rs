//! What a workspace finds inside: its project, its environment, its neighbours.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::manifest::Manifest;
use crate::support::real::{docker, succeeds};
use crate::world::{World, until};

#[test]
fn the_project_directory_is_mounted() {
    let world = World::new();
    world.write("team/api/readme", "hello from the project");
    world.write("team/box.yaml", &Manifest::named("box").with("project", "{path: ./api}").to_string());
    let _controller = world.start(&[]);
    world.until_ready("box", 1);
    let object = world.object("box");
    assert_eq!(docker(&["exec", &object, "cat", "readme"]), "hello from the project");
    docker(&["exec", &object, "touch", "/workspace/from-inside"]);
    assert!(world.path("team/api/from-inside").exists());

    world.write("team/box.yaml", &Manifest::named("box").with("project", "{path: ./api, readOnly: true}").to_string());
    world.until_ready("box", 2);
    assert!(!succeeds(&["exec", &object, "touch", "/workspace/refused"]));
    assert!(world.path("team/api/from-inside").exists(), "people's files are never touched");
}

/// A value that must not be anywhere but in the container and in its file.
const CANARY: &str = "canary-5b1f0c9e";

#[test]
fn a_secret_reaches_the_container_and_nothing_else() {
    let world = World::new();
    world.write("secrets/token", &format!("{CANARY}\n"));
    fs::set_permissions(world.path("secrets/token"), fs::Permissions::from_mode(0o600)).expect("permitted");
    let env = "[{name: TOKEN, valueFrom: {file: secrets/token}}, {name: PLAIN, value: seen}]";
    let manifest = Manifest::named("box").with("env", env);
    world.declare("box", &manifest);
    let mut controller = world.start(&["--log", "trace"]);
    world.until_ready("box", 1);
    let printed = || docker(&["exec", &world.object("box"), "/bin/sh", "-c", "echo $TOKEN $PLAIN"]);
    assert_eq!(printed(), format!("{CANARY} seen"));

    // A mistake beside it, and a refusal by the engine, are told without it.
    world.declare("box", &manifest.clone().with("user", "nobody-knows-this-user"));
    until("the engine refuses the user", || world.status("box").is_some_and(|it| it.status.retry.is_some()));
    world.declare("box", &manifest);
    world.until_ready("box", 3);
    controller.signal("TERM");
    assert_eq!(controller.ended(), 0);

    for command in ["plan", "get", "describe", "events"] {
        let more: &[&str] = if command == "describe" { &["box"] } else { &[] };
        let said = world.wharf(command, more);
        assert!(!format!("{said:?}").contains(CANARY), "wharf {command}");
    }
    let log = controller.log();
    assert!(log.contains("TRACE"), "the most talkative log");
    assert!(!log.contains(CANARY), "the log");
    for path in world.files().into_keys().filter(|path| path.is_file() && !path.ends_with("secrets/token")) {
        let bytes = fs::read(&path).expect("readable");
        assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "{}", path.display());
    }
}

/// Whether a workspace is greeted by what listens at an address.
fn greeted(world: &World, from: &str, address: &str) -> bool {
    let script = format!("nc -w 1 {address} 8080 </dev/null | grep -q hello");
    succeeds(&["exec", &world.object(from), "/bin/sh", "-c", &script])
}

#[test]
fn members_of_a_group_reach_each_other_by_name_and_others_nobody() {
    let world = World::new();
    // `nc -l` serves one connection; the loop is ended by the stop's grace.
    let greeter = |name| {
        Manifest::named(name)
            .with("args", "[\"while :; do echo hello | nc -l -p 8080; done\"]")
            .with("stopGracePeriod", "0s")
    };
    for name in ["api", "db"] {
        world.declare(name, &greeter(name).with("network", "{mode: Group, group: shop}"));
    }
    for name in ["alone", "apart"] {
        world.declare(name, &greeter(name).with("network", "{mode: Isolated}"));
    }
    let _controller = world.start(&[]);
    let names = ["api", "db", "alone", "apart"];
    let address = |name| world.status(name).and_then(|it| it.status.container?.ip).expect("an address");
    for name in names {
        world.until_ready(name, 1);
        // Silence proves nothing before there is somebody to speak.
        until("the greeter greets itself", || greeted(&world, name, "127.0.0.1"));
    }
    until("api reaches db by name", || greeted(&world, "api", "db"));
    until("db reaches api by name", || greeted(&world, "db", "api"));
    for (from, to) in [("alone", "apart"), ("alone", "api"), ("api", "alone")] {
        assert!(!greeted(&world, from, &address(to)), "{from} reaches {to}");
    }
    assert!(!greeted(&world, "alone", "api"), "names of a group are for its members");

    for name in ["api", "db"] {
        world.remove(&format!("{name}.yaml"));
    }
    until("the group is gone", || world.statuses().len() == 2);
    let filter = format!("label=wharf.instance={}", world.instance());
    let networks = docker(&["network", "ls", "--filter", &filter, "--format", "{{.Name}}"]);
    assert!(networks.ends_with(".isolated") && networks.lines().count() == 1, "{networks}");
}
