//! The JSON Schemas of manifests and status files, generated from the model's types and their docstrings.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::model::{Workspace, WorkspaceStatus};

/// File names and contents of the published schemas (JSON Schema 2020-12), as `wharf schema --write` writes them.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("workspace.schema.json", published("workspace", workspace())),
        ("workspace-status.schema.json", published("workspace-status", workspace_status())),
    ]
}

/// Of a manifest: what may be written, so fields with a default are optional.
pub(super) fn workspace() -> Value {
    generate::<Workspace>(SchemaSettings::draft2020_12().for_deserialize())
}

/// Of a document of a status file: what is written, so fields that are always there are required.
pub(super) fn workspace_status() -> Value {
    generate::<WorkspaceStatus>(SchemaSettings::draft2020_12().for_serialize())
}

fn generate<T: JsonSchema>(settings: SchemaSettings) -> Value {
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn published(name: &str, mut schema: Value) -> Value {
    rename_duration(&mut schema);
    if let Value::Object(schema) = &mut schema {
        // Not an address: the schema is found by its file, and nothing must be fetched to use it.
        schema.insert("$id".to_owned(), json!(format!("urn:wharf:v1:{name}")));
    }
    schema
}

/// JSON Schema's own `duration` is that of ISO 8601 (`PT10S`): a validator that knows it would refuse `10s`.
fn rename_duration(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                if key == "format" && value == "duration" {
                    *value = json!("wharf-duration");
                } else {
                    rename_duration(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rename_duration),
        _ => {}
    }
}
