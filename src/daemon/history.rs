//! Forgetting the history of workspaces that are gone: short-lived ones would otherwise fill the disk for as long as history is kept.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::metrics::{Metrics, MetricsError};
use crate::model::Uid;
use crate::store::Store;

/// How often to look. The first time comes this long after the start, too: by then everything that is remembered has been looked at.
const EVERY: Duration = Duration::from_secs(3600);

/// Until the shutdown, forgets what nothing remembers any more: a workspace has a record as long as there is anything of it.
pub(super) async fn forget_gone(metrics: Metrics, store: Store, shutdown: CancellationToken) {
    while shutdown.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let (metrics, store) = (metrics.clone(), store.clone());
        match tokio::task::spawn_blocking(move || forget(&metrics, &store)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::info!(count, "the history of workspaces that are gone was removed"),
            Ok(Err(error)) => tracing::warn!("the history of workspaces that are gone stays: {error}"),
            Err(error) => tracing::error!("looking for the history of workspaces that are gone failed: {error}"),
        }
    }
}

fn forget(metrics: &Metrics, store: &Store) -> Result<usize, MetricsError> {
    let remembered: BTreeSet<Uid> = store.load_all()?.into_values().map(|record| record.uid).collect();
    let gone: Vec<Uid> = metrics.uids()?.into_iter().filter(|uid| !remembered.contains(uid)).collect();
    gone.iter().try_for_each(|uid| metrics.forget(uid))?;
    Ok(gone.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Retention;
    use crate::store::SeriesBatch;

    #[test]
    fn only_what_nothing_remembers_is_forgotten() {
        let (records, history) = (Store::scratch().expect("a store"), Store::scratch().expect("a store"));
        let metrics = Metrics::new(history.store.clone(), Retention::default());
        let gone = Uid::new("01GONE");
        let mut batch = SeriesBatch::default();
        batch.put(&gone, 0, 60, vec![1]);
        history.store.put_series(batch).expect("written");
        assert_eq!(metrics.uids().expect("readable"), [gone]);
        assert_eq!(forget(&metrics, &records.store).expect("forgotten"), 1);
        assert_eq!(metrics.uids().expect("readable"), [] as [Uid; 0]);
    }
}
