//! What can go wrong with history.

use crate::model::time::Time;
use crate::store::StoreError;

/// What can go wrong with history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MetricsError {
    /// No time is between the two.
    #[error("the history from {from} to {to} is empty: the end must be later than the beginning")]
    Range {
        /// The beginning that was asked for.
        from: Time,
        /// The end.
        to: Time,
    },
    /// Steps of less than a second.
    #[error("the step is too short: use at least `1s`")]
    Step,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
