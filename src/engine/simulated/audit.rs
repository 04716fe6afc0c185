//! Notices where a controller breaks a rule.

use std::collections::BTreeMap;

use super::calls::Operation;
use super::container::Container;
use super::violations::Violation;
use super::world::World;
use crate::model::labels;
use crate::model::status::ContainerState;

impl World {
    /// Notes a call that changes an object of somebody else: one without an instance's label, or with another one's than the
    /// test named.
    pub(super) fn note_touch(&mut self, operation: Operation, object: &str, labels: &BTreeMap<String, String>) {
        let own = |instance: &String| self.owner.as_ref().is_none_or(|owner| owner == instance);
        if !labels.get(labels::INSTANCE).is_some_and(own) {
            self.violations.push(Violation::ForeignTouched { operation, object: object.to_owned() });
        }
    }

    /// As [`Self::note_touch`], for a container by its ID.
    pub(super) fn note_touch_of(&mut self, operation: Operation, id: &str) {
        if let Ok(container) = self.get(id) {
            let (name, labels) = (container.name.clone(), container.labels.clone());
            self.note_touch(operation, &name, &labels);
        }
    }

    /// Notes when the workspace of a container has more containers than it should.
    pub(super) fn note_numbers(&mut self, id: &str) {
        let Some(uid) = self.get(id).ok().and_then(|container| container.label(labels::UID)).map(str::to_owned) else {
            return;
        };
        // A copy that somebody else made for themselves is theirs.
        let owned =
            |container: &Container| self.owner.is_none() || container.label(labels::INSTANCE) == self.owner.as_deref();
        let names = |counts: fn(&Container) -> bool| -> Vec<String> {
            self.of_uid(&uid)
                .filter(|container| owned(container) && counts(container))
                .map(|container| container.name.to_string())
                .collect()
        };
        let running = names(Container::lives);
        let all = names(|container| container.state != ContainerState::Removing);
        if running.len() > 1 {
            self.violations.push(Violation::SeveralRunning { uid: uid.clone(), containers: running });
        }
        if all.len() > 2 {
            self.violations.push(Violation::TooMany { uid, containers: all });
        }
    }
}
