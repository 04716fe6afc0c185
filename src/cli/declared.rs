//! The spec that a manifest declares, as `wharf describe` shows it: without what goes without saying, and without any
//! value of the environment.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::error::CliError;
use super::files::read_manifest;
use super::output;
use crate::manifest::{self, Document};
use crate::model::WorkspaceStatus;
use crate::model::spec::WorkspaceSpec;
use crate::model::status::ConditionType;
use crate::status_file::{StatusFileError, StatusFiles};

/// What is shown instead of a value of the environment.
const SET: &str = "<set>";

/// Why there is no spec to show.
#[derive(Debug, thiserror::Error)]
pub enum NoSpec {
    /// The status names something that cannot be a manifest of the source.
    #[error(transparent)]
    NotAManifest(#[from] StatusFileError),
    /// The manifest cannot be read.
    #[error("the manifest cannot be read: {why}; it was looked for in {}", directory.display())]
    Unreadable {
        /// The source.
        directory: PathBuf,
        /// Why not.
        why: io::Error,
    },
    /// The manifest, or the workspace's document in it, has errors.
    #[error("the manifest is not valid; see Accepted")]
    Invalid,
    /// The manifest is about other workspaces.
    #[error("the manifest does not declare it any more")]
    NotDeclared,
    /// What the manifest declares is not what the controller keeps.
    #[error("the manifest is not in force; see Accepted")]
    NotInForce,
    /// It has no YAML form.
    #[error(transparent)]
    Form(#[from] CliError),
}

/// The spec of a workspace as YAML, from its manifest in the directory `source`.
///
/// Fields that have their defaults are left out, whether or not the manifest names them.
pub fn spec(workspace: &WorkspaceStatus, source: &Path) -> Result<String, NoSpec> {
    let metadata = &workspace.metadata;
    // Refuses paths that would lead out of the source.
    StatusFiles::new(source, None).path_of(&metadata.manifest)?;
    let unreadable = |why| NoSpec::Unreadable { directory: source.to_owned(), why };
    let bytes = read(&source.join(&metadata.manifest)).map_err(unreadable)?;
    let spec = find(&metadata.name, &metadata.manifest, &bytes)?;
    if workspace.status.is(ConditionType::Accepted) { Ok(written(spec)?) } else { Err(NoSpec::NotInForce) }
}

/// Opening a named pipe would wait for its writer.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    read_manifest(File::open(path)?)
}

fn find(name: &str, file: &str, bytes: &[u8]) -> Result<WorkspaceSpec, NoSpec> {
    let manifest = manifest::parse(file, bytes);
    // Errors may hide the name as well.
    let valid = manifest.errors.is_empty() && manifest.documents.iter().all(|document| document.outcome.is_ok());
    let absent = if valid { NoSpec::NotDeclared } else { NoSpec::Invalid };
    let claims = |document: &Document| document.name.as_ref().is_some_and(|own| own.as_str() == name);
    let document = manifest.documents.into_iter().find(claims).ok_or(absent)?;
    document.outcome.map(|workspace| workspace.spec).map_err(|_| NoSpec::Invalid)
}

fn written(mut spec: WorkspaceSpec) -> Result<String, CliError> {
    for value in spec.env.iter_mut().filter_map(|variable| variable.value.as_mut()) {
        SET.clone_into(value);
    }
    let form = |source: serde_json::Error| CliError::Format { format: "YAML", source: Box::new(source) };
    let least: WorkspaceSpec = serde_json::from_value(json!({ "image": spec.image })).map_err(form)?;
    let mut fields = serde_json::to_value(spec).map_err(form)?;
    let mut defaults = serde_json::to_value(least).map_err(form)?;
    if let (Some(fields), Some(defaults)) = (fields.as_object_mut(), defaults.as_object_mut()) {
        // The one field without a default.
        defaults.remove("image");
        leave_out(fields, defaults);
    }
    output::yaml(&fields)
}

/// Leaves out every field that has its default, and groups of fields of which none is left.
fn leave_out(fields: &mut Map<String, Value>, defaults: &Map<String, Value>) {
    fields.retain(|name, value| match (value, defaults.get(name)) {
        (Value::Object(own), Some(Value::Object(default))) => {
            leave_out(own, default);
            !own.is_empty()
        }
        (own, default) => default != Some(own),
    });
}
