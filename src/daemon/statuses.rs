//! Pushing statuses to a branch of the repository that their manifests are from. Nothing waits for it, and nothing of it decides what runs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Followed;
use crate::controller::Options;
use crate::model::Name;
use crate::model::source::{ONLY, Revision};
use crate::model::status::Phase;
use crate::source::git::{GitOptions, OpenError, Publication, PublishError, Published, Publisher, schedule};
use crate::status_file::{CopyError, Most, StatusFiles};
use crate::tracker::Tracker;

/// A branch is pushed to no more often: people read it, and a forge may run checks on each push.
const PACE: Duration = Duration::from_secs(30);
/// What changes together is pushed together, when nothing was pushed for long.
const SETTLE: Duration = Duration::from_secs(2);
/// Looks at the status files after the controller told something: it is told before it is written.
const LOOKS: u32 = 2;
/// What is left is pushed at the end, if that takes no longer: somebody waits for the end.
const LAST: Duration = Duration::from_secs(4);
/// What is pushed at most. A status file has a few kilobytes.
const MOST: Most = Most { files: 10_000, bytes: 32 << 20 };
/// Changes that a message has lines for.
const LINES: usize = 20;

/// The statuses of one source, and the branch that they are pushed to.
struct Statuses {
    name: String,
    /// The directory of the status files, where there are several sources.
    part: Option<String>,
    files: Arc<StatusFiles>,
    tracker: Tracker,
    options: GitOptions,
    publisher: Option<Publisher>,
    /// What the branch has, and in which phases the workspaces were then.
    pushed: Option<(u64, BTreeMap<String, Phase>)>,
    hashes: RandomState,
    failures: u32,
    told: Option<String>,
}

/// Why statuses are not pushed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Files(#[from] CopyError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Push(#[from] PublishError),
}

/// Pushes the statuses of all sources that are to be, each by itself, until `until`, and then once more.
pub(super) fn push_statuses(
    tasks: &mut JoinSet<()>,
    followed: &[Followed],
    options: &Options,
    until: &CancellationToken,
) {
    let Some(status_dir) = &options.status_dir else { return };
    let is_alone = followed.len() == 1;
    for (source, place) in followed.iter().zip(options.places.iter()) {
        let Followed::Git(source) = source else { continue };
        if source.options().status_branch.is_none() {
            continue;
        }
        let name = place.name.as_ref().map_or(ONLY, Name::as_str).to_owned();
        let statuses = Statuses {
            part: Some(name.clone()).filter(|_| !is_alone),
            name,
            files: Arc::new(StatusFiles::on(Arc::clone(&options.disk), status_dir, Some(status_dir))),
            tracker: options.tracker.clone(),
            options: source.options().clone(),
            publisher: None,
            pushed: None,
            hashes: RandomState::new(),
            failures: 0,
            told: None,
        };
        tasks.spawn(follow_statuses(statuses, until.clone()));
    }
}

async fn follow_statuses(mut statuses: Statuses, until: CancellationToken) {
    let mut changes = statuses.tracker.changes();
    // An earlier run may have left something.
    let (mut looks, mut due) = (LOOKS, Instant::now() + SETTLE);
    loop {
        tokio::select! {
            () = until.cancelled() => break,
            news = changes.changed() => {
                if news.is_err() {
                    break;
                }
                if looks == 0 {
                    due = due.max(Instant::now() + SETTLE);
                }
                looks = LOOKS;
            }
            () = sleep_until(due), if looks > 0 => {
                tokio::select! {
                    () = until.cancelled() => break,
                    has_succeeded = statuses.look() => looks -= u32::from(has_succeeded),
                }
                due = Instant::now() + statuses.pause();
            }
        }
    }
    // A remote that is away would only delay the end.
    if statuses.failures == 0 && timeout(LAST, statuses.look()).await.is_err() {
        tracing::warn!(source = statuses.name, "the last statuses were not pushed in time: the next run pushes them");
    }
}

impl Statuses {
    /// How long to wait after a look.
    fn pause(&self) -> Duration {
        match self.failures {
            0 => PACE,
            failures => schedule::delay(PACE, failures, self.hashes.hash_one(0)),
        }
    }

    /// Pushes what is not pushed yet. Returns whether nothing is left.
    async fn look(&mut self) -> bool {
        let name = self.name.clone();
        match self.push().await {
            Ok(published) => {
                self.failures = 0;
                if self.told.take().is_some() {
                    tracing::info!(source = name, "the statuses are pushed again");
                }
                report(&name, published);
                true
            }
            Err(failure) => {
                self.failures = self.failures.saturating_add(1);
                let message = failure.to_string();
                if self.told.as_ref() != Some(&message) {
                    tracing::warn!(source = name, "{message}");
                    self.told = Some(message);
                }
                false
            }
        }
    }

    async fn push(&mut self) -> Result<Option<Published>, Failure> {
        // Before anything is in force the files are those of an earlier run, of which nobody knows the commit.
        let Some(revision) = self.revision() else { return Ok(None) };
        let phases = self.phases();
        let files = self.files.copies(self.part.as_deref(), MOST).await?;
        let says = self.hashes.hash_one(&files);
        let is_news = self.pushed.as_ref().map_or(!files.is_empty(), |(pushed, _)| *pushed != says);
        if !is_news {
            return Ok(None);
        }
        let message = message(self.pushed.as_ref().map(|(_, phases)| phases), &phases, &revision);
        if self.publisher.is_none() {
            self.publisher = Publisher::open(&self.options).await?;
        }
        let Some(publisher) = &mut self.publisher else { return Ok(None) };
        let outcome = publisher.publish(&Publication { files, message }).await?;
        self.pushed = Some((says, phases));
        Ok(Some(outcome))
    }

    fn revision(&self) -> Option<Revision> {
        self.tracker.sources().get(&self.name)?.revision
    }

    fn phases(&self) -> BTreeMap<String, Phase> {
        let directory = self.part.as_ref().map_or_else(String::new, |part| format!("{part}/"));
        let all = self.tracker.all().into_iter().map(|tracked| tracked.document.clone());
        let ours = all.filter(|document| document.metadata.manifest.starts_with(&directory));
        ours.map(|document| (document.metadata.name, document.status.phase)).collect()
    }
}

fn report(source: &str, published: Option<Published>) {
    match published {
        None => {}
        Some(Published::Unchanged) => tracing::debug!(source, "the status branch has these statuses already"),
        Some(Published::Pushed { commit, over: None }) => tracing::debug!(source, commit, "the statuses are pushed"),
        Some(Published::Pushed { commit, over: Some((foreign, author)) }) => tracing::warn!(
            source,
            commit,
            "commit {foreign} on the status branch is by {author:?}: its files are replaced, and it stays in the history; leave the \
             branch to this wharf alone"
        ),
    }
}

/// What is said of a commit: which workspaces are in other phases than before, and which manifests they are from.
fn message(before: Option<&BTreeMap<String, Phase>>, now: &BTreeMap<String, Phase>, revision: &Revision) -> String {
    let changes = before.map_or_else(Vec::new, |before| changes(before, now));
    let subject = match (before, changes.as_slice()) {
        (None, _) if now.len() == 1 => "Status of 1 workspace".to_owned(),
        (None, _) => format!("Statuses of {} workspaces", now.len()),
        (_, []) => "Update statuses".to_owned(),
        (_, [only]) => only.clone(),
        (_, many) => format!("{} workspaces changed phase", many.len()),
    };
    let mut text = subject + "\n\n";
    if changes.len() > 1 {
        let lines = changes.iter().take(LINES).fold(String::new(), |lines, change| lines + change + "\n");
        text += &lines;
        if changes.len() > LINES {
            // Writing to a text does not fail.
            let _ = writeln!(text, "and {} more", changes.len() - LINES);
        }
        text.push('\n');
    }
    text + "Wharf-Revision: " + &revision.commit + "\n"
}

fn changes(before: &BTreeMap<String, Phase>, now: &BTreeMap<String, Phase>) -> Vec<String> {
    let new = now.iter().filter_map(|(name, phase)| match before.get(name) {
        None => Some(format!("{}: new, {phase:?}", plain(name))),
        Some(former) if former != phase => Some(format!("{}: {former:?} to {phase:?}", plain(name))),
        Some(_) => None,
    });
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| format!("{}: gone", plain(name)));
    new.chain(gone).collect()
}

/// The name of a broken manifest is the name of its file, which may be anything.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn revision() -> Revision {
        let text = String::from;
        let commit = "1234567890123456789012345678901234567890".to_owned();
        Revision { commit, author: text("Ada"), subject: text("Add"), time: Timestamp::UNIX_EPOCH.into() }
    }

    fn phases(of: &[(&str, Phase)]) -> BTreeMap<String, Phase> {
        of.iter().map(|(name, phase)| ((*name).to_owned(), *phase)).collect()
    }

    fn lines(before: Option<&[(&str, Phase)]>, now: &[(&str, Phase)]) -> String {
        message(before.map(phases).as_ref(), &phases(now), &revision())
    }

    #[test]
    fn a_message_names_what_changed_phase_and_the_commit() {
        let trailer = "\n\nWharf-Revision: 1234567890123456789012345678901234567890\n";
        let (one, two) = ([("api", Phase::Pending)], [("api", Phase::Active), ("web\n\nX: y", Phase::Failed)]);
        assert_eq!(lines(None, &two), format!("Statuses of 2 workspaces{trailer}"));
        assert_eq!(lines(None, &one), format!("Status of 1 workspace{trailer}"));
        assert_eq!(lines(Some(&one), &one), format!("Update statuses{trailer}"));
        assert_eq!(lines(Some(&one), &two[..1]), format!("api: Pending to Active{trailer}"));
        assert_eq!(
            lines(Some(&one), &two),
            format!("2 workspaces changed phase\n\napi: Pending to Active\nwebX: y: new, Failed{trailer}")
        );
        assert_eq!(lines(Some(&one), &[]), format!("api: gone{trailer}"));
    }

    #[test]
    fn a_long_message_is_cut_with_what_is_left_out() {
        let names: Vec<String> = (10..40).map(|number| format!("w{number}")).collect();
        let now: Vec<(&str, Phase)> = names.iter().map(|name| (name.as_str(), Phase::Active)).collect();
        let text = lines(Some(&[]), &now);
        assert!(
            text.contains("w29: new") && !text.contains("w30: new") && text.contains("\nand 10 more\n\n"),
            "{text}"
        );
    }
}
