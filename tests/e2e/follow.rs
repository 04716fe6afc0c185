//! The engine follows the files.

use std::fs;

use wharf::model::status::{ConditionStatus, ConditionType};

use crate::manifest::Manifest;
use crate::support::proxy::Proxy;
use crate::support::real::{IMAGE, docker};
use crate::world::{World, eventually, until};

const MEBIBYTE: u64 = 1 << 20;

#[test]
fn limits_are_changed_in_place() {
    let world = World::new();
    let manifest = |memory, cpu| Manifest::named("box").with("resources", format!("{{memory: {memory}, cpu: {cpu}}}"));
    world.declare("box", &manifest("64Mi", "500m"));
    let _controller = world.start(&[]);
    world.until_ready("box", 1);
    let before = world.id("box");

    world.declare("box", &manifest("96Mi", "750m"));
    world.until_ready("box", 2);
    let container = world.container("box").expect("the container");
    assert_eq!(container["Id"], before, "the same container");
    assert_eq!(container["HostConfig"]["Memory"], 96 * MEBIBYTE);
    assert_eq!(container["HostConfig"]["NanoCpus"], 750_000_000);
}

/// A second name of the test image, gone when dropped.
struct Tag(String);

impl Tag {
    fn new(world: &World) -> Self {
        let name = format!("wharf-test/{}:other", world.instance());
        docker(&["tag", IMAGE, &name]);
        Self(name)
    }
}

impl Drop for Tag {
    fn drop(&mut self) {
        crate::support::real::succeeds(&["rmi", &self.0]);
    }
}

#[test]
fn another_image_replaces_the_container() {
    let world = World::new();
    let other = Tag::new(&world);
    world.declare("box", &Manifest::named("box"));
    let _controller = world.start(&[]);
    let first = world.until_ready("box", 1);
    let before = world.id("box");

    world.declare("box", &Manifest::named("box").with("image", &other.0));
    let second = world.until_ready("box", 2);
    let container = world.container("box").expect("one of the same name");
    assert_ne!(container["Id"], before);
    assert_eq!(container["Config"]["Image"], other.0);
    assert_eq!(second.metadata.uid, first.metadata.uid, "it is the same workspace");
    assert_eq!(world.client().inspect(&before), None, "the old one is gone");
    assert_eq!(world.containers().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_moves_changes_nothing() {
    let world = World::new();
    let proxy = Proxy::start();
    world.declare("box", &Manifest::named("box"));
    let _controller = world.start(&["--host", &proxy.host()]);
    world.until_ready("box", 1);
    let before = world.id("box");
    proxy.take_calls();

    fs::create_dir(world.path("team")).expect("created");
    fs::rename(world.path("box.yaml"), world.path("team/other.yml")).expect("moved");
    until("the status moves along", || {
        !world.path("box.status.yaml").exists() && world.path("team/other.yml.status.yaml").exists()
    });
    let status = world.until_ready("box", 1);
    assert_eq!(status.metadata.manifest, "team/other.yml");
    assert_eq!(world.id("box"), before);
    let changes: Vec<String> = proxy.take_calls().into_iter().filter(|call| !call.starts_with("GET ")).collect();
    assert_eq!(changes, Vec::<String>::new(), "the engine was only looked at");
}

#[test]
fn a_bad_edit_keeps_the_container_and_says_where_it_is() {
    let world = World::new();
    let good = Manifest::named("box");
    world.declare("box", &good);
    let _controller = world.start(&[]);
    world.until_ready("box", 1);
    let before = world.id("box");

    let syntax = format!("{good}  env: [\n");
    let unknown = format!("{good}  imagePullPolice: Never\n");
    let line = unknown.lines().count();
    let places = [(syntax, format!("box.yaml:{}", line + 1)), (unknown, format!("box.yaml:{line}:3"))];
    for (bad, place) in places {
        world.write("box.yaml", &bad);
        let accepted = eventually(&format!("refused at {place}"), || {
            let accepted = world.condition("box", ConditionType::Accepted)?;
            accepted.message.contains(&place).then_some(accepted)
        });
        assert_eq!((accepted.status, accepted.reason.to_string()), (ConditionStatus::False, "Invalid".to_owned()));
        let container = world.container("box").expect("the container");
        assert_eq!((&container["Id"], &container["State"]["Running"]), (&before.clone().into(), &true.into()));

        world.declare("box", &good);
        world.until_ready("box", 1);
        assert_eq!(world.id("box"), before);
    }
}

#[test]
fn a_file_with_several_documents_declares_several_workspaces() {
    let world = World::new();
    let [a, b, c] = ["a", "b", "c"].map(Manifest::named);
    world.write("all.yaml", &format!("{a}---\n{b}---\n{c}"));
    let _controller = world.start(&[]);
    for name in ["a", "b", "c"] {
        world.until_ready(name, 1);
    }
    let names: Vec<String> = world.statuses().into_iter().map(|status| status.metadata.name).collect();
    assert_eq!(names, ["a", "b", "c"], "one status a document, in the order of the manifest");

    world.write("all.yaml", &format!("{c}---\n{a}"));
    until("the second one is gone", || world.containers().len() == 2 && world.statuses().len() == 2);
    assert!(world.container("b").is_none());

    world.remove("all.yaml");
    world.write("elsewhere.yaml", &a.to_string());
    until("only the first one remains", || world.containers().len() == 1 && world.statuses().len() == 1);
}

#[test]
fn without_its_manifest_a_workspace_is_gone() {
    let world = World::new();
    for name in ["stays", "goes"] {
        world.declare(name, &Manifest::named(name));
    }
    let _controller = world.start(&[]);
    for name in ["stays", "goes"] {
        world.until_ready(name, 1);
    }
    world.remove("goes.yaml");
    until("the status file is gone", || !world.path("goes.status.yaml").exists());
    assert_eq!(world.container("goes"), None);
    world.until_ready("stays", 1);
}

#[test]
fn volumes_outlive_their_workspace_unless_told_otherwise() {
    let world = World::new();
    let manifest = |name, delete: bool| {
        Manifest::named(name)
            .with("volumes", "[{name: cache, mountPath: /data}]")
            .with("deleteVolumes", delete.to_string())
    };
    world.declare("kept", &manifest("kept", false));
    world.declare("cleared", &manifest("cleared", true));
    world.declare("bystander", &Manifest::named("bystander"));
    let _controller = world.start(&[]);
    for name in ["kept", "cleared", "bystander"] {
        world.until_ready(name, 1);
    }
    let volumes = || {
        let filter = format!("label=wharf.instance={}", world.instance());
        docker(&["volume", "ls", "--filter", &filter, "--format", "{{.Label \"wharf.workspace\"}}"])
    };
    assert_eq!(volumes().lines().count(), 2);
    world.remove("kept.yaml");
    world.remove("cleared.yaml");
    until("both are gone", || world.statuses().len() == 1);
    assert_eq!(volumes(), "kept");
}
