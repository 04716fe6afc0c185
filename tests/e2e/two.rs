//! Two controllers on one engine, and two on one state directory.

use wharf::model::status::{ConditionStatus, ConditionType};

use crate::manifest::Manifest;
use crate::world::{World, until};

#[test]
fn controllers_leave_each_others_containers_alone() {
    let one = World::new();
    let two = one.beside();
    for name in ["shared", "first"] {
        one.declare(name, &Manifest::named(name));
    }
    for name in ["shared", "second"] {
        two.declare(name, &Manifest::named(name).with("resources", "{memory: 64Mi}"));
    }
    let _one = one.start(&["--resync", "1s"]);
    one.until_ready("shared", 1);
    one.until_ready("first", 1);
    let before = (one.id("shared"), one.containers());

    let _two = two.start(&["--resync", "1s"]);
    two.until_ready("second", 1);
    let held = two.until_condition("shared", ConditionType::Held, "NameConflict");
    assert_eq!(held.status, ConditionStatus::True);
    for part in [two.object("shared"), format!("instance {}", one.instance())] {
        assert!(held.message.contains(&part), "{}", held.message);
    }
    // The deletion of a workspace is no reason to touch a container that only has its name.
    two.remove("shared.yaml");
    until("the second forgets it", || two.status("shared").is_none());
    assert_eq!((one.id("shared"), one.containers()), before);
    one.until_ready("shared", 1);
    assert_eq!(two.containers().len(), 1);
}

#[test]
fn a_second_controller_on_a_state_directory_is_told_who_holds_it() {
    let world = World::new();
    world.declare("box", &Manifest::named("box"));
    let controller = world.start(&[]);
    world.until_ready("box", 1);
    let second = world.wharf("run", &[]);
    assert_eq!(second.code, 5, "{second:?}");
    assert!(second.stderr.contains(&controller.pid().to_string()), "{}", second.stderr);
    assert!(second.stderr.contains(world.instance()), "{}", second.stderr);
    controller.stop();
    assert_eq!(world.wharf("run", &["--once"]).code, 0, "free again");
}
