//! What there is to measure, for [Prometheus](https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
//!
//! Each scrape is written anew from what the tracker has: nothing is counted here, and the series of a workspace that is gone go with
//! it. Names follow [Prometheus' rules](https://prometheus.io/docs/practices/naming/): base units (cores, seconds, bytes, ratios),
//! `_total` for what only grows.
//!
//! The format is the classic text, version 0.0.4, because it is what `promtool check metrics` reads and every scraper accepts. `OpenMetrics`
//! names counters otherwise, and the crate for it has no summaries; so neither is used.

mod controller;
mod process;
mod text;
mod workspaces;

use std::sync::Arc;

pub use process::Process;
use text::{Kind, Page, Value};

use crate::model::batch::{Batch, BatchState};
use crate::model::statistics::{Statistics, Summary};
use crate::model::webhook::WebhookStatistics;
use crate::tracker::Tracked;

/// The `Content-Type` of an exposition.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What an exposition is made from.
#[derive(Clone, Copy, Debug)]
pub struct Scrape<'a> {
    /// Whether the controller's loop turns.
    pub alive: bool,
    /// What the controller's process uses.
    pub process: Process,
    /// What the controller has done.
    pub statistics: &'a Statistics,
    /// All workspaces together.
    pub summary: &'a Summary,
    /// Each workspace. Of a name that several manifests claim, the first counts: [`crate::tracker::Tracker::all`] has them in this order.
    pub workspaces: &'a [Arc<Tracked>],
    /// What came of the events of each webhook.
    pub webhooks: &'a [WebhookStatistics],
    /// The batches that are kept.
    pub batches: &'a [Batch],
}

/// Writes a scrape. A thousand workspaces are 1.2 MB.
pub fn exposition(scrape: &Scrape<'_>) -> String {
    let mut page = Page::default();
    controller::write(scrape, &mut page);
    process::write(&scrape.process, &mut page);
    batches(scrape.batches, &mut page);
    webhooks(scrape.webhooks, &mut page);
    workspaces::write(scrape, &mut page);
    page.into_text()
}

fn batches(batches: &[Batch], page: &mut Page) {
    let states = [BatchState::Running, BatchState::Succeeded, BatchState::Failed, BatchState::Canceled];
    page.metric("wharf_batches", Kind::Gauge, "Batches that are kept, by state.", |samples| {
        for state in states {
            let count = batches.iter().filter(|batch| batch.state == state).count();
            samples.add(&[("state", &format!("{state:?}"))], Value::from(count));
        }
    });
}

/// A number of a webhook, and what it is called.
type WebhookMetric = (&'static str, Kind, &'static str, fn(&WebhookStatistics) -> u64);

const WEBHOOKS: [WebhookMetric; 5] = [
    ("wharf_webhook_delivered_total", Kind::Counter, "Events that the receiver took.", |one| one.delivered),
    (
        "wharf_webhook_dead_letters_total",
        Kind::Counter,
        "Events that were given up: refused, not taken after all attempts, or pushed out by newer ones.",
        |one| one.dead_letters,
    ),
    ("wharf_webhook_failed_attempts_total", Kind::Counter, "Attempts to bring an event that failed.", |one| {
        one.failed_attempts
    }),
    ("wharf_webhook_missed_events_total", Kind::Counter, "Events that came too fast to be looked at.", |one| {
        one.missed
    }),
    ("wharf_webhook_pending_events", Kind::Gauge, "Events that wait for the receiver.", |one| one.pending),
];

fn webhooks(webhooks: &[WebhookStatistics], page: &mut Page) {
    for (name, kind, help, value) in WEBHOOKS {
        page.metric(name, kind, help, |samples| {
            for webhook in webhooks {
                samples.add(&[("webhook", &webhook.name)], Value::from(value(webhook)));
            }
        });
    }
}
