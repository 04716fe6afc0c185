//! Row 28: the project directory is not there.

use std::fs;

use wharf::model::status::ConditionType;

use crate::manifest::Manifest;
use crate::trial::{Trial, seconds};
use crate::world::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_project_directory_is_waited_for_and_never_made() {
    let Some(trial) = Trial::new(&[]) else { return };
    let world = &trial.world;
    fs::create_dir(world.path("there")).expect("created");
    let with = |name, path| Manifest::named(name).with("project", format!("{{path: ./{path}}}"));
    world.declare("late", &with("late", "late-project"));
    world.declare("away", &with("away", "there"));
    trial.declare(&["works"]);
    let controller = trial.start();
    world.until_ready("works", 1);
    world.until_ready("away", 1);
    let missing = world.until_condition("late", ConditionType::Reconciled, "ProjectDirMissing");
    assert!(missing.message.contains("late-project"), "{}", missing.message);

    // Removed while the container runs, which then dies: it is not started on a directory that the engine would make.
    fs::remove_dir(world.path("there")).expect("removed");
    world.client().docker(&["kill", &world.object("away")]);
    world.until_condition("away", ConditionType::Reconciled, "ProjectDirMissing");
    trial.is_quiet();
    for path in ["late-project", "there"] {
        assert!(!world.path(path).exists(), "{path} is not made");
        fs::create_dir(world.path(path)).expect("created");
    }
    let took = trial.converges(&["late", "away", "works"]);
    trial.is_quiet();
    until("the new directory is what is mounted", || {
        fs::write(world.path("there/mark"), "seen").expect("written");
        world.client().succeeds(&["exec", &world.object("away"), "cat", "/workspace/mark"])
    });
    let outcome = format!("ProjectDirMissing, not made; converged in {}", seconds(took));
    trial.ends_well(controller, 28, "project directory missing, and removed later", 2, &outcome);
}
