//! What is known of a stretch of time, and its form in the store.
//!
//! A record is of fixed size, in network byte order; `blocks` says how several of them are one value of the store.
//!
//! | tier | bytes | contents |
//! |---|---|---|
//! | raw | 33 | version 1, then a 32-bit float for each of [`Metric::ALL`] |
//! | others | 133 | version 1, the number of readings in 32 bits, then for each metric four 32-bit floats: min, mean, max, last |
//!
//! What is not known is a NaN. A 32-bit float tells amounts apart that differ by one in ten million, far finer than they are measured.

use crate::model::metrics::{Metric, Usage};

/// The first byte of a record.
const VERSION: u8 = 1;

/// How many metrics there are.
pub(super) const METRICS: usize = Metric::ALL.len();

/// The size of a raw record.
pub(super) const RAW_BYTES: usize = 1 + METRICS * 4;

/// The size of a record of another tier.
pub(super) const GATHERED_BYTES: usize = 1 + 4 + METRICS * 16;

/// One reading: a value for each of [`Metric::ALL`], NaN where it is not known.
pub(super) type Values = [f32; METRICS];

/// The values of a reading.
#[expect(clippy::cast_possible_truncation, reason = "what is kept is as exact as a 32-bit float")]
pub(super) fn values(usage: &Usage) -> Values {
    Metric::ALL.map(|metric| usage.value(metric).map_or(f32::NAN, |value| value as f32))
}

/// One metric over a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Summary {
    pub min: f32,
    pub max: f32,
    pub last: f32,
    /// Readings in which it was known.
    pub count: u32,
    pub sum: f64,
}

/// All metrics over a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Gathered {
    /// Readings.
    pub count: u32,
    pub of: [Summary; METRICS],
}

impl Summary {
    fn one(value: f32) -> Self {
        if value.is_nan() {
            return Self::default();
        }
        Self { min: value, max: value, last: value, count: 1, sum: f64::from(value) }
    }

    /// With what came later.
    pub fn then(self, later: Self) -> Self {
        match (self.count, later.count) {
            (0, _) => later,
            (_, 0) => self,
            _ => Self {
                min: self.min.min(later.min),
                max: self.max.max(later.max),
                last: later.last,
                count: self.count.saturating_add(later.count),
                sum: self.sum + later.sum,
            },
        }
    }

    /// `None` when it was never known.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / f64::from(self.count))
    }
}

impl Gathered {
    /// One reading.
    pub fn one(values: &Values) -> Self {
        Self { count: 1, of: values.map(Summary::one) }
    }

    /// With what came later.
    pub fn then(&self, later: &Self) -> Self {
        let mut of = self.of;
        for (mine, later) in of.iter_mut().zip(&later.of) {
            *mine = mine.then(*later);
        }
        Self { count: self.count.saturating_add(later.count), of }
    }

    /// As a record of a tier other than the raw one.
    #[expect(clippy::cast_possible_truncation, reason = "what is kept is as exact as a 32-bit float")]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(GATHERED_BYTES);
        bytes.push(VERSION);
        bytes.extend(self.count.to_be_bytes());
        for summary in &self.of {
            let mean = summary.mean().map_or(f32::NAN, |mean| mean as f32);
            let known = |value: f32| if summary.count > 0 { value } else { f32::NAN };
            for value in [known(summary.min), mean, known(summary.max), known(summary.last)] {
                bytes.extend(value.to_be_bytes());
            }
        }
        bytes
    }

    /// From a record of any tier; `None` when it has another form, as a later version may have written.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, rest) = bytes.split_first()? else { return None };
        if bytes.len() == RAW_BYTES {
            let mut values = [f32::NAN; METRICS];
            values.iter_mut().zip(floats(rest)).for_each(|(value, found)| *value = found);
            return Some(Self::one(&values));
        }
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = u32::from_be_bytes(*count);
        let mut of = [Summary::default(); METRICS];
        let mut floats = floats(rest);
        for summary in &mut of {
            let [min, mean, max, last] = [floats.next()?, floats.next()?, floats.next()?, floats.next()?];
            if !mean.is_nan() {
                // How many of the readings knew it is not kept; nearly always all of them do.
                *summary = Summary { min, max, last, count, sum: f64::from(mean) * f64::from(count) };
            }
        }
        (bytes.len() == GATHERED_BYTES).then_some(Self { count, of })
    }
}

/// A reading as a raw record.
pub(super) fn encode_raw(values: &Values) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RAW_BYTES);
    bytes.push(VERSION);
    bytes.extend(values.iter().flat_map(|value| value.to_be_bytes()));
    bytes
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn readings() -> impl Strategy<Value = Vec<Values>> {
        let value = prop_oneof![9 => 0.0_f32..1e12, 1 => Just(f32::NAN)];
        vec(proptest::array::uniform8(value), 1..40)
    }

    fn gathered(readings: &[Values]) -> Gathered {
        readings.iter().fold(Gathered::default(), |all, values| all.then(&Gathered::one(values)))
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-6 * one.abs().max(other.abs())
    }

    proptest! {
        #[test]
        fn a_raw_record_is_read_back(values in proptest::array::uniform8(any::<f32>())) {
            let bytes = encode_raw(&values);
            prop_assert_eq!(bytes.len(), RAW_BYTES);
            let found = Gathered::decode(&bytes).expect("of its form");
            prop_assert_eq!(found.count, 1);
            for (summary, value) in found.of.iter().zip(values) {
                prop_assert_eq!(summary.count, u32::from(!value.is_nan()));
                prop_assert!(value.is_nan() || summary.last.to_bits() == value.to_bits());
            }
        }

        #[test]
        fn a_gathered_record_is_read_back(readings in readings()) {
            let all = gathered(&readings);
            let bytes = all.encode();
            prop_assert_eq!(bytes.len(), GATHERED_BYTES);
            let found = Gathered::decode(&bytes).expect("of its form");
            prop_assert_eq!(found.count, all.count);
            for (found, wanted) in found.of.iter().zip(&all.of) {
                prop_assert_eq!((found.min, found.max, found.last), (wanted.min, wanted.max, wanted.last));
                prop_assert_eq!(found.mean().is_some(), wanted.mean().is_some());
                prop_assert!(near(found.mean().unwrap_or(0.0), wanted.mean().unwrap_or(0.0)));
            }
        }

        #[test]
        fn it_does_not_matter_where_a_stretch_is_cut(readings in readings(), cut in any::<prop::sample::Index>()) {
            let (first, second) = readings.split_at(cut.index(readings.len()));
            let (whole, joined) = (gathered(&readings), gathered(first).then(&gathered(second)));
            prop_assert_eq!(whole.count, joined.count);
            for (one, other) in whole.of.iter().zip(&joined.of) {
                prop_assert_eq!((one.min, one.max, one.last, one.count), (other.min, other.max, other.last, other.count));
                prop_assert!(near(one.sum, other.sum));
                let (least, most) = (f64::from(one.min) * (1.0 - 1e-9), f64::from(one.max) * (1.0 + 1e-9));
                prop_assert!(one.mean().is_none_or(|mean| (least..=most).contains(&mean)));
            }
        }

        #[test]
        fn any_bytes_are_a_record_or_not(bytes in vec(any::<u8>(), 0..200)) {
            let decoded = Gathered::decode(&bytes);
            let of_a_size = bytes.len() == RAW_BYTES || bytes.len() == GATHERED_BYTES;
            prop_assert_eq!(decoded.is_some(), of_a_size && bytes[0] == VERSION);
        }
    }
}
