//! The event log: equal events are counted instead of repeated, and there is a bound for each workspace and for all.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::StoreError;
use super::encoding::{EVENTS, decode_event, encode, event_key, parse_event_key};
use super::medium::{Changes, Database, corrupt};
use crate::model::event::{Event, EventFilter, Occurrence};
use crate::model::time::Time;
use crate::model::{EventRecord, Name};

/// How many events of one workspace are kept.
pub const MAX_EVENTS_PER_WORKSPACE: usize = 50;

/// How many events are kept in all.
pub const MAX_EVENTS: usize = 10_000;

/// An event equal to one of this many newest ones of its workspace counts that one up, so that two events in turn
/// (pull failed, backing off) stay two entries.
pub const DEDUPLICATION_WINDOW: usize = 10;

/// How long an event is kept after it happened last.
pub const MAX_EVENT_AGE: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Which events there are. The events themselves stay in the database.
///
/// An event's sequence number is given anew whenever it occurs again, so the order of numbers is the order of last
/// occurrences.
#[derive(Debug, Default)]
pub(super) struct EventIndex {
    all: BTreeMap<u64, Option<Name>>,
    of: BTreeMap<Option<Name>, BTreeSet<u64>>,
    /// The last number: also when its event was dropped, it is not given again while the index lives. The first event has 1.
    last: u64,
}

/// An event's place in the log.
type Position = (u64, Option<Name>);

impl EventIndex {
    /// Reads the index off a database.
    pub(super) fn read(database: &dyn Database) -> Result<Self, StoreError> {
        let mut index = Self::default();
        for entry in database.scan(EVENTS) {
            let (key, _) = entry?;
            let (sequence, workspace) = parse_event_key(&key)
                .ok_or_else(|| corrupt(database.path(), format!("`{}` is no event's key", key.escape_ascii())))?;
            index.insert(sequence, workspace);
        }
        Ok(index)
    }

    fn insert(&mut self, sequence: u64, workspace: Option<Name>) {
        self.of.entry(workspace.clone()).or_default().insert(sequence);
        self.all.insert(sequence, workspace);
        self.last = self.last.max(sequence);
    }

    fn remove(&mut self, sequence: u64, workspace: Option<Name>) {
        self.all.remove(&sequence);
        if let Entry::Occupied(mut of) = self.of.entry(workspace) {
            of.get_mut().remove(&sequence);
            if of.get().is_empty() {
                of.remove();
            }
        }
    }

    /// The oldest and the newest place in the log.
    pub(super) fn bounds(&self) -> Option<(u64, u64)> {
        Some((*self.all.first_key_value()?.0, *self.all.last_key_value()?.0))
    }

    /// The events that pass a filter, oldest first: with [`EventFilter::after`] the first `limit` after it, else the newest `limit`.
    pub(super) fn select(
        &self,
        database: &dyn Database,
        filter: &EventFilter,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let first = filter.after.map_or(0, |after| after.saturating_add(1));
        let positions: Box<dyn DoubleEndedIterator<Item = Position>> = match &filter.workspace {
            Some(name) => {
                let own = Some(name.clone());
                let of = self.of.get(&own).into_iter().flat_map(move |of| of.range(first..)).copied();
                Box::new(of.map(move |sequence| (sequence, own.clone())))
            }
            None => Box::new(self.all.range(first..).map(|(sequence, workspace)| (*sequence, workspace.clone()))),
        };
        if filter.after.is_some() {
            return read(database, positions, filter).take(limit).collect();
        }
        let mut newest = read(database, positions.rev(), filter).take(limit).collect::<Result<Vec<_>, _>>()?;
        newest.reverse();
        Ok(newest)
    }

    /// The changes that log an occurrence, for [`Self::apply`] once they are written, and the event that it becomes.
    pub(super) fn append(
        &self,
        database: &dyn Database,
        workspace: Option<&Name>,
        occurrence: Occurrence,
        now: Timestamp,
    ) -> Result<(Changes, Event), StoreError> {
        let now = Time::from(now);
        let (record, dropped) = match self.find_equal(database, workspace, &occurrence)? {
            Some((earlier, record)) => {
                let count = record.count.saturating_add(1);
                let record = EventRecord { count, last_time: now, details: occurrence.details, ..record };
                (record, vec![(earlier, workspace.cloned())])
            }
            None => (EventRecord::of(occurrence, now), self.surplus(database, workspace, now)?),
        };
        let sequence = self.last + 1;
        let put = (event_key(sequence, workspace), Some(encode(&record)));
        let removals = dropped.iter().map(|(sequence, workspace)| (event_key(*sequence, workspace.as_ref()), None));
        Ok((removals.chain([put]).collect(), Event::of(Some(sequence), workspace, record)))
    }

    /// The newest event of the window that an occurrence repeats.
    fn find_equal(
        &self,
        database: &dyn Database,
        workspace: Option<&Name>,
        occurrence: &Occurrence,
    ) -> Result<Option<(u64, EventRecord)>, StoreError> {
        let own = self.of.get(&workspace.cloned()).into_iter().flatten().rev();
        for sequence in own.copied().take(DEDUPLICATION_WINDOW) {
            let Some(bytes) = database.get(&event_key(sequence, workspace))? else { continue };
            let Some(event) = decode_event(&bytes) else { continue };
            let Occurrence { kind, reason, message, .. } = occurrence;
            if event.kind == *kind && event.reason == *reason && event.message == *message {
                return Ok(Some((sequence, event)));
            }
        }
        Ok(None)
    }

    /// What has to go when one more event of a workspace comes: its own oldest, or else the oldest of all.
    fn surplus(
        &self,
        database: &dyn Database,
        workspace: Option<&Name>,
        now: Time,
    ) -> Result<Vec<Position>, StoreError> {
        let own = self.of.get(&workspace.cloned()).filter(|own| own.len() >= MAX_EVENTS_PER_WORKSPACE);
        if let Some(oldest) = own.and_then(BTreeSet::first) {
            return Ok(vec![(*oldest, workspace.cloned())]);
        }
        let Some((oldest, of)) = self.all.first_key_value() else { return Ok(Vec::new()) };
        let is_full = self.all.len() >= MAX_EVENTS;
        let is_old = |event: EventRecord| now.timestamp().duration_since(event.last_time.timestamp()) > MAX_EVENT_AGE;
        let stored = database.get(&event_key(*oldest, of.as_ref()))?;
        let goes = is_full || stored.as_deref().and_then(decode_event).is_some_and(is_old);
        Ok(goes.then(|| (*oldest, of.clone())).into_iter().collect())
    }

    /// Takes note of changes that were written.
    pub(super) fn apply(&mut self, changes: &Changes) {
        for (key, value) in changes {
            match (parse_event_key(key), value) {
                (Some((sequence, workspace)), Some(_)) => self.insert(sequence, workspace),
                (Some((sequence, workspace)), None) => self.remove(sequence, workspace),
                (None, _) => {}
            }
        }
    }
}

/// The events at some positions that pass a filter; those that a later version wrote in words unknown here are left out.
fn read<'a>(
    database: &'a dyn Database,
    positions: impl Iterator<Item = Position> + 'a,
    filter: &'a EventFilter,
) -> impl Iterator<Item = Result<Event, StoreError>> + 'a {
    positions.filter_map(move |(sequence, workspace)| {
        let record = match database.get(&event_key(sequence, workspace.as_ref())) {
            Ok(bytes) => decode_event(&bytes?)?,
            Err(error) => return Some(Err(error)),
        };
        let event = Event::of(Some(sequence), workspace.as_ref(), record);
        filter.wants(event.record.reason).then_some(Ok(event))
    })
}
