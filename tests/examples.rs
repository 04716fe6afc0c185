//! The examples are what newcomers read first: all of them must be valid, and show what they say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wharf::manifest::parse;
use wharf::model::Workspace;
use wharf::model::spec::{NetworkMode, PullPolicy};

fn quickstart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart")
}

/// Every manifest in `folder`, with the text of its file.
fn manifests(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("readable").path());
    let yaml = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with(".yaml") && !name.ends_with(".status.yaml")
    };
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("readable");
    entries.filter(yaml).map(|path| (path.display().to_string(), text(&path))).collect()
}

/// The workspaces that a manifest declares; fails with its diagnostics.
fn workspaces(file: &str, text: &str) -> Vec<Workspace> {
    let manifest = parse(file, text.as_bytes());
    assert_eq!(manifest.errors, [], "{file}");
    manifest
        .documents
        .into_iter()
        .map(|document| document.outcome.unwrap_or_else(|wrong| panic!("{wrong:#?}")))
        .collect()
}

#[test]
fn every_manifest_of_the_quickstart_is_valid_and_needs_no_registry() {
    let folder = quickstart();
    let all: Vec<_> = manifests(&folder).iter().flat_map(|(file, text)| workspaces(file, text)).collect();
    let names: BTreeSet<_> = all.iter().map(|workspace| workspace.metadata.name.as_str()).collect();
    assert_eq!(names, ["db", "hello", "sandbox", "web"].into());
    for workspace in &all {
        let (name, spec) = (&workspace.metadata.name, &workspace.spec);
        assert_eq!(spec.image_pull_policy, PullPolicy::Never, "{name}");
        assert!(spec.depends_on.iter().all(|needed| names.contains(needed.as_str())), "{name}");
        assert!(spec.resources.memory.is_some() && spec.resources.pids.is_some(), "{name} has limits");
        if let Some(project) = &spec.project {
            assert!(folder.join(&project.path).is_dir(), "{name}: {}", project.path);
        }
    }
}

#[test]
fn the_sandbox_is_closed_on_every_side() {
    let file = "sandbox.yaml";
    let text = std::fs::read_to_string(quickstart().join(file)).expect("readable");
    let [sandbox] = workspaces(file, &text).try_into().expect("one document");
    assert_eq!(sandbox.spec.network.mode, NetworkMode::Internal);
    assert!(sandbox.spec.security.read_only_root_filesystem && sandbox.spec.security.no_new_privileges);
    assert!(sandbox.spec.security.capabilities.add.is_empty());
    assert!(sandbox.spec.user.is_some_and(|user| !user.starts_with('0')));
}

#[test]
fn every_manifest_names_the_schema_for_editors() {
    for (file, text) in manifests(&quickstart()) {
        let schema = "# yaml-language-server: $schema=../../schemas/workspace.schema.json";
        assert_eq!(text.lines().next(), Some(schema), "{file}");
    }
}
