//! What a defect would print: the `Debug` form of everything that has an environment in it.

use std::path::Path;
use std::sync::Arc;

use wharf::engine::EnvValue;
use wharf::manifest::parse;
use wharf::model::{Uid, Workspace};
use wharf::plan::{Action, Origin, Scope};

use super::search::{Output, assert_none, canary, contains};

fn workspace() -> Workspace {
    let text = format!(
        "{{apiVersion: wharf/v1, kind: Workspace, metadata: {{name: box}}, spec: {{image: a, env: [\
         {{name: PLAIN, value: {}}}, {{name: TOKEN, valueFrom: {{file: secrets/token}}}}]}}}}",
        canary("debug value")
    );
    let mut documents = parse("a.yaml", text.as_bytes()).documents;
    documents.remove(0).outcome.expect("valid")
}

#[test]
fn the_debug_form_has_no_value_of_the_environment() {
    let workspace = workspace();
    let scope = Scope { instance: "i".parse().expect("valid"), prefix: "wharf".parse().expect("valid") };
    let uid = Uid::new("01J");
    let origin = Origin { uid: &uid, generation: 1, manifest: "a.yaml", directory: Path::new("/srv") };
    let mut subject = scope.compile(Arc::new(workspace.clone()), origin);
    for (_, value) in &mut subject.container.env {
        if let EnvValue::File { value, .. } = value {
            *value = Some(canary("debug file").into());
        }
    }
    let action = Action::Create(Box::new(subject.container.clone()));
    let outputs = [
        Output::new("the workspace", format!("{workspace:?}{workspace:#?}")),
        Output::new("the compiled workspace", format!("{subject:?}{subject:#?}")),
        Output::new("the action", format!("{action:?}{action:#?}{action}")),
    ];
    assert!(outputs[..2].iter().all(|output| contains(&output.bytes, "PLAIN")));
    assert_none(&outputs, &[canary("debug value"), canary("debug file")]);
}
