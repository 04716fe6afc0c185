//! The event log: equal events are counted instead of repeated, and there is a bound for each workspace and for all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::StoreError;
use super::encoding::{EVENTS, decode_event, encode, event_key, parse_event_key};
use super::medium::{Changes, Database, corrupt};
use crate::model::event::Occurrence;
use crate::model::time::Time;
use crate::model::{EventRecord, Name};

/// How many events of one workspace are kept.
pub const MAX_EVENTS_PER_WORKSPACE: usize = 50;

/// How many events are kept in all.
pub const MAX_EVENTS: usize = 10_000;

/// An event equal to one of this many newest ones of its workspace counts that one up, so that two events in turn
/// (pull failed, backing off) stay two entries.
pub const DEDUPLICATION_WINDOW: usize = 10;

/// Which events there are. The events themselves stay in the database.
///
/// An event's sequence number is given anew whenever it occurs again, so the order of numbers is the order of last
/// occurrences.
#[derive(Debug, Default)]
pub(super) struct EventIndex {
    all: BTreeMap<u64, Name>,
    of: BTreeMap<Name, BTreeSet<u64>>,
}

/// An event to be written, and what has to go for it.
struct Entry {
    sequence: u64,
    name: Name,
    event: EventRecord,
    dropped: Vec<(u64, Name)>,
}

impl EventIndex {
    /// Reads the index off a database.
    pub(super) fn read(database: &dyn Database) -> Result<Self, StoreError> {
        let mut index = Self::default();
        for entry in database.scan(EVENTS) {
            let (key, _) = entry?;
            let (sequence, name) = parse_event_key(&key)
                .ok_or_else(|| corrupt(database.path(), format!("`{}` is no event's key", key.escape_ascii())))?;
            index.insert(sequence, name);
        }
        Ok(index)
    }

    fn insert(&mut self, sequence: u64, name: Name) {
        self.of.entry(name.clone()).or_default().insert(sequence);
        self.all.insert(sequence, name);
    }

    fn remove(&mut self, sequence: u64, name: &Name) {
        self.all.remove(&sequence);
        if let Some(of) = self.of.get_mut(name) {
            of.remove(&sequence);
            if of.is_empty() {
                self.of.remove(name);
            }
        }
    }

    /// The numbers of a workspace's events, newest first.
    fn newest(&self, name: &Name) -> impl Iterator<Item = u64> {
        self.of.get(name).into_iter().flatten().rev().copied()
    }

    /// Up to `limit` events of a workspace, newest first.
    pub(super) fn of(
        &self,
        database: &dyn Database,
        name: &Name,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let keys = self.newest(name).map(|sequence| event_key(sequence, name));
        read(database, keys).take(limit).collect()
    }

    /// Up to `limit` events of all workspaces, newest first.
    pub(super) fn all(&self, database: &dyn Database, limit: usize) -> Result<Vec<(Name, EventRecord)>, StoreError> {
        let events = self.all.iter().rev().filter_map(|(sequence, name)| {
            let event = read(database, std::iter::once(event_key(*sequence, name))).next()?;
            Some(event.map(|event| (name.clone(), event)))
        });
        events.take(limit).collect()
    }

    /// The changes that log an occurrence, for [`Self::apply`] once they are written.
    pub(super) fn append(
        &self,
        database: &dyn Database,
        name: &Name,
        occurrence: Occurrence,
        now: Timestamp,
    ) -> Result<Changes, StoreError> {
        let sequence = self.all.last_key_value().map_or(0, |(last, _)| last + 1);
        let now = Time::from(now);
        let (event, dropped) = match self.find_equal(database, name, &occurrence)? {
            Some((earlier, event)) => {
                let event = EventRecord { count: event.count.saturating_add(1), last_time: now, ..event };
                (event, vec![(earlier, name.clone())])
            }
            None => (first(occurrence, now), self.surplus(name)),
        };
        Ok(Entry { sequence, name: name.clone(), event, dropped }.changes())
    }

    /// The newest event of the window that an occurrence repeats.
    fn find_equal(
        &self,
        database: &dyn Database,
        name: &Name,
        occurrence: &Occurrence,
    ) -> Result<Option<(u64, EventRecord)>, StoreError> {
        for sequence in self.newest(name).take(DEDUPLICATION_WINDOW) {
            let Some(bytes) = database.get(&event_key(sequence, name))? else { continue };
            let Some(event) = decode_event(&bytes) else { continue };
            let Occurrence { kind, reason, message } = occurrence;
            if event.kind == *kind && event.reason == *reason && event.message == *message {
                return Ok(Some((sequence, event)));
            }
        }
        Ok(None)
    }

    /// What has to go when one more event of a workspace comes: its own oldest, or else the oldest of all.
    fn surplus(&self, name: &Name) -> Vec<(u64, Name)> {
        let own = self.of.get(name).filter(|own| own.len() >= MAX_EVENTS_PER_WORKSPACE);
        let oldest = match own {
            Some(own) => own.first().map(|sequence| (*sequence, name.clone())),
            None if self.all.len() >= MAX_EVENTS => self.all.first_key_value().map(|(s, n)| (*s, n.clone())),
            None => None,
        };
        oldest.into_iter().collect()
    }

    /// Takes note of changes that were written.
    pub(super) fn apply(&mut self, changes: &Changes) {
        for (key, value) in changes {
            match (parse_event_key(key), value) {
                (Some((sequence, name)), Some(_)) => self.insert(sequence, name),
                (Some((sequence, name)), None) => self.remove(sequence, &name),
                (None, _) => {}
            }
        }
    }
}

impl Entry {
    fn changes(self) -> Changes {
        let put = (event_key(self.sequence, &self.name), Some(encode(&self.event)));
        let removals = self.dropped.iter().map(|(sequence, name)| (event_key(*sequence, name), None));
        removals.chain([put]).collect()
    }
}

fn first(occurrence: Occurrence, now: Time) -> EventRecord {
    let Occurrence { kind, reason, message } = occurrence;
    EventRecord { kind, reason, message, count: 1, first_time: now, last_time: now }
}

/// The events under some keys; those that a later version wrote in words unknown here are left out.
fn read(
    database: &dyn Database,
    keys: impl Iterator<Item = Vec<u8>>,
) -> impl Iterator<Item = Result<EventRecord, StoreError>> {
    keys.filter_map(|key| match database.get(&key) {
        Ok(bytes) => decode_event(&bytes?).map(Ok),
        Err(error) => Some(Err(error)),
    })
}
