//! A history in one line of text.

/// What is shown where nothing is known.
pub const GAP: char = ' ';

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One value of a history, and for how long it is known to have stood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// When it begins, in seconds from any moment.
    pub start: f64,
    /// When it ends, not before its beginning.
    pub end: f64,
    /// The value.
    pub value: f64,
}

/// A character for each value, as high as the value is beside the greatest; what is not known is a gap.
///
/// Zero is the bottom, whatever the least value is: so twice as much looks twice as high. The top is the greatest value, or `least`
/// if that is more: so next to nothing does not look like much.
pub fn draw(values: &[Option<f64>], least: f64) -> String {
    let greatest = values.iter().flatten().copied().fold(least, f64::max);
    values.iter().map(|value| value.map_or(GAP, |value| block(value, greatest))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 7")]
fn block(value: f64, greatest: f64) -> char {
    if greatest <= 0.0 {
        return BLOCKS[0];
    }
    let height = (value / greatest * 8.0).ceil() - 1.0;
    BLOCKS[height.clamp(0.0, 7.0) as usize]
}

/// The mean of what is known in each of so many equal parts of the time from `from` to `to`.
#[expect(clippy::cast_precision_loss, reason = "columns of a terminal")]
pub fn columns(stretches: &[Stretch], from: f64, to: f64, count: usize) -> Vec<Option<f64>> {
    let width = (to - from) / count.max(1) as f64;
    let column = |at: usize| {
        let (start, end) = (from + at as f64 * width, from + (at + 1) as f64 * width);
        let shared = |it: &Stretch| (it.end.min(end) - it.start.max(start)).max(0.0);
        let (sum, time) =
            stretches.iter().fold((0.0, 0.0), |(sum, time), it| (sum + it.value * shared(it), time + shared(it)));
        (time > 0.0).then(|| sum / time)
    };
    (0..count).map(column).collect()
}

/// Values with their times, oldest first, each of which stands until the next one: but not for much longer than is usual
/// between two of them, because then there is a gap. `least`: for how long each stands in any case, unless the next one comes.
pub fn stretches(points: &[(f64, f64)], least: f64) -> Vec<Stretch> {
    /// A reading that comes twice as late as usual is late, and not yet missing.
    const PATIENCE: f64 = 2.5;
    let mut apart: Vec<f64> = points.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    apart.sort_by(f64::total_cmp);
    let usual = apart.get(apart.len() / 2).copied().unwrap_or_default();
    let (alone, longest) = (least.max(usual), least.max(usual * PATIENCE));
    let next = points.iter().skip(1).map(|(time, _)| *time).chain([f64::INFINITY]);
    let stretch = |(&(start, value), next): (&(f64, f64), f64)| {
        let end = if next - start <= longest { next } else { start + alone };
        Stretch { start, end, value }
    };
    points.iter().zip(next).map(stretch).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heights_are_in_proportion_and_gaps_are_gaps() {
        let values = [Some(0.0), Some(1.0), None, Some(4.0), Some(8.0)];
        assert_eq!(draw(&values, 0.0), "▁▁ ▄█");
        assert_eq!(draw(&values, 16.0), "▁▁ ▂▄");
        assert_eq!(draw(&[Some(0.0), Some(0.0)], 0.0), "▁▁");
        assert_eq!(draw(&[], 0.0), "");
    }

    #[test]
    fn columns_are_means_over_time() {
        let stretches = [(0.0, 10.0, 1.0), (10.0, 15.0, 4.0), (30.0, 40.0, 2.0)];
        let stretches = stretches.map(|(start, end, value)| Stretch { start, end, value });
        assert_eq!(columns(&stretches, 0.0, 40.0, 2), [Some(2.0), Some(2.0)]);
        assert_eq!(columns(&stretches, 0.0, 40.0, 4), [Some(1.0), Some(4.0), None, Some(2.0)]);
        // Finer than what is known.
        assert_eq!(columns(&stretches, 30.0, 40.0, 5), [Some(2.0); 5]);
        assert_eq!(columns(&[], 0.0, 40.0, 1), [None]);
    }

    #[test]
    fn a_late_reading_is_no_gap_and_a_missing_one_is() {
        let points = [(0.0, 1.0), (10.0, 2.0), (20.0, 3.0), (42.0, 4.0), (100.0, 5.0)];
        let ends: Vec<f64> = stretches(&points, 1.0).iter().map(|it| it.end).collect();
        assert_eq!(ends, [10.0, 20.0, 42.0, 64.0, 122.0]);
        assert_eq!(stretches(&points[..1], 60.0), [Stretch { start: 0.0, end: 60.0, value: 1.0 }]);
        assert!(stretches(&[], 60.0).is_empty());
    }
}
