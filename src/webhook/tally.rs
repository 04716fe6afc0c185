//! What has come of one webhook's events.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::model::webhook::WebhookStatistics;

/// Counted as it happens, read by anybody.
#[derive(Debug, Default)]
pub(super) struct Tally {
    offered: AtomicU64,
    delivered: AtomicU64,
    dead: AtomicU64,
    failed: AtomicU64,
    missed: AtomicU64,
}

impl Tally {
    pub fn offered(&self) {
        self.offered.fetch_add(1, Ordering::Relaxed);
    }

    pub fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub fn dead(&self, count: u64) {
        self.dead.fetch_add(count, Ordering::Relaxed);
    }

    pub fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub fn missed(&self, count: u64) {
        self.missed.fetch_add(count, Ordering::Relaxed);
    }

    pub fn statistics(&self, name: &str) -> WebhookStatistics {
        // What has ended is read first: it may grow before the rest is read, and what waits must not come out below zero.
        let delivered = self.delivered.load(Ordering::Relaxed);
        let dead_letters = self.dead.load(Ordering::Relaxed);
        let offered = self.offered.load(Ordering::Relaxed);
        WebhookStatistics {
            name: name.to_owned(),
            delivered,
            dead_letters,
            failed_attempts: self.failed.load(Ordering::Relaxed),
            pending: offered.saturating_sub(delivered + dead_letters),
            missed: self.missed.load(Ordering::Relaxed),
        }
    }
}
