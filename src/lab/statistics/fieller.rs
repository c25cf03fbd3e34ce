//! The interval of a ratio of two means over pairs (Fieller, 1954): every change of the base that a
//! paired t-test does not refuse. It leaves out 0 exactly where Student's interval of the mean
//! difference does.

use rng::math;

use super::bootstrap::Interval;
use super::moments::{mean, variance};
use super::student::student_quantile;

/// The interval of the relative change `mean(head − base) / |mean(base)|`, with this confidence.
/// `None` below two pairs, and where the base's mean can't be told from zero, as the interval has no
/// end then.
pub fn change_interval(base: &[f64], head: &[f64], confidence: f64) -> Option<Interval> {
    if base.len() != head.len() {
        return None;
    }
    let differences: Vec<f64> = base.iter().zip(head).map(|(b, h)| h - b).collect();
    let (level, apart) = (mean(base)?, mean(&differences)?);
    let (of_base, of_apart) = (variance(base)?, variance(&differences)?);
    let n = base.len() as f64;
    let products = base.iter().zip(&differences);
    let shared = products
        .map(|(b, d)| (b - level) * (d - apart))
        .sum::<f64>()
        / (n - 1.0);
    let t = student_quantile(f64::midpoint(1.0, confidence), n - 1.0);
    let scale = t * t / n;
    // The change x is kept if (apart − x·level)² ≤ scale · var(d − x·b): a quadratic in x.
    let square = level * level - scale * of_base;
    if square <= 0.0 || !square.is_finite() {
        return None;
    }
    let mixed: Vec<f64> = (base.iter().zip(&differences))
        .map(|(b, d)| level * d - apart * b)
        .collect();
    let linear = apart * level - scale * shared;
    let remainder =
        scale * variance(&mixed)? - scale * scale * (of_base * of_apart - shared * shared).max(0.0);
    let root = math::sqrt(remainder.max(0.0));
    let ends = [(linear - root) / square, (linear + root) / square];
    let ends = ends.map(|end| if level < 0.0 { -end } else { end });
    let point = apart / level.abs();
    // The point satisfies the inequality; what rounding leaves does not put it outside.
    let low = ends[0].min(ends[1]).min(point);
    let high = ends[0].max(ends[1]).max(point);
    (low.is_finite() && high.is_finite()).then_some(Interval { low, high })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::student_interval;
    use rng::Stream;

    fn drawn(number: u64, shift: f64) -> (Vec<f64>, Vec<f64>) {
        let mut stream = Stream::new(3, "test-fieller", number);
        let pairs = (0..8).map(|_| {
            let base = 10.0 + 2.0 * stream.standard_normal();
            (base, base + shift + stream.standard_normal())
        });
        pairs.unzip()
    }

    #[test]
    fn zero_is_left_out_where_the_interval_of_the_difference_leaves_it_out() {
        let mut left_out = 0;
        for number in 0..200 {
            let (base, head) = drawn(number, 0.8);
            let differences: Vec<f64> = base.iter().zip(&head).map(|(b, h)| h - b).collect();
            let change = change_interval(&base, &head, 0.95).expect("an interval");
            let plain = student_interval(&differences, 0.95).expect("an interval");
            assert_eq!(change.holds(0.0), plain.holds(0.0), "{number}");
            let point = mean(&differences).expect("a mean") / mean(&base).expect("a mean");
            assert!(change.holds(point), "{number}");
            left_out += u32::from(!change.holds(0.0));
        }
        assert!((50..190).contains(&left_out), "{left_out}");
    }

    #[test]
    fn a_constant_base_scales_the_interval_of_the_difference() {
        let (_, head) = drawn(1, 0.0);
        let base = vec![4.0; head.len()];
        let differences: Vec<f64> = head.iter().map(|h| h - 4.0).collect();
        let change = change_interval(&base, &head, 0.95).expect("an interval");
        let plain = student_interval(&differences, 0.95).expect("an interval");
        assert!((change.low - plain.low / 4.0).abs() < 1e-12, "{change:?}");
        assert!((change.high - plain.high / 4.0).abs() < 1e-12, "{change:?}");
    }

    #[test]
    fn a_base_around_zero_has_no_relative_change() {
        assert_eq!(change_interval(&[1.0, -1.0], &[2.0, 3.0], 0.95), None);
        assert_eq!(change_interval(&[0.0, 0.0], &[2.0, 3.0], 0.95), None);
        assert_eq!(change_interval(&[1.0], &[2.0], 0.95), None);
    }
}
