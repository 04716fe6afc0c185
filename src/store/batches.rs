//! Batches: a head and items, each under a key of its own, so that what changes is written and not all that there is.

use super::StoreError;
use super::encoding::{BATCHES, decode, encode};
use super::medium::Database;
use crate::model::batch::{Batch, BatchItem};

pub(super) fn batch_key(id: &str) -> Vec<u8> {
    [BATCHES, id.as_bytes()].concat()
}

pub(super) fn batch_item_key(id: &str, index: usize) -> Vec<u8> {
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    [BATCHES, id.as_bytes(), b"/", &index.to_be_bytes()].concat()
}

/// A batch without its items.
pub(super) fn head_of(batch: &Batch) -> (Vec<u8>, Option<Vec<u8>>) {
    let head = Batch { items: Vec::new(), ..batch.clone() };
    (batch_key(&batch.id), Some(encode(&head)))
}

/// All batches, oldest first. What a later version wrote in words unknown here is left out: it cannot be gone on with.
pub(super) fn read_batches(database: &dyn Database) -> Result<Vec<Batch>, StoreError> {
    let mut batches: Vec<Batch> = Vec::new();
    for pair in database.scan(BATCHES) {
        let (key, value) = pair?;
        // A head sorts before its items, and they by their index.
        let last = batches.last_mut().filter(|batch| key.starts_with(&[&batch_key(&batch.id), &b"/"[..]].concat()));
        match last {
            Some(batch) => batch.items.extend(decode::<BatchItem>(&value).ok()),
            None => batches.extend(decode::<Batch>(&value).ok()),
        }
    }
    Ok(batches)
}
