//! Lives of workspaces that are not remembered: from a declaration to its deletion, a workspace has one UID and its generations grow.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::Uid;
use crate::model::spec::DeletionPolicy;
use crate::store::Record;

/// Of how many lives something is known.
const KEPT: usize = 10_000;

/// What is known of lives without a record.
#[derive(Debug, Default)]
pub(super) struct Lives {
    /// The last generation that was told of a life that may go on: by a status file of an earlier run where the store was lost, or
    /// because its container was left when its manifest went.
    told: BTreeMap<Uid, u64>,
    /// Lives that are over in this run. A list or an event that is late may show their containers once more.
    over: BTreeSet<Uid>,
}

impl Lives {
    pub(super) fn told_before(told: BTreeMap<Uid, u64>) -> Self {
        Self { told, over: BTreeSet::new() }
    }

    /// The generation that was told of a life, 0 for none.
    pub(super) fn told(&self, uid: &Uid) -> u64 {
        self.told.get(uid).copied().unwrap_or(0)
    }

    pub(super) fn is_over(&self, uid: &Uid) -> bool {
        self.over.contains(uid)
    }

    /// A deletion has been carried out.
    pub(super) fn end(&mut self, record: &Record) {
        match record.workspace.spec.deletion_policy {
            DeletionPolicy::Delete => drop(self.over.insert(record.uid.clone())),
            DeletionPolicy::Stop | DeletionPolicy::Orphan => {
                self.told.insert(record.uid.clone(), record.generation);
            }
        }
        // UIDs sort by age.
        while self.over.len() > KEPT {
            self.over.pop_first();
        }
        while self.told.len() > KEPT {
            self.told.pop_first();
        }
    }
}
