//! Carrying out one batch.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::goal::{Standing, standing};
use super::{Desk, Shared};
use crate::model::Name;
use crate::model::batch::{BatchState, ItemState, Verb};
use crate::store::StoreError;

/// How long an item may take. The controller goes on with the workspace all the same.
const PATIENCE: Duration = Duration::from_secs(600);

/// How often to look though nothing is told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How long to wait before something that could not be stored is stored again.
const STORE_AGAIN: Duration = Duration::from_secs(2);

/// Works on a batch until every item has ended, or the controller does.
pub(super) async fn run(shared: Arc<Shared>, id: String) {
    let shutdown = shared.shutdown.clone();
    shutdown.run_until_cancelled(work(shared, id)).await;
}

async fn work(shared: Arc<Shared>, id: String) {
    let Some(batch) = shared.known().get(&id).cloned() else { return };
    let parallelism = usize::try_from(batch.parallelism).unwrap_or(1);
    let open = batch.items.iter().enumerate().filter(|(_, item)| !item.state.is_final());
    // What was begun before an interruption comes first, and is finished whatever was decided since.
    let (begun, pending): (Vec<_>, Vec<_>) = open.partition(|(_, item)| item.state == ItemState::Running);
    let mut begun_left = begun.len();
    let mut waiting: VecDeque<(usize, Name)> =
        begun.into_iter().chain(pending).map(|(index, item)| (index, item.workspace.clone())).collect();
    let mut working = JoinSet::new();
    shared.until_ready(&id, begun_left > 0).await;
    loop {
        while working.len() < parallelism
            && (begun_left > 0 || !shared.is_to_end(&id))
            && let Some((index, name)) = waiting.pop_front()
        {
            begun_left = begun_left.saturating_sub(1);
            shared.change(&id, index, ItemState::Running, None).await;
            let (desk, request) = (Arc::clone(&shared.desk), format!("{id}/{name}"));
            let verb = batch.verb;
            working.spawn(async move { (index, bring_about(&*desk, verb, &name, request).await) });
        }
        match working.join_next().await {
            Some(Ok((index, Ok(())))) => shared.change(&id, index, ItemState::Succeeded, None).await,
            Some(Ok((index, Err(why)))) => shared.change(&id, index, ItemState::Failed, Some(why)).await,
            Some(Err(error)) => tracing::error!(batch = %id, "an item of a batch broke: {error}"),
            None => break,
        }
    }
    for (index, _) in waiting {
        let why = if shared.is_canceled(&id) { "the batch was canceled" } else { "too many others failed" };
        shared.change(&id, index, ItemState::Skipped, Some(why.to_owned())).await;
    }
    for index in shared.broken(&id) {
        let why = "a defect of Wharf ended it; the log of the controller says which";
        shared.change(&id, index, ItemState::Failed, Some(why.to_owned())).await;
    }
    shared.end(&id).await;
}

/// Asks for something and waits until it has come about, or cannot.
async fn bring_about(desk: &dyn Desk, verb: Verb, name: &Name, request: String) -> Result<(), String> {
    let mut changes = desk.changes();
    let deadline = Instant::now() + PATIENCE;
    let passes = desk.look(name).map_or(0, |look| look.passes);
    if verb != Verb::Delete || desk.knows(name.clone()).await {
        desk.ask(verb, name.clone(), request).await?;
    }
    loop {
        changes.mark_unchanged();
        let look = desk.look(name);
        // After a start, what has not been looked at is not told.
        let is_untold = look.is_none() && desk.knows(name.clone()).await;
        match standing(verb, look.as_ref(), passes) {
            _ if is_untold => {}
            Standing::Reached => return Ok(()),
            Standing::Failed(why) => return Err(why),
            Standing::Underway => {}
        }
        let again = (Instant::now() + LOOK_AGAIN).min(deadline);
        // What is gone before it was told makes no change of what is told.
        let _ = timeout_at(again, changes.changed()).await;
        if Instant::now() >= deadline {
            let minutes = PATIENCE.as_secs() / 60;
            return Err(format!(
                "not reached within {minutes} minutes; `wharf describe {name}` says what it waits for"
            ));
        }
    }
}

impl Shared {
    /// Waits until something can be begun, or nothing is to be. `begun`: whether there is something to be finished in any case.
    async fn until_ready(&self, id: &str, begun: bool) {
        let mut changes = self.desk.changes();
        while !self.desk.is_ready() && (begun || !self.is_to_end(id)) {
            let _ = timeout(LOOK_AGAIN / 5, changes.changed()).await;
        }
    }

    /// Whether no further item is to begin.
    fn is_to_end(&self, id: &str) -> bool {
        let known = self.known();
        let Some(batch) = known.get(id) else { return true };
        let failed = batch.items.iter().filter(|item| item.state == ItemState::Failed).count();
        batch.canceled || batch.max_failures.is_some_and(|most| failed > usize::try_from(most).unwrap_or(usize::MAX))
    }

    /// Items on which nobody works any more although they have not ended.
    fn broken(&self, id: &str) -> Vec<usize> {
        let known = self.known();
        let items = known.get(id).map(|batch| &batch.items[..]).unwrap_or_default();
        items.iter().enumerate().filter(|(_, item)| !item.state.is_final()).map(|(index, _)| index).collect()
    }

    fn is_canceled(&self, id: &str) -> bool {
        self.known().get(id).is_some_and(|batch| batch.canceled)
    }

    /// An item changes its state. What is begun is on the disk before it begins.
    async fn change(&self, id: &str, index: usize, state: ItemState, error: Option<String>) {
        let now = self.desk.now().into();
        let item = {
            let mut known = self.known();
            let Some(item) = known.get_mut(id).and_then(|batch| batch.items.get_mut(index)) else { return };
            item.state = state;
            item.error = error;
            if state == ItemState::Running {
                item.started_at = item.started_at.or(Some(now));
            } else {
                item.ended_at = Some(now);
            }
            item.clone()
        };
        self.stored(|| {
            self.store.put_batch_item(id, index, &item)?;
            if state == ItemState::Running { self.store.flush() } else { Ok(()) }
        })
        .await;
    }

    async fn end(&self, id: &str) {
        let batch = {
            let mut known = self.known();
            let Some(batch) = known.get_mut(id) else { return };
            let any = |state| batch.items.iter().any(|item| item.state == state);
            batch.state = if any(ItemState::Failed) {
                BatchState::Failed
            } else if any(ItemState::Skipped) {
                BatchState::Canceled
            } else {
                BatchState::Succeeded
            };
            batch.ended_at = Some(self.desk.now().into());
            batch.clone()
        };
        tracing::info!(batch = %id, verb = %batch.verb, state = ?batch.state, items = batch.items.len(), "a batch has ended");
        self.stored(|| self.store.put_batch_head(&batch)).await;
    }

    /// Stores something, again and again while the disk is full: an item that is not known to have begun must not begin.
    async fn stored(&self, put: impl Fn() -> Result<(), StoreError>) {
        while let Err(error) = put() {
            tracing::error!("a batch is not remembered, trying again: {error}");
            sleep(STORE_AGAIN).await;
        }
    }
}
