//! The container names of one workspace.

use super::situation::Situation;

/// The names that containers of one workspace may have.
pub(super) struct Names {
    /// Of the current container.
    pub(super) container: String,
    /// Of one that waits to take over.
    pub(super) next: String,
}

impl Names {
    pub(super) fn of(situation: &Situation<'_>) -> Self {
        let name = &situation.workspace().metadata.name;
        Self { container: situation.scope.container_name(name), next: situation.scope.next_container_name(name) }
    }
}
