//! The log of calls: what was asked, of which object, and what came of it.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::engine::EngineError;

/// The calls of [`crate::engine::Engine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// `info`.
    Info,
    /// `list`.
    List,
    /// `inspect`.
    Inspect,
    /// `stats`.
    Stats,
    /// `find_by_name`.
    FindByName,
    /// `create`.
    Create,
    /// `start`.
    Start,
    /// `stop`.
    Stop,
    /// `unpause`.
    Unpause,
    /// `rename`.
    Rename,
    /// `update`.
    Update,
    /// `remove`.
    Remove,
    /// `image`.
    Image,
    /// `pull`.
    Pull,
    /// `ensure_network`.
    EnsureNetwork,
    /// `remove_network`.
    RemoveNetwork,
    /// `volumes`.
    Volumes,
    /// `remove_volume`.
    RemoveVolume,
    /// `events`.
    Events,
    /// `logs`.
    Logs,
    /// `exec`.
    Exec,
    /// `resize`.
    Resize,
    /// `exit_code`.
    ExitCode,
    /// `networks`.
    Networks,
    /// `describe`.
    Describe,
}

impl Operation {
    /// The word in a [`Call`]'s text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::List => "list",
            Self::Inspect => "inspect",
            Self::Stats => "stats",
            Self::FindByName => "find",
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Unpause => "unpause",
            Self::Rename => "rename",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::Image => "image",
            Self::Pull => "pull",
            Self::EnsureNetwork => "ensure-network",
            Self::RemoveNetwork => "remove-network",
            Self::Volumes => "volumes",
            Self::RemoveVolume => "remove-volume",
            Self::Events => "events",
            Self::Logs => "logs",
            Self::Exec => "exec",
            Self::Resize => "resize",
            Self::ExitCode => "exit-code",
            Self::Networks => "networks",
            Self::Describe => "describe",
        }
    }

    /// Whether it asks the engine to change something.
    pub const fn is_mutation(self) -> bool {
        !matches!(
            self,
            Self::Info
                | Self::List
                | Self::Inspect
                | Self::Stats
                | Self::FindByName
                | Self::Image
                | Self::Volumes
                | Self::Events
                | Self::Logs
                | Self::Resize
                | Self::ExitCode
                | Self::Networks
                | Self::Describe
        )
    }

    /// The call and its object as [`EngineError`] names them: `start container 4f5e…`.
    pub(super) fn describe(self, object: &str) -> String {
        match self {
            Self::Info => "ask the engine who it is".to_owned(),
            Self::List => "list containers".to_owned(),
            Self::Volumes => "list volumes".to_owned(),
            Self::Networks => "list networks".to_owned(),
            Self::Events => "follow events".to_owned(),
            Self::FindByName => format!("find container {object}"),
            Self::Stats => format!("read the resource use of container {object}"),
            Self::Logs => format!("read the logs of container {object}"),
            Self::Exec => format!("run a command in container {object}"),
            Self::Resize => "tell a command the size of its terminal".to_owned(),
            Self::ExitCode => "ask how a command ended".to_owned(),
            Self::Image => format!("inspect image {object}"),
            Self::Pull => format!("pull image {object}"),
            Self::EnsureNetwork => format!("create network {object}"),
            Self::RemoveNetwork => format!("remove network {object}"),
            Self::RemoveVolume => format!("remove volume {object}"),
            _ => format!("{} container {object}", self.as_str()),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// One call. Its text is the operation and the object: `create wharf-api`, `list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was made, since the engine was constructed.
    pub at: Duration,
    /// What was asked.
    pub operation: Operation,
    /// Of what: a container's name where the engine knows it, else its ID; an image, a network, a volume; empty where the call
    /// is about all of them.
    pub object: String,
    /// What the caller was told; `None` while there is no answer, or when the caller gave up waiting.
    pub answer: Option<Result<(), EngineError>>,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.object.is_empty() {
            return self.operation.fmt(formatter);
        }
        write!(formatter, "{} {}", self.operation, self.object)
    }
}

/// The newest entries of a log, and how many there ever were.
#[derive(Debug)]
pub(super) struct Journal<T> {
    total: u64,
    newest: VecDeque<T>,
}

impl<T: Clone> Journal<T> {
    /// Enough for every test, and bounded for a controller that runs for weeks.
    const LIMIT: usize = 200_000;

    pub(super) const fn new() -> Self {
        Self { total: 0, newest: VecDeque::new() }
    }

    /// Adds an entry and returns its number.
    pub(super) fn push(&mut self, entry: T) -> u64 {
        if self.newest.len() == Self::LIMIT {
            self.newest.pop_front();
        }
        self.newest.push_back(entry);
        self.total += 1;
        self.total - 1
    }

    /// An entry by its number, unless it is too old.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let from_end = usize::try_from(self.total.checked_sub(number)?).ok()?;
        let index = self.newest.len().checked_sub(from_end)?;
        self.newest.get_mut(index)
    }

    pub(super) fn entries(&self) -> Vec<T> {
        self.newest.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_bounded_and_keeps_numbers() {
        let mut journal = Journal::new();
        let surplus = 3;
        for number in 0..Journal::<u64>::LIMIT as u64 + surplus {
            assert_eq!(journal.push(number), number);
        }
        assert_eq!(journal.entries().first(), Some(&surplus));
        assert_eq!(journal.get_mut(surplus), Some(&mut 3));
        assert_eq!(journal.get_mut(surplus - 1), None);
    }

    #[test]
    fn a_call_reads_as_operation_and_object() {
        let call =
            |operation, object: &str| Call { at: Duration::ZERO, operation, object: object.into(), answer: None };
        assert_eq!(call(Operation::Create, "wharf-api").to_string(), "create wharf-api");
        assert_eq!(call(Operation::List, "").to_string(), "list");
    }
}
