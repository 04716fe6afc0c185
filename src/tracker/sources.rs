//! Where manifests come from, for readers; and asking that a source is looked at now.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::model::source::SourceStatus;

/// However often somebody asks, a source is looked at no more often: forges push in storms, and a look may cost a connection to a server.
const BETWEEN: Duration = Duration::from_secs(1);

/// The sources there are. A handle: clones are the same sources.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    shared: Arc<Mutex<BTreeMap<String, Followed>>>,
}

#[derive(Debug)]
struct Followed {
    status: SourceStatus,
    bell: Arc<Bell>,
}

/// Rung by whoever asks, heard by whoever follows.
#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    heard: Mutex<Option<Instant>>,
}

impl Sources {
    /// Says where a source stands; one that is new is there from now on.
    pub fn set(&self, status: SourceStatus) {
        self.with(|sources| match sources.get_mut(&status.name) {
            Some(followed) => followed.status = status,
            None => drop(sources.insert(status.name.clone(), Followed { status, bell: Arc::default() })),
        });
    }

    /// Changes what is said of a source. Returns what is said now where that is something else; `None` also where there is no such source.
    pub fn update(&self, name: &str, change: impl FnOnce(&mut SourceStatus)) -> Option<SourceStatus> {
        self.with(|sources| {
            let status = &mut sources.get_mut(name)?.status;
            let before = status.clone();
            change(status);
            (*status != before).then(|| status.clone())
        })
    }

    /// All sources, by name.
    pub fn list(&self) -> Vec<SourceStatus> {
        self.with(|sources| sources.values().map(|followed| followed.status.clone()).collect())
    }

    /// The source of that name.
    pub fn get(&self, name: &str) -> Option<SourceStatus> {
        self.with(|sources| Some(sources.get(name)?.status.clone()))
    }

    /// The source that a manifest is of. Where there are several, its path begins with the name.
    pub fn of_manifest(&self, path: &str) -> Option<SourceStatus> {
        self.with(|sources| {
            let first = path.split('/').next().unwrap_or_default();
            let alone = || sources.values().next().filter(|_| sources.len() == 1);
            Some(sources.get(first).or_else(alone)?.status.clone())
        })
    }

    /// Asks whoever follows a source to look at it now. Returns whether there is such a source. Asking again before it is looked at asks for
    /// nothing more.
    pub fn ask(&self, name: &str) -> bool {
        self.with(|sources| sources.get(name).map(|followed| followed.bell.rung.notify_one()).is_some())
    }

    /// Asks for a look at every source.
    pub fn ask_all(&self) {
        self.with(|sources| sources.values().for_each(|followed| followed.bell.rung.notify_one()));
    }

    /// Waits until somebody asks for a look at a source that was [`Self::set`] before, at least a second after it returned last; what is asked for
    /// before is not forgotten. For ever where there is no such source. Loses nothing when it is dropped before it returns.
    pub async fn asked(&self, name: &str) {
        let Some(bell) = self.with(|sources| sources.get(name).map(|followed| Arc::clone(&followed.bell))) else {
            return std::future::pending().await;
        };
        let heard = *bell.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(heard) = heard {
            sleep_until(heard + BETWEEN).await;
        }
        bell.rung.notified().await;
        *bell.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, Followed>) -> T) -> T {
        work(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::source::{SourceKind, SourceOutcome};

    fn sources(names: &[&str]) -> Sources {
        let sources = Sources::default();
        for name in names {
            sources.set(SourceStatus::new(*name, SourceKind::Git, "https://git.example/x"));
        }
        sources
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_is_one_look_a_second() {
        let sources = sources(&["team"]);
        let (begun, mut looks) = (Instant::now(), 0);
        let follow = async {
            while looks < 4 {
                sources.asked("team").await;
                looks += 1;
            }
        };
        let storm = async {
            loop {
                assert!(sources.ask("team"));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            () = follow => {}
            () = storm => {}
        }
        let took = begun.elapsed();
        assert!((Duration::from_secs(3)..Duration::from_millis(3100)).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_before_is_not_forgotten_and_not_done_twice() {
        let sources = sources(&["team", "other"]);
        assert!(sources.ask("team") && sources.ask("team") && !sources.ask("nobody"));
        // Dropped before it returns: the first poll is the last one.
        drop(tokio::time::timeout(Duration::ZERO, sources.asked("other")).await);
        sources.asked("team").await;
        let again = tokio::time::timeout(Duration::from_secs(60), sources.asked("team")).await;
        assert!(again.is_err(), "it was asked for once");
        sources.ask_all();
        sources.asked("team").await;
        sources.asked("other").await;
    }

    #[test]
    fn sources_are_found_by_name_and_by_manifest() {
        let alone = sources(&["source"]);
        let name = |sources: &Sources, path: &str| sources.of_manifest(path).map(|status| status.name);
        assert_eq!(name(&alone, "api.yaml").as_deref(), Some("source"));
        let two = sources(&["a", "b"]);
        assert_eq!(name(&two, "b/api.yaml").as_deref(), Some("b"));
        assert_eq!(name(&two, "api.yaml"), None);
        assert!(two.update("a", |_| {}).is_none());
        let changed = two.update("a", |status| status.outcome = SourceOutcome::Applied).expect("a change");
        assert_eq!(two.get("a"), Some(changed));
        assert_eq!(two.list().len(), 2);
    }
}
