//! What policies would say of a manifest, without an engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::manifest::Document;
use crate::model::Workspace;
use crate::model::policy::Resolved;
use crate::model::{Instance, Name, Uid};
use crate::plan::{Origin, Scope};
use crate::policy::{Counted, Denial, Policies, SourceTrust, Subject, Verdict};

/// Policies that are tried.
pub struct Trial {
    policies: Policies,
    scope: Scope,
}

/// A workspace that was tried.
pub struct Tried {
    pub source: SourceTrust,
    pub labels: BTreeMap<String, String>,
}

impl Trial {
    /// Of these policies. No engine sees the names that are compiled, so any do.
    #[expect(clippy::expect_used, reason = "a constant")]
    pub fn new(policies: Policies) -> Self {
        let prefix: Name = "wharf".parse().expect("a name");
        Self { policies, scope: Scope { instance: Instance::of_source("trial"), prefix } }
    }

    /// What is denied to a workspace whose manifest is in a directory.
    pub fn judge(
        &self,
        source: &SourceTrust,
        workspace: &Workspace,
        directory: &Path,
        resolve: impl FnOnce(Vec<PathBuf>) -> Resolved,
    ) -> Vec<Denial> {
        let workspace = Arc::new(workspace.clone());
        let origin = Origin { uid: &Uid::new("trial"), generation: 1, manifest: "", directory };
        let mut container = self.scope.compile(Arc::clone(&workspace), origin).container;
        self.policies.amend(source, &workspace, &mut container);
        let resolved = resolve(self.policies.host_paths(source, &workspace, &container));
        let subject = Subject { source, workspace: &workspace, container: &container, resolved: &resolved };
        denials(self.policies.judge(&subject))
    }

    /// What is denied to each of these because there are too many.
    pub fn count(&self, tried: &[Tried]) -> Vec<Vec<Denial>> {
        let counted: Vec<Counted<'_>> =
            tried.iter().map(|Tried { source, labels }| Counted { source, labels }).collect();
        self.policies.counts(&counted).into_iter().map(denials).collect()
    }
}

fn denials(verdict: Verdict) -> Vec<Denial> {
    match verdict {
        Verdict::Admitted => Vec::new(),
        Verdict::Denied { denials, .. } => denials,
    }
}

/// The workspaces of a manifest's documents that are valid, each with its document.
pub fn valid(documents: &[Document]) -> impl Iterator<Item = (&Document, &Workspace)> {
    documents.iter().filter_map(|document| Some((document, document.outcome.as_ref().ok()?)))
}
