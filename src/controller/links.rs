//! Which workspaces have to do with a file or with another workspace: looking among all of them each time would make ten
//! thousand workspaces cost a hundred times what a thousand do.

use std::collections::BTreeMap;

use crate::model::Name;
use crate::store::Record;

/// Follows from the records; made anew whenever a reading of the source may have changed their specs or manifests.
#[derive(Debug, Default)]
pub(super) struct Links {
    by_manifest: BTreeMap<String, Vec<Name>>,
    dependents: BTreeMap<Name, Vec<Name>>,
}

impl Links {
    pub(super) fn of<'a>(records: impl Iterator<Item = &'a Record>) -> Self {
        let mut links = Self::default();
        for Record { workspace, manifest, .. } in records {
            let name = &workspace.metadata.name;
            links.by_manifest.entry(manifest.clone()).or_default().push(name.clone());
            for dependency in &workspace.spec.depends_on {
                links.dependents.entry(dependency.clone()).or_default().push(name.clone());
            }
        }
        links
    }

    /// A workspace is not remembered any more.
    pub(super) fn forget(&mut self, name: &Name, manifest: &str) {
        if let Some(names) = self.by_manifest.get_mut(manifest) {
            names.retain(|own| own != name);
        }
    }

    /// The workspaces that a file declared last.
    pub(super) fn declared_by(&self, manifest: &str) -> &[Name] {
        self.by_manifest.get(manifest).map_or(&[], Vec::as_slice)
    }

    /// The workspaces that depend on one.
    pub(super) fn dependents(&self, name: &Name) -> &[Name] {
        self.dependents.get(name).map_or(&[], Vec::as_slice)
    }
}
