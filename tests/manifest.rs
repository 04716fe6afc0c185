//! Manifests as people write them, and as nobody should: what is accepted, and what is said about what is not.

#[path = "manifest/accepted.rs"]
mod accepted;
#[path = "manifest/hostile.rs"]
mod hostile;
#[path = "manifest/properties.rs"]
mod properties;
#[path = "manifest/refused.rs"]
mod refused;

use std::path::PathBuf;

use wharf::manifest::{Diagnostic, Manifest};

/// A path in this repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every diagnostic, in the order in which they are reported.
fn diagnostics(manifest: &Manifest) -> Vec<&Diagnostic> {
    let of_documents = manifest.documents.iter().filter_map(|document| document.outcome.as_ref().err()).flatten();
    manifest.errors.iter().chain(of_documents).collect()
}

/// As a user sees them, one a line.
fn rendered(manifest: &Manifest) -> String {
    diagnostics(manifest).iter().fold(String::new(), |text, diagnostic| text + &diagnostic.to_string() + "\n")
}
