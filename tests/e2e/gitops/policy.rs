//! A policy that is new to a workspace that runs.

use std::fs;

use wharf::model::status::ConditionType;

use crate::manifest::Manifest;
use crate::world::{World, until};

/// Begins the run of a controller with a policy that denies every image of the tests.
fn deny(world: &World, on_violation: &str) {
    let spec = format!("{{images: {{deny: ['**']}}, onViolation: {on_violation}}}");
    let policy = format!("apiVersion: wharf/v1\nkind: Policy\nmetadata: {{name: no-images}}\nspec: {spec}\n");
    fs::write(world.beside_source("policy.yaml"), policy).expect("written");
    world.configure("  policies: [policy.yaml]\n  sources: [{name: platform, directory: {path: source}}]\n");
}

#[test]
fn a_new_policy_keeps_or_stops_what_runs_and_says_where() {
    let world = World::new();
    world.configure("  sources: [{name: platform, directory: {path: source}}]\n");
    world.declare("box", &Manifest::named("box"));
    let controller = world.start(&[]);
    world.until_ready("box", 1);
    let id = world.id("box");
    let is_running = || world.container("box").expect("it stays")["State"]["Running"] == true;
    controller.stop();

    deny(&world, "Keep");
    let controller = world.start(&[]);
    world.until_condition("box", ConditionType::Accepted, "PolicyDenied");
    world.until_condition("box", ConditionType::Held, "PolicyDenied");
    let described = world.wharf("describe", &["box"]);
    for part in ["PolicyDenied", "policy no-images, images.deny", "spec.image", "box.yaml:"] {
        assert!(described.stdout.contains(part), "{part}: {}", described.stdout);
    }
    assert!(is_running() && world.id("box") == id);
    controller.stop();

    deny(&world, "Stop");
    let controller = world.start(&[]);
    until("it is stopped", || !is_running());
    assert_eq!(world.id("box"), id, "stopped, and kept");
    controller.stop();

    world.configure("  sources: [{name: platform, directory: {path: source}}]\n");
    let _controller = world.start(&[]);
    until("it runs again", is_running);
    assert_eq!(world.id("box"), id);
}
