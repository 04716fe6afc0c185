//! What is held in memory of one workspace: readings that are not written yet, and the minute, hour and day that go on.

use std::collections::VecDeque;

use super::record::{Gathered, Values};
use super::tiers::{GATHERED, begin, width};
use crate::model::metrics::Tier;

/// Readings that wait for being written, at most: more than there are in a minute. While the store cannot be written the oldest
/// give way; minutes, hours and days still count them.
pub(super) const MOST_RAW: usize = 90;

/// Stretches that have ended and wait for being written, at most. While the store cannot be written the oldest minutes give way.
pub(super) const MOST_ENDED: usize = 8;

/// A minute, an hour or a day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stretch {
    pub tier: Tier,
    /// The second in which it begins.
    pub start: i64,
    pub gathered: Gathered,
    /// Whether what the store had of it is contained. Then it takes the store's place, however often it is written; until then it
    /// comes on top of what the store has.
    pub is_whole: bool,
}

/// One workspace.
#[derive(Debug, Default)]
pub(super) struct History {
    raw: VecDeque<(i64, Values)>,
    /// As [`GATHERED`].
    open: [Option<Stretch>; GATHERED.len()],
    ended: VecDeque<Stretch>,
}

/// What is to be written of a workspace.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub raw: VecDeque<(i64, Values)>,
    pub ended: VecDeque<Stretch>,
    pub open: Vec<Stretch>,
}

impl History {
    /// Takes note of a reading. Of two in one second the later one stays among the readings.
    pub fn add(&mut self, second: i64, values: Values) {
        if self.raw.back().is_some_and(|(last, _)| *last == second) {
            self.raw.pop_back();
        }
        self.raw.push_back((second, values));
        self.bound();
        let one = Gathered::one(&values);
        for (tier, open) in GATHERED.into_iter().zip(&mut self.open) {
            let start = begin(second, width(tier));
            if open.is_none_or(|stretch| stretch.start != start) {
                // A clock that was set back leads into a stretch that had ended; there is one of each, or the last to be
                // written would take the others' place.
                let again = self.ended.iter().position(|it| it.tier == tier && it.start == start);
                let again = again.and_then(|index| self.ended.remove(index));
                self.ended.extend(open.take());
                *open = again;
            }
            let new = Stretch { tier, start, gathered: Gathered::default(), is_whole: false };
            let stretch = open.get_or_insert(new);
            stretch.gathered = stretch.gathered.then(&one);
        }
        self.bound();
    }

    /// Whether anything is not written yet.
    pub fn is_dirty(&self) -> bool {
        !self.raw.is_empty() || !self.ended.is_empty() || self.parts().next().is_some()
    }

    /// The stretches to which the store may have a beginning.
    pub fn parts(&self) -> impl Iterator<Item = (Tier, i64)> {
        self.ended.iter().chain(self.open.iter().flatten()).filter(|it| !it.is_whole).map(|it| (it.tier, it.start))
    }

    /// What the store has of a stretch came before what is here. Once that is said, it is whole.
    pub fn complete(&mut self, tier: Tier, start: i64, stored: Option<&Gathered>) {
        let all = self.ended.iter_mut().chain(self.open.iter_mut().flatten());
        for stretch in all.filter(|it| it.tier == tier && it.start == start && !it.is_whole) {
            stretch.gathered = stored.map_or(stretch.gathered, |stored| stored.then(&stretch.gathered));
            stretch.is_whole = true;
        }
    }

    /// Hands out what is to be written. What goes on is written as it stands, and again later; what is not whole waits.
    pub fn take(&mut self) -> Pending {
        let is_news = self.is_dirty();
        let open = self.open.iter().flatten().filter(|it| is_news && it.is_whole).copied().collect();
        let (ended, waiting) = std::mem::take(&mut self.ended).into_iter().partition(|it| it.is_whole);
        self.ended = waiting;
        Pending { raw: std::mem::take(&mut self.raw), ended, open }
    }

    /// Takes back what could not be written.
    pub fn put_back(&mut self, pending: Pending) {
        let Pending { mut raw, mut ended, .. } = pending;
        raw.append(&mut self.raw);
        ended.append(&mut self.ended);
        (self.raw, self.ended) = (raw, ended);
        self.bound();
    }

    fn bound(&mut self) {
        while self.raw.len() > MOST_RAW {
            self.raw.pop_front();
        }
        while self.ended.len() > MOST_ENDED {
            let oldest = self.ended.iter().position(|stretch| stretch.tier == Tier::Minute).unwrap_or(0);
            self.ended.remove(oldest);
        }
    }

    /// Puts what is not written yet on top of what was read from the store, oldest first.
    pub fn overlay(&self, tier: Tier, from: i64, to: i64, mut stored: Vec<(i64, Gathered)>) -> Vec<(i64, Gathered)> {
        let wanted = |second: i64| (from..to).contains(&second);
        if tier == Tier::Raw {
            let raw = self.raw.iter().filter(|(second, _)| wanted(*second));
            for (second, values) in raw {
                put(&mut stored, *second, Gathered::one(values), true);
            }
            return stored;
        }
        let stretches = self.ended.iter().chain(self.open.iter().flatten());
        for stretch in stretches.filter(|it| it.tier == tier && wanted(it.start)) {
            put(&mut stored, stretch.start, stretch.gathered, stretch.is_whole);
        }
        stored
    }

    /// The memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.raw.capacity() * size_of::<(i64, Values)>()
            + self.ended.capacity() * size_of::<Stretch>()
    }
}

/// Puts a record in its place in the order of time.
fn put(all: &mut Vec<(i64, Gathered)>, second: i64, gathered: Gathered, replaces: bool) {
    match all.binary_search_by_key(&second, |(second, _)| *second) {
        Ok(index) if replaces => all[index].1 = gathered,
        Ok(index) => all[index].1 = all[index].1.then(&gathered),
        Err(index) => all.insert(index, (second, gathered)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::record::METRICS;

    /// What the issue of memory allows a workspace.
    const ALLOWED: usize = 10 << 10;

    /// As when the store has nothing.
    fn complete(history: &mut History) {
        let parts: Vec<_> = history.parts().collect();
        for (tier, start) in parts {
            history.complete(tier, start, None);
        }
    }

    #[test]
    fn a_clock_that_is_set_back_continues_what_had_ended() {
        let mut history = History::default();
        for second in [61, 121, 62, 122] {
            history.add(second, [1.0; METRICS]);
        }
        complete(&mut history);
        let Pending { ended, open, .. } = history.take();
        let counts: Vec<_> = ended.iter().chain(&open).map(|it| (it.tier, it.start, it.gathered.count)).collect();
        assert_eq!(counts, [(Tier::Minute, 60, 2), (Tier::Minute, 120, 2), (Tier::Hour, 0, 4), (Tier::Day, 0, 4)]);
    }

    #[test]
    fn however_long_nothing_can_be_written_memory_is_bounded() {
        let mut history = History::default();
        let mut most = 0;
        for second in 0..200_000 {
            history.add(second, [1.0; METRICS]);
            if second % 1_000 == 999 {
                complete(&mut history);
                let pending = history.take();
                history.put_back(pending);
            }
            most = most.max(history.bytes());
        }
        assert!(most <= ALLOWED, "{most} bytes");
        let hours = history.ended.iter().filter(|it| it.tier == Tier::Hour).count();
        assert!(hours > 0, "hours outlast minutes");
        let today = history.open[2].expect("a day goes on");
        assert_eq!((today.start, today.gathered.count), (172_800, 200_000 - 172_800));
    }

    #[test]
    fn what_is_written_is_not_written_again_before_the_next_reading() {
        let mut history = History::default();
        history.add(30, [1.0; METRICS]);
        let unknown = history.take();
        assert_eq!((unknown.raw.len(), unknown.open.len(), history.is_dirty()), (1, 0, true));
        complete(&mut history);
        history.add(31, [1.0; METRICS]);
        assert_eq!((history.take().open.len(), history.is_dirty()), (3, false));
        let second = history.take();
        assert_eq!((second.raw.len(), second.ended.len(), second.open.len()), (0, 0, 0));
        history.add(90, [1.0; METRICS]);
        complete(&mut history);
        let third = history.take();
        assert_eq!((third.raw.len(), third.ended.len(), third.open.len()), (1, 1, 3));
    }
}
