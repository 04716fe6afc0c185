//! Robust statistics: a few wild values do not change what they say. Pure.

/// The middle value; `None` without values. Values must be numbers.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) { f64::midpoint(sorted[middle - 1], upper) } else { upper })
}

/// The least of the values that so much of the weight does not exceed (nearest rank), for `share` from 0 to 1. `None` without
/// weight.
pub fn quantile(values: &[(f64, u64)], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let total: u64 = sorted.iter().map(|(_, weight)| weight).sum();
    let wanted = share.clamp(0.0, 1.0) * number(total);
    let mut below = 0;
    sorted.retain(|(_, weight)| *weight > 0);
    let found = sorted.iter().find(|(_, weight)| {
        below += weight;
        number(below) >= wanted
    });
    found.or(sorted.last()).map(|(value, _)| *value)
}

/// The median of the slopes between all pairs of points, which a quarter of wild points does not change much. `None` without two
/// points of different x. Takes the square of the number of points.
///
/// H. Theil, "A rank-invariant method of linear and polynomial regression analysis" (1950); P. K. Sen, "Estimates of the
/// Regression Coefficient Based on Kendall's Tau" (1968), <https://doi.org/10.1080/01621459.1968.10480934>.
pub fn theil_sen(points: &[(f64, f64)]) -> Option<f64> {
    let differences = pairs(points).map(|(one, other)| (other.0 - one.0, other.1 - one.1));
    let slopes: Vec<f64> = differences.filter(|(x, _)| x.abs() > 0.0).map(|(x, y)| y / x).collect();
    median(&slopes)
}

/// How sure it is that values rise or fall, from 0 to 1: one minus the two-sided p of the Mann-Kendall test in its normal
/// approximation, with the correction for ties. Meant for 8 values and more.
///
/// H. B. Mann, "Nonparametric Tests Against Trend" (1945), <https://doi.org/10.2307/1907187>; M. G. Kendall, "Rank Correlation
/// Methods" (1975). Values that depend on the ones before, as loads do, make it surer than it should be: hence it is for means over
/// long steps, not for readings.
pub fn mann_kendall(values: &[f64]) -> f64 {
    let sign = |(one, other): (&f64, &f64)| match other.total_cmp(one) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Less => -1.0,
        std::cmp::Ordering::Equal => 0.0,
    };
    let s: f64 = pairs(values).map(sign).sum();
    let term = |count: u64| number(count) * (number(count) - 1.0) * (2.0 * number(count) + 5.0);
    let tied: f64 = ties(values).into_iter().map(term).sum();
    let variance = (term(count(values)) - tied) / 18.0;
    if variance <= 0.0 || s == 0.0 {
        return 0.0;
    }
    let z = (s.abs() - 1.0) / variance.sqrt();
    erf(z / std::f64::consts::SQRT_2)
}

/// How far a value is from others: its distance from their median, in units of their usual distance from it. `None` without
/// others. The unit is at least `least`, so that a value is not called wild among others that happen to be equal.
///
/// The modified z-score of B. Iglewicz and D. C. Hoaglin, "How to Detect and Handle Outliers" (1993); they call 3.5 and more an
/// outlier. See also <https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm>.
pub fn robust_z(value: f64, others: &[f64], least: f64) -> Option<f64> {
    /// Makes the median distance of normal values their standard deviation.
    const NORMAL: f64 = 1.4826;
    let center = median(others)?;
    let distances: Vec<f64> = others.iter().map(|other| (other - center).abs()).collect();
    let unit = (median(&distances)? * NORMAL).max(least);
    Some((value - center) / unit)
}

/// How many values there are of each that is there more than once.
fn ties(values: &[f64]) -> Vec<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.chunk_by(|one, other| one.total_cmp(other).is_eq()).map(count).filter(|count| *count > 1).collect()
}

/// Each value with each after it.
fn pairs<T>(values: &[T]) -> impl Iterator<Item = (&T, &T)> {
    values.iter().enumerate().flat_map(|(index, one)| values[index + 1..].iter().map(move |other| (one, other)))
}

/// The error function for 0 and more, within 1.5e-7.
///
/// M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions", 7.1.26.
fn erf(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let t = 1.0 / (1.0 + 0.327_591_1 * x.max(0.0));
    let sum = COEFFICIENTS.iter().fold(0.0, |sum, coefficient| (sum + coefficient) * t);
    (1.0 - sum * (-x * x).exp()).clamp(0.0, 1.0)
}

fn count<T>(values: &[T]) -> u64 {
    u64::try_from(values.len()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "counts of readings are far below 52 bits")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-6 * one.abs().max(other.abs()).max(1.0)
    }

    #[test]
    fn known_values() {
        assert_eq!((median(&[]), median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])), (None, Some(2.0), Some(2.5)));
        let hundred: Vec<(f64, u64)> = (1..=100).map(|value| (f64::from(value), 1)).collect();
        let of = |share: f64| quantile(&hundred, share);
        assert_eq!((of(0.95), of(0.5), of(0.0), of(1.0)), (Some(95.0), Some(50.0), Some(1.0), Some(100.0)));
        assert_eq!(quantile(&[(1.0, 19), (9.0, 1), (5.0, 0)], 0.95), Some(1.0));
        assert_eq!(quantile(&[(1.0, 0)], 0.5), None);
        for (x, y) in [(0.0, 0.0), (0.5, 0.520_499_9), (1.0, 0.842_700_8), (2.0, 0.995_322_3)] {
            assert!((erf(x) - y).abs() < 2e-7, "{x}");
        }
    }

    #[test]
    fn trends_that_were_worked_out_by_hand() {
        // Each of ten values above the one before: S = 45, variance 125, z = 44 / sqrt(125), p = 0.000083.
        let rising: Vec<f64> = (0..10).map(f64::from).collect();
        assert!((1.0 - mann_kendall(&rising) - 0.000_083).abs() < 2e-6);
        // With ties, 1 1 2 2 3: S = 8, variance (5*4*15 - 2*(2*1*9))/18 = 14.67, z = 1.83, p = 0.068.
        assert!((1.0 - mann_kendall(&[1.0, 1.0, 2.0, 2.0, 3.0]) - 0.0676).abs() < 1e-3);
        assert!(near(mann_kendall(&[5.0; 20]), 0.0));
    }

    #[test]
    fn wild_values_change_little() {
        let mut points: Vec<(f64, f64)> = (0..40).map(|x| (f64::from(x), 3.0 * f64::from(x) + 7.0)).collect();
        for index in [3, 11, 17, 29] {
            points[index].1 = 1e9;
        }
        assert!(near(theil_sen(&points).expect("a slope"), 3.0));
        let others = [10.0, 11.0, 9.0, 10.5, 9.5, 1e9];
        assert!(robust_z(10.2, &others, 0.1).is_some_and(|z| z.abs() < 1.0));
        assert!(robust_z(20.0, &others, 0.1).is_some_and(|z| z > 3.5));
        assert_eq!(robust_z(6.0, &[5.0; 9], 0.5), Some(2.0));
        assert_eq!((theil_sen(&[(1.0, 2.0)]), robust_z(1.0, &[], 1.0)), (None, None));
    }

    proptest! {
        #[test]
        fn a_line_has_its_slope(slope in -1e3..1e3_f64, offset in -1e6..1e6_f64, xs in vec(-1e3..1e3_f64, 2..40)) {
            let points: Vec<(f64, f64)> = xs.iter().map(|x| (*x, slope * x + offset)).collect();
            let distinct = xs.iter().any(|x| (x - xs[0]).abs() > 1.0);
            prop_assume!(distinct);
            let far: Vec<_> = points.iter().copied().filter(|(x, _)| (x - xs[0]).abs() > 1.0).chain([points[0]]).collect();
            let found = theil_sen(&far[far.len() - 2..]).expect("a slope");
            prop_assert!((found - slope).abs() < 1e-3 * slope.abs().max(1.0), "{found} {slope}");
        }

        #[test]
        fn a_median_is_between_and_does_not_mind_the_order(mut values in vec(-1e9..1e9_f64, 1..50)) {
            let found = median(&values).expect("values");
            let below = values.iter().filter(|value| **value < found).count();
            let above = values.iter().filter(|value| **value > found).count();
            prop_assert!(below * 2 <= values.len() && above * 2 <= values.len());
            values.reverse();
            prop_assert_eq!(median(&values), Some(found));
        }

        #[test]
        fn a_quantile_is_a_value_and_grows_with_its_share(
            values in vec((-1e9..1e9_f64, 1_u64..100), 1..50), one in 0.0..=1.0_f64, other in 0.0..=1.0_f64,
        ) {
            let (low, high) = (one.min(other), one.max(other));
            let (low, high) = (quantile(&values, low).expect("values"), quantile(&values, high).expect("values"));
            prop_assert!(low <= high);
            prop_assert!(values.iter().any(|(value, _)| value.total_cmp(&low).is_eq()));
        }

        #[test]
        fn confidence_is_a_share_and_the_same_backwards(mut values in vec(-5..5_i32, 0..40)) {
            let floats = |values: &[i32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
            let found = mann_kendall(&floats(&values));
            prop_assert!((0.0..=1.0).contains(&found));
            values.reverse();
            prop_assert!(near(found, mann_kendall(&floats(&values))));
        }

        #[test]
        fn a_score_has_the_sign_of_its_distance(value in -1e6..1e6_f64, others in vec(-1e6..1e6_f64, 1..40)) {
            let (center, score) = (median(&others).expect("values"), robust_z(value, &others, 1e-3).expect("values"));
            prop_assert!(score.is_finite() && (value - center) * score >= 0.0);
        }
    }
}
