//! History of what workspaces use: gathered in tiers, kept in the store, asked about.
//!
//! ```text
//!   Usage ──► add ──► readings of the last minute, and the minute, hour and day that go on     (memory, at most 10 KiB a workspace)
//!                                        │ flush, once a minute, one batch for all workspaces
//!                                        ▼
//!             raw 1 h · minutes 24 h · hours 30 days · days 365 days                           (store, about 350 KB a workspace)
//!                                        │
//!                                        ▼
//!             query: the tier that suffices, merged into steps ──► trend, anomalies, recommendation
//! ```
//!
//! A stretch that goes on (this minute, this hour, today) is written at each flush as it stands, and after a restart continued from
//! what was written: nothing is counted twice. What a kill costs is what was not flushed: at most the last minute. Losing all
//! of it loses history, never a workspace.
//!
//! Everything is in UTC. Nothing here reads a clock but [`Metrics::run`].

mod analysis;
mod blocks;
mod error;
mod history;
pub mod maths;
mod query;
mod record;
mod tiers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::model::Uid;
use crate::model::metrics::{Analysis, Metric, Point, Recommendation, Series, Tier, Usage};
use crate::model::spec::Resources;
use crate::store::{SeriesBatch, Store, StoreError};

use analysis::Past;
use history::{History, Pending};
use record::{Gathered, encode_raw, values};
use tiers::{GATHERED, TIERS, begin, width};

pub use error::MetricsError;
pub use tiers::Retention;

/// How often what was gathered is written.
const FLUSH_EVERY: Duration = Duration::from_secs(60);

/// How often the history of workspaces that are not measured any more is looked through for what is too old, in seconds.
const PRUNE_OTHERS_EVERY: i64 = 3_600;

/// A workspace that has not been measured for so many seconds takes no memory any more.
const FORGET_AFTER: i64 = 3_600;

/// How many points an analysis looks at: the slope between each two of them is taken.
const ANALYSED_POINTS: i64 = 240;

/// The history of all workspaces. A handle: clones share it. Calls other than [`Metrics::add`] block as the store does.
#[derive(Clone, Debug)]
pub struct Metrics {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    retention: Retention,
    histories: Mutex<HashMap<Uid, Known>>,
    /// Held while something is taken out of `histories` that is not in the store yet, so that nobody misses it. Holds the second at
    /// which the history of all workspaces was last pruned.
    writing: Mutex<i64>,
}

#[derive(Debug, Default)]
struct Known {
    history: History,
    /// The second of the last reading.
    last: i64,
}

/// What is asked of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which metrics.
    pub metrics: Vec<Metric>,
    /// From when. The step that this is in is answered as a whole, as far as it is kept.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub to: Timestamp,
    /// How much time each point is to stand for, in whole seconds; `None`: such that there are some 240 points. Where history is kept
    /// in larger steps only, these are answered.
    pub step: Option<Duration>,
    /// The present, which says what is still kept.
    pub now: Timestamp,
}

impl Metrics {
    /// On a store, which may be one of its own ([`Store::history_medium`]).
    pub fn new(store: Store, retention: Retention) -> Self {
        let (histories, writing) = (Mutex::default(), Mutex::new(i64::MIN));
        Self { shared: Arc::new(Shared { store, retention, histories, writing }) }
    }

    /// Takes note of a reading. Does not touch the store.
    pub fn add(&self, uid: &Uid, usage: &Usage) {
        let second = usage.time.timestamp().as_second();
        let mut histories = self.histories();
        if !histories.contains_key(uid) {
            histories.insert(uid.clone(), Known::default());
        }
        if let Some(known) = histories.get_mut(uid) {
            known.history.add(second, values(usage));
            known.last = second;
        }
    }

    /// Writes what was gathered, durably, and removes what is too old: one batch for all workspaces, and none when there is nothing
    /// new. After an error call it again; what cannot be kept until then is the oldest.
    pub fn flush(&self, now: Timestamp) -> Result<(), MetricsError> {
        let now = now.as_second();
        let mut pruned = self.writing();
        self.complete()?;
        let pending = self.take(now);
        let prune_all = now.saturating_sub(*pruned) >= PRUNE_OTHERS_EVERY;
        match self.write(&pending, now, prune_all) {
            Ok(()) => {
                if prune_all {
                    *pruned = now;
                }
                Ok(())
            }
            Err(error) => {
                let mut histories = self.histories();
                for (uid, pending) in pending {
                    histories.entry(uid).or_default().history.put_back(pending);
                }
                Err(error.into())
            }
        }
    }

    /// Puts what the store has of stretches in front of what is known of them here. From then on they take its place, so that a
    /// batch that fails halfway may be written again.
    fn complete(&self) -> Result<(), StoreError> {
        let parts: Vec<(Uid, Tier, i64)> = {
            let histories = self.histories();
            let all = histories.iter().flat_map(|(uid, known)| known.history.parts().map(move |it| (uid, it)));
            all.map(|(uid, (tier, start))| (uid.clone(), tier, start)).collect()
        };
        for (uid, tier, start) in parts {
            let stored = blocks::read(&self.shared.store, &uid, tier, start, start.saturating_add(1))?;
            let stored = stored.first().map(|(_, gathered)| gathered);
            if let Some(known) = self.histories().get_mut(&uid) {
                known.history.complete(tier, start, stored);
            }
        }
        Ok(())
    }

    /// Takes out what is to be written, and lets go of workspaces that are not measured any more. A stretch that began since
    /// [`Self::complete`] waits for the next time.
    fn take(&self, now: i64) -> Vec<(Uid, Pending)> {
        let mut histories = self.histories();
        histories.retain(|_, known| known.history.is_dirty() || now.saturating_sub(known.last) < FORGET_AFTER);
        let dirty = histories.iter_mut().filter(|(_, known)| known.history.is_dirty());
        dirty.map(|(uid, known)| (uid.clone(), known.history.take())).collect()
    }

    fn write(&self, pending: &[(Uid, Pending)], now: i64, prune_all: bool) -> Result<(), StoreError> {
        let Shared { store, retention, .. } = &*self.shared;
        let mut batch = SeriesBatch::default();
        for (uid, Pending { raw, ended, open }) in pending {
            let raw = raw.iter().map(|(second, values)| (*second, encode_raw(values)));
            blocks::put(store, &mut batch, uid, Tier::Raw, raw)?;
            for tier in GATHERED {
                let of_tier = ended.iter().chain(open).filter(|stretch| stretch.tier == tier);
                let records = of_tier.map(|stretch| (stretch.start, stretch.gathered.encode()));
                blocks::put(store, &mut batch, uid, tier, records)?;
            }
        }
        let all = if prune_all { store.series_uids()? } else { Vec::new() };
        for uid in pending.iter().map(|(uid, _)| uid).chain(&all) {
            for tier in TIERS {
                blocks::prune(&mut batch, uid, tier, retention.oldest(tier, now));
            }
        }
        store.put_series(batch)?;
        store.flush()
    }

    /// Whose history there is.
    pub fn uids(&self) -> Result<Vec<Uid>, MetricsError> {
        Ok(self.shared.store.series_uids()?)
    }

    /// Forgets a workspace.
    pub fn forget(&self, uid: &Uid) -> Result<(), MetricsError> {
        let _writing = self.writing();
        self.histories().remove(uid);
        Ok(self.shared.store.drop_series(uid)?)
    }

    /// The history of a workspace. One that is not known has none.
    pub fn query(&self, uid: &Uid, request: &Request) -> Result<Series, MetricsError> {
        let (from, to, now) = (request.from.as_second(), request.to.as_second(), request.now.as_second());
        if from >= to {
            return Err(MetricsError::Range { from: request.from.into(), to: request.to.into() });
        }
        let step = match request.step {
            Some(step) => i64::try_from(step.as_secs()).ok().filter(|step| *step > 0).ok_or(MetricsError::Step)?,
            None => to.saturating_sub(from) / ANALYSED_POINTS + 1,
        };
        let tier = self.shared.retention.choose(from, step, now);
        let step = step.max(width(tier));
        let records = self.records(uid, tier, begin(from, step), to)?;
        let metrics = request.metrics.iter().map(|metric| query::points(*metric, &records, step)).collect();
        Ok(Series {
            from: request.from.into(),
            to: request.to.into(),
            step_seconds: step.unsigned_abs(),
            tier,
            metrics,
        })
    }

    /// What the history of one metric says: its trend between two times, and the hours between them that were unlike the same hour
    /// of other days.
    pub fn analyse(&self, uid: &Uid, metric: Metric, request: &Request) -> Result<Analysis, MetricsError> {
        let request = Request { metrics: vec![metric], step: None, ..request.clone() };
        let series = self.query(uid, &request)?;
        let points = series.metrics.first().map_or(&[][..], |series| series.points.as_slice());
        let hours = self.points(uid, metric, Tier::Hour, i64::MIN, request.to.as_second())?;
        let anomalies = analysis::anomalies(&hours, metric.unit(), request.from.as_second());
        Ok(Analysis { metric, unit: metric.unit(), trend: analysis::trend(points), anomalies })
    }

    /// The limits that would fit a workspace, by what it used in the last day and, more roughly, as long as hours are kept. `None` with
    /// too little history.
    pub fn recommend(
        &self,
        uid: &Uid,
        declared: &Resources,
        now: Timestamp,
    ) -> Result<Option<Recommendation>, MetricsError> {
        let now = now.as_second().saturating_add(1);
        let yesterday = begin(now.saturating_sub(width(Tier::Day)), width(Tier::Hour));
        let past = |metric: Metric| -> Result<(Vec<Point>, Vec<Point>), MetricsError> {
            let minutes = self.points(uid, metric, Tier::Minute, yesterday, now)?;
            Ok((minutes, self.points(uid, metric, Tier::Hour, i64::MIN, yesterday)?))
        };
        let (cpu, memory) = (past(Metric::Cpu)?, past(Metric::Memory)?);
        let past = |(minutes, hours)| Past { minutes, hours };
        Ok(analysis::recommendation(past((&cpu.0, &cpu.1)), past((&memory.0, &memory.1)), declared))
    }

    /// How much memory each workspace takes, in bytes.
    pub fn memory(&self) -> Vec<(Uid, usize)> {
        let histories = self.histories();
        let size = |known: &Known| known.history.bytes() + size_of::<Known>() - size_of::<History>();
        histories
            .iter()
            .map(|(uid, known)| (uid.clone(), size(known) + size_of::<Uid>() + uid.as_str().len()))
            .collect()
    }

    /// Writes once a minute until the shutdown, and once more then.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut is_failing = false;
        loop {
            let ends = tokio::select! {
                () = shutdown.cancelled() => true,
                () = tokio::time::sleep(FLUSH_EVERY) => false,
            };
            let metrics = self.clone();
            // It ends otherwise only when the runtime does, or with a defect, whose panic was told.
            let written = tokio::task::spawn_blocking(move || metrics.flush(Timestamp::now())).await;
            match written {
                Ok(Err(error)) if !is_failing => {
                    warn!(%error, "the history of resource use cannot be written; the oldest of it gives way until it can");
                    is_failing = true;
                }
                Ok(Ok(())) if is_failing => {
                    info!("the history of resource use is written again");
                    is_failing = false;
                }
                _ => {}
            }
            if ends {
                return;
            }
        }
    }

    fn points(&self, uid: &Uid, metric: Metric, tier: Tier, from: i64, to: i64) -> Result<Vec<Point>, MetricsError> {
        Ok(query::points(metric, &self.records(uid, tier, from, to)?, width(tier)).points)
    }

    /// The records of a tier, with what is not written yet.
    fn records(&self, uid: &Uid, tier: Tier, from: i64, to: i64) -> Result<Vec<(i64, Gathered)>, MetricsError> {
        let _writing = self.writing();
        let stored = blocks::read(&self.shared.store, uid, tier, from, to)?;
        Ok(match self.histories().get(uid) {
            Some(known) => known.history.overlay(tier, from, to, stored),
            None => stored,
        })
    }

    fn histories(&self) -> MutexGuard<'_, HashMap<Uid, Known>> {
        // What a panic leaves is at worst a reading that is not counted everywhere.
        self.shared.histories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> MutexGuard<'_, i64> {
        self.shared.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
