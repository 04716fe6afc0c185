//! The JSON Schemas of manifests, status files and configuration, generated from the model's types and their docstrings.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::model::configuration::ControllerConfiguration;
use crate::model::policy::Policy;
use crate::model::schema::rename_duration;
use crate::model::webhook::WebhooksFile;
use crate::model::{Workspace, WorkspaceStatus};

/// File names and contents of the published schemas (JSON Schema 2020-12), as `wharf schema --write` writes them.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("workspace.schema.json", published("workspace", workspace())),
        ("workspace-status.schema.json", published("workspace-status", workspace_status())),
        ("webhooks.schema.json", published("webhooks", webhooks())),
        ("policy.schema.json", published("policy", policy())),
        ("configuration.schema.json", published("configuration", configuration())),
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

/// Of a file of webhooks: what may be written.
pub(super) fn webhooks() -> Value {
    generate::<WebhooksFile>(SchemaSettings::draft2020_12().for_deserialize())
}

/// Of a file of a policy: what may be written.
pub(super) fn policy() -> Value {
    generate::<Policy>(SchemaSettings::draft2020_12().for_deserialize())
}

/// Of a controller's configuration: what may be written.
pub(super) fn configuration() -> Value {
    generate::<ControllerConfiguration>(SchemaSettings::draft2020_12().for_deserialize())
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
