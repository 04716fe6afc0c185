//! Following a repository: asks it at its times and when somebody says that there are news, and hands in what it says.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::controller::Readings;
use crate::model::source::{Revision, SourceStatus};
use crate::source::Reading;
use crate::source::git::{GitSource, Lineage, SyncError, Synced};

/// How long other sources wait for the first answer of a repository that nothing is known of.
const PATIENCE: Duration = Duration::from_secs(5);

/// Brings the readings of a repository, each that differs from the one before, until `shutdown` or until nobody receives. `which`: its
/// precedence among the places. What was in force when the last run ended counts at once.
pub(super) async fn follow_repository(
    mut source: GitSource,
    which: usize,
    readings: Readings,
    shutdown: CancellationToken,
) {
    let mut told = None;
    if let Some(Revision { commit, subject, .. }) = &source.state().revision {
        tracing::info!(source = readings.name(which), commit, "in force since the last run: {subject:?}");
    }
    note(&source, which, &readings, None);
    tell(&source, which, &readings, &mut told, false);
    while !readings.is_closed() {
        let Some(synced) = sync(&mut source, which, &readings, &mut told, &shutdown).await else { return };
        report(&synced, &source, readings.name(which));
        let pause = source.pause();
        // First which commit it is, then what it declares: what came of it is told of that commit.
        note(&source, which, &readings, Some(pause));
        tell(&source, which, &readings, &mut told, true);
        let due = Instant::now() + pause;
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep_until(due) => {}
            () = readings.sources().asked(readings.name(which)) => {}
        }
    }
}

/// One sync; `None` when the controller ends.
async fn sync(
    source: &mut GitSource,
    which: usize,
    readings: &Readings,
    told: &mut Told,
    shutdown: &CancellationToken,
) -> Option<Result<Synced, SyncError>> {
    let unread = source.reading();
    let sync = source.sync();
    tokio::pin!(sync);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return None,
            synced = &mut sync => return Some(synced),
            () = sleep(PATIENCE), if told.is_none() => hand_in((None, unread.clone()), which, readings, told, true),
        }
    }
}

/// What was handed in last, and of which commit. One that changes no manifest is news all the same.
type Told = Option<(Option<String>, Reading)>;

/// Hands in what a repository says now, if that is news. `lost`: also that nothing has been read.
fn tell(source: &GitSource, which: usize, readings: &Readings, told: &mut Told, lost: bool) {
    let commit = source.state().revision.as_ref().map(|revision| revision.commit.clone());
    hand_in((commit, source.reading()), which, readings, told, lost);
}

fn hand_in(news: (Option<String>, Reading), which: usize, readings: &Readings, told: &mut Told, lost: bool) {
    let is_worth_it = lost || matches!(news.1, Reading::Complete(_));
    if is_worth_it && told.as_ref() != Some(&news) {
        readings.take(which, news.1.clone());
        *told = Some(news);
    }
}

/// Says where the repository stands.
fn note(source: &GitSource, which: usize, readings: &Readings, pause: Option<Duration>) {
    let next = pause.and_then(|pause| {
        let pause = SignedDuration::try_from(pause).ok()?;
        Timestamp::now().checked_add(pause).ok()
    });
    let state = source.state().clone();
    readings.sources().update(readings.name(which), |status: &mut SourceStatus| {
        status.revision = state.revision;
        status.last_sync = state.last_sync;
        status.last_error = state.last_error;
        status.next_sync = next.map(Into::into);
    });
}

/// Says in the log what came of a sync, where that is news.
fn report(synced: &Result<Synced, SyncError>, source: &GitSource, name: &str) {
    let revision = source.state().revision.as_ref();
    let commit = revision.map_or("", |revision| revision.commit.as_str());
    match synced {
        Ok(Synced::Unchanged) => tracing::debug!(source = name, commit, "nothing new in the repository"),
        Ok(Synced::Changed(lineage)) => {
            let subject = revision.map_or("", |revision| revision.subject.as_str());
            tracing::info!(source = name, commit, "in force: {subject:?}");
            if *lineage == Lineage::Other {
                tracing::warn!(
                    source = name,
                    commit,
                    "the commit does not follow the one before: several were pushed, or history was rewritten"
                );
            }
        }
        Err(error) => tracing::warn!(source = name, commit, "what was in force stays: {error}"),
    }
}
