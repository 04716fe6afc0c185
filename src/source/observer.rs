//! What a scan tells a watch, and asks of it.

use std::path::Path;
use std::time::SystemTime;

use crate::disk::Identity;

/// What writers were last seen to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// One wrote to it and has not closed it since.
    Writing,
    /// One closed it, or renamed it into place, at this time.
    Finished(SystemTime),
}

/// Goes along with a scan. Paths are below the root as the user named it.
pub(super) trait Observer {
    /// A scan begins.
    fn begin(&mut self) {}

    /// A directory is about to be listed. A watch set up now misses nothing: what changed before is in the listing, what
    /// changes after it is an event.
    fn before_listing(&mut self, _path: &Path, _identity: Identity) {}

    /// What is known about the writers of a file; `None` when nothing is.
    fn activity(&self, _path: &Path) -> Option<Activity> {
        None
    }

    /// The scan is over; directories it did not list are no longer part of the source.
    fn end(&mut self) {}
}

/// For a scan that nothing goes along with.
pub(super) struct Nobody;

impl Observer for Nobody {}
