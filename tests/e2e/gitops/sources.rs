//! A directory and a repository in one configuration.

use std::fs;

use serde_json::Value;
use wharf::model::WorkspaceStatus;
use wharf::model::status::ConditionType;

use super::stage::{Stage, Way};
use crate::manifest::Manifest;
use crate::world::eventually;

impl Stage {
    /// Waits until the workspace of a manifest has been accepted or refused for this reason; returns why in words.
    fn until_accepted(&self, manifest: &str, reason: &str) -> String {
        let accepted = |status: &WorkspaceStatus| {
            let accepted = status.status.condition(ConditionType::Accepted)?;
            (accepted.reason.to_string() == reason).then(|| accepted.message.clone())
        };
        eventually(&format!("{manifest}: {reason}"), || {
            let found = self.world.statuses().into_iter().find(|status| status.metadata.manifest == manifest)?;
            accepted(&found)
        })
    }
}

#[test]
fn a_directory_and_a_repository_are_told_apart() {
    let stage = Stage::new(Way::path);
    let (world, team) = (&stage.world, stage.item("1s", ""));
    world.configure(&format!("  sources: [{{name: platform, directory: {{path: source}}}}, {team}]\n"));
    let data = world.beside_source("data");
    fs::create_dir(&data).expect("created");
    let curious = |name: &str| {
        let mount = format!("[{{hostPath: {}, mountPath: /host, readOnly: true}}]", data.display());
        Manifest::named(name).with("volumes", mount)
    };
    stage.declare("shared", 48);
    stage.declare("site", 32);
    stage.write("curious", &curious("curious"));
    stage.push("Declare everything");
    world.declare("shared", &Manifest::named("shared").with("resources", "{memory: 64Mi}"));
    world.declare("edge", &curious("edge"));
    let _controller = world.start(&[]);

    for name in ["edge", "site"] {
        world.until_ready(name, 1);
    }
    stage.until_accepted("platform/shared.yaml", "Valid");
    let why = stage.until_accepted("team/shared.yaml", "DuplicateName");
    assert!(why.contains("platform/shared.yaml"), "{why}");
    let why = stage.until_accepted("team/curious.yaml", "PolicyDenied");
    assert!(why.contains("default-git") && why.contains("mounts") && why.contains("team/curious.yaml:"), "{why}");
    eventually("the first source's limit is in force", || (stage.memory("shared") == Some(64)).then_some(()));
    assert_eq!(world.container("edge").expect("it runs")["Mounts"][0]["Source"], data.to_str().expect("UTF-8"));
    assert!(world.container("curious").is_none());
    for file in ["platform/edge", "platform/shared", "team/curious", "team/shared", "team/site"] {
        assert!(world.beside_source(&format!("statuses/{file}.status.yaml")).is_file(), "{file}");
    }
    assert!(!world.path("edge.status.yaml").exists(), "nothing beside the manifests");

    let shown: Value = serde_json::from_str(&world.wharf("get", &["sources", "-o", "json"]).stdout).expect("JSON");
    let shown = |at: usize| {
        let source = &shown["items"][at];
        let told = ["name", "kind", "outcome", "workspaces", "refused"].map(|field| source[field].to_string());
        told.join(" ").replace('"', "")
    };
    assert_eq!(shown(0), "platform directory Applied 2 0");
    assert_eq!(shown(1), "team git AppliedWithErrors 1 2");
}
