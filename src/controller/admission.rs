//! What policies say of a manifest: when it is read, each time before anything is begun because of it, and of how many there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::policy::{OnViolation, Resolution, Resolved};
use crate::model::source::SourceKind;
use crate::model::{Workspace, labels};
use crate::plan::{Denied, Origin, Scope, Subject};
use crate::policy::{self, Denial, Policies, SourceTrust, Verdict};
use crate::source::Places;
use crate::store::Record;

/// The policies, and where manifests come from.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    policies: Arc<Policies>,
    places: Places,
}

impl Admission {
    pub(crate) fn new(policies: Arc<Policies>, places: Places) -> Self {
        Self { policies, places }
    }

    /// Compiles a workspace, with the limits that policies set where its manifest says nothing.
    pub(crate) fn compile(&self, scope: &Scope, workspace: &Arc<Workspace>, origin: Origin<'_>) -> Subject {
        let mut subject = scope.compile(Arc::clone(workspace), origin);
        let trust = self.trust(origin.manifest);
        subject.amend(|container| self.policies.amend(&trust, workspace, container));
        subject
    }

    /// The paths of the host that have to be looked up before a workspace can be judged.
    pub(crate) fn host_paths(&self, subject: &Subject) -> Vec<PathBuf> {
        self.policies.host_paths(&self.trust(manifest_of(subject)), &subject.workspace, &subject.container)
    }

    /// Why something may not be begun, given where its paths lead to.
    pub(crate) fn judge(&self, subject: &Subject, resolved: &Resolved) -> Option<Denied> {
        match self.verdict(subject, resolved) {
            Verdict::Admitted => None,
            Verdict::Denied { denials, on_violation } => {
                let texts: Vec<String> = denials.iter().map(|denial| format!("{}: {denial}", denial.field)).collect();
                Some(Denied { message: texts.join("\n"), stop: on_violation == OnViolation::Stop })
            }
        }
    }

    /// What is denied of a manifest as it is written, whatever its paths lead to.
    pub(crate) fn denials(
        &self,
        scope: &Scope,
        workspace: &Workspace,
        manifest: &str,
        directory: &Path,
    ) -> Vec<Denial> {
        let uid = crate::model::Uid::new("");
        let origin = Origin { uid: &uid, generation: 0, manifest, directory };
        let subject = self.compile(scope, &Arc::new(workspace.clone()), origin);
        match self.verdict(&subject, &as_written(self.host_paths(&subject))) {
            Verdict::Admitted => Vec::new(),
            Verdict::Denied { denials, .. } => denials,
        }
    }

    /// Of workspaces in the order of their precedence, what those are denied that are too many. Each with its manifest.
    pub(crate) fn too_many(&self, workspaces: &[(&Workspace, &str)]) -> Vec<Vec<Denial>> {
        let trusts: Vec<SourceTrust> = workspaces.iter().map(|(_, manifest)| self.trust(manifest)).collect();
        let counted = workspaces.iter().zip(&trusts);
        let counted: Vec<policy::Counted<'_>> = counted
            .map(|((workspace, _), source)| policy::Counted { source, labels: &workspace.metadata.labels })
            .collect();
        let verdicts = self.policies.counts(&counted).into_iter();
        let denials = verdicts.map(|verdict| match verdict {
            Verdict::Admitted => Vec::new(),
            Verdict::Denied { denials, .. } => denials,
        });
        denials.collect()
    }

    fn verdict(&self, subject: &Subject, resolved: &Resolved) -> Verdict {
        self.policies.judge(&policy::Subject {
            source: &self.trust(manifest_of(subject)),
            workspace: &subject.workspace,
            container: &subject.container,
            resolved,
        })
    }

    /// What is from no source that is configured is trusted least.
    fn trust(&self, manifest: &str) -> SourceTrust {
        match self.places.of(manifest) {
            Some((_, place)) => SourceTrust {
                name: place.name.as_ref().map_or_else(|| "source".to_owned(), ToString::to_string),
                kind: place.kind,
                base: place.base.clone(),
            },
            None => SourceTrust { name: String::new(), kind: SourceKind::Git, base: PathBuf::from("/nonexistent") },
        }
    }
}

/// Where paths lead to if none of them is a symbolic link.
pub(crate) fn as_written(paths: Vec<PathBuf>) -> Resolved {
    paths.into_iter().map(|path| (path.clone(), Resolution::Path(path))).collect()
}

/// The order in which workspaces count: those that are there by their age, then new ones by name.
pub(crate) fn precedence(record: Option<&&Record>) -> (bool, Option<jiff::Timestamp>) {
    (record.is_none(), record.map(|record| record.created_at.timestamp()))
}

fn manifest_of(subject: &Subject) -> &str {
    subject.container.labels.get(labels::MANIFEST).map_or("", String::as_str)
}
