//! Remembering: what is known goes to the store, and what cannot be stored now is stored when that is possible again.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::core::Core;
use crate::engine::Engine;
use crate::model::Name;
use crate::store::{Batch, StoreError};

/// How long to try to store everything at the end, and how often.
const PATIENCE: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_millis(200);

impl<E: Engine> Core<E> {
    /// Stores what is known about a workspace, or that nothing is known any more.
    pub(super) fn remember(&mut self, name: &Name) {
        if let Err(error) = self.save(&BTreeSet::from([name.clone()]), false) {
            tracing::error!(workspace = %name, "not remembered, going on without: {error}");
        }
    }

    /// Stores what is known about some workspaces, and about those that could not be stored before. If `durably`, it outlives
    /// the process when this returns.
    pub(super) fn save(&mut self, names: &BTreeSet<Name>, durably: bool) -> Result<(), StoreError> {
        let durably = durably || !self.unsaved.is_empty();
        let names: BTreeSet<Name> = self.unsaved.union(names).cloned().collect();
        let mut batch = Batch::default();
        for name in &names {
            match self.entries.get(name).and_then(|entry| entry.record.as_ref()) {
                Some(record) => batch.put(name, record),
                None => batch.remove(name),
            };
        }
        let saved = self.store.apply(&batch).and_then(|()| if durably { self.store.flush() } else { Ok(()) });
        self.unsaved = if saved.is_ok() { BTreeSet::new() } else { names };
        saved
    }

    /// Tries again what could not be stored.
    pub(super) fn save_again(&mut self) {
        if self.unsaved.is_empty() {
            return;
        }
        match self.save(&BTreeSet::new(), true) {
            Ok(()) => tracing::info!("what is known is remembered again"),
            Err(error) => tracing::debug!("still not remembered: {error}"),
        }
    }

    /// Stores everything, at the end. A disk that has just been freed takes a moment until it is written to again.
    pub(super) async fn save_all(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let all = self.entries.keys().cloned().collect();
        loop {
            match self.save(&all, true) {
                Ok(()) => return,
                Err(error) if Instant::now() >= deadline => {
                    return tracing::warn!("memory not saved at the end: {error}");
                }
                Err(_) => sleep(AGAIN).await,
            }
        }
    }
}
