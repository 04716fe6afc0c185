//! Bringing events: one task that asks who wants them, and one for each webhook.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Client;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::attempt::{Message, Outcome, client, post};
use super::queue::Queue;
use super::tally::Tally;
use super::wanted::{Labels, Wanted};
use super::{Policy, Webhook, WebhookError};
use crate::events::{Heard, Subscription};
use crate::model::event::Event;
use crate::model::random::Random;
use crate::model::webhook::WebhookStatistics;

/// Webhooks that are ready to be told events.
#[derive(Debug)]
pub struct Outgoing {
    policy: Policy,
    receivers: Arc<[Arc<Receiver>]>,
}

/// What has come of the events of all webhooks. A handle: clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Deliveries {
    receivers: Option<Arc<[Arc<Receiver>]>>,
}

/// One webhook, with what waits for it.
#[derive(Debug)]
struct Receiver {
    webhook: Webhook,
    client: Client,
    policy: Policy,
    queue: Queue,
    tally: Tally,
    /// Whether the queue has run over since an event was last taken: then that has been told to the log.
    overrun: AtomicBool,
}

impl Deliveries {
    /// What has come of each webhook's events, in the order of the configuration. Waits for nobody.
    pub fn statistics(&self) -> Vec<WebhookStatistics> {
        let receivers = self.receivers.as_deref().unwrap_or_default();
        receivers.iter().map(|receiver| receiver.tally.statistics(&receiver.webhook.name)).collect()
    }
}

impl Outgoing {
    /// Prepares what webhooks need; sends nothing.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(webhooks: Vec<Webhook>, policy: Policy) -> Result<Self, WebhookError> {
        let receiver = |webhook: Webhook| {
            let client = client(&webhook.address, policy.timeout)?;
            let (queue, tally, overrun) = (Queue::new(policy.pending), Tally::default(), AtomicBool::new(false));
            Ok(Arc::new(Receiver { webhook, client, policy, queue, tally, overrun }))
        };
        Ok(Self { policy, receivers: webhooks.into_iter().map(receiver).collect::<Result<_, WebhookError>>()? })
    }

    /// What comes of the events, to be read while they are brought.
    pub fn deliveries(&self) -> Deliveries {
        Deliveries { receivers: Some(Arc::clone(&self.receivers)) }
    }

    /// Brings events until `shutdown`, or until the hub is gone; then what still waits is tried once more, for no longer than the
    /// policy's grace. `labels` tells those of a workspace, where it is known; it is asked once for each event, and must not wait.
    pub async fn deliver(
        self,
        mut subscription: Subscription,
        labels: impl Fn(&str) -> Option<BTreeMap<String, String>> + Send,
        shutdown: CancellationToken,
    ) {
        let ending = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for receiver in self.receivers.iter() {
            tasks.spawn(Arc::clone(receiver).work(ending.clone()));
        }
        let mut wanted: Vec<Wanted> = self.receivers.iter().map(|receiver| Wanted::by(&receiver.webhook)).collect();
        loop {
            let heard = tokio::select! {
                // What was told before the end is offered before the end.
                biased;
                heard = subscription.next() => heard,
                () = shutdown.cancelled() => None,
            };
            match heard {
                Some(Heard::Event(event)) => self.offer(&event, &mut wanted, &labels),
                Some(Heard::Missed(count)) => self.missed(count),
                None => break,
            }
        }
        ending.cancel();
        self.receivers.iter().for_each(|receiver| receiver.queue.close());
        let all_ended = async { while tasks.join_next().await.is_some() {} };
        let in_time = tokio::time::timeout(self.policy.grace, all_ended).await.is_ok();
        tasks.shutdown().await;
        if !in_time {
            self.receivers.iter().for_each(|receiver| receiver.give_up_the_rest());
        }
    }

    fn offer(&self, event: &Arc<Event>, wanted: &mut [Wanted], labels: Labels<'_>) {
        for (receiver, wanted) in self.receivers.iter().zip(wanted) {
            if wanted.has(event, labels) {
                receiver.take(Arc::clone(event));
            }
        }
    }

    fn missed(&self, count: u64) {
        tracing::warn!(
            events = count,
            "events came faster than they can be looked at, and are not brought to any webhook"
        );
        self.receivers.iter().for_each(|receiver| receiver.tally.missed(count));
    }
}

impl Receiver {
    fn take(&self, event: Arc<Event>) {
        self.tally.offered();
        if self.queue.push(event).is_none() {
            return;
        }
        self.tally.dead(1);
        if !self.overrun.swap(true, Ordering::Relaxed) {
            let pending = self.policy.pending;
            tracing::warn!(webhook = %self.webhook.name, pending, "too many events wait for this receiver: the oldest are given up");
        }
    }

    /// Brings one event after the other, until the queue is closed and empty.
    async fn work(self: Arc<Self>, ending: CancellationToken) {
        // Where many begin together, their pauses must not be the same.
        let mut random = Random::new(u64::try_from(ulid::Ulid::generate().0 & u128::from(u64::MAX)).unwrap_or(0), 0);
        let mut was_reached = true;
        while let Some(event) = self.queue.next().await {
            let brought = match Message::of(&event) {
                Ok(message) => self.bring(&message, &mut was_reached, &mut random, &ending).await,
                Err(error) => Err(format!("the event cannot be put into words ({error}): report this as a defect")),
            };
            match brought {
                Ok(()) => {
                    self.tally.delivered();
                    self.overrun.store(false, Ordering::Relaxed);
                }
                Err(why) => self.bury(&event, &why),
            }
        }
    }

    /// Tries until the receiver has it, or never will. The error says why not.
    async fn bring(
        &self,
        message: &Message,
        was_reached: &mut bool,
        random: &mut Random,
        ending: &CancellationToken,
    ) -> Result<(), String> {
        let mut failed = 0;
        loop {
            let (why, asked) = match post(&self.client, &self.webhook, message).await {
                Outcome::Taken => {
                    self.tell_reached(was_reached);
                    return Ok(());
                }
                Outcome::Refused(why) => {
                    self.tally.failed();
                    return Err(why);
                }
                Outcome::Failed { why, asked } => (why, asked),
            };
            failed += 1;
            self.tally.failed();
            self.tell_failure(message, &why, failed, was_reached);
            if failed >= self.policy.attempts {
                return Err(format!("{why}, {failed} times"));
            }
            tokio::select! {
                () = tokio::time::sleep(self.policy.pause(failed, asked, random)) => {}
                () = ending.cancelled() => return Err(format!("{why}, and the controller ends")),
            }
        }
    }

    fn tell_reached(&self, was_reached: &mut bool) {
        if !std::mem::replace(was_reached, true) {
            tracing::info!(webhook = %self.webhook.name, address = %self.webhook.address, "the receiver takes events again");
        }
    }

    fn tell_failure(&self, message: &Message, why: &str, attempt: u32, was_reached: &mut bool) {
        let (webhook, address, delivery) = (&self.webhook.name, &self.webhook.address, &message.id);
        if std::mem::replace(was_reached, false) {
            tracing::warn!(%webhook, %address, delivery, attempt, why, "an event could not be brought; it is tried again");
        } else {
            tracing::debug!(%webhook, %address, delivery, attempt, why, "an event could not be brought; it is tried again");
        }
    }

    fn bury(&self, event: &Event, why: &str) {
        self.tally.dead(1);
        let (kind, workspace, sequence) = (event.kind.as_str(), event.workspace.as_deref(), event.sequence);
        tracing::warn!(webhook = %self.webhook.name, kind, workspace, sequence, why, "an event was given up");
    }

    /// What waits when there is no more time for it.
    fn give_up_the_rest(&self) {
        let rest = self.tally.statistics(&self.webhook.name).pending;
        if rest > 0 {
            self.tally.dead(rest);
            tracing::warn!(webhook = %self.webhook.name, events = rest, "the controller ends before these events were brought");
        }
    }
}
