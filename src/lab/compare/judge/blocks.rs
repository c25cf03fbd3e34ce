//! Logs drawn from the blocks of one: what their values say of other logs.

use rng::math;

use super::CONFIDENCE;
use crate::statistics::{mean, student_quantile};

/// Blocks of a log below which their draws carry no interval.
pub(super) const BLOCKS_MIN: usize = 10;

/// Remark on logs of fewer blocks.
pub(super) const FEW: &str =
    "a log of fewer than ten whole blocks doesn't carry an interval or a test";

/// Values of logs drawn from the blocks of one, as a sample whose interval and tests by Student's t are those of the
/// bootstrap. The deviation of such values is the standard error itself, however many logs are drawn, times
/// √(k/(k−1)) for k blocks; and it has k − 1 degrees of freedom, by the quantile of the interval. Others stay as they are.
pub(in super::super) fn stretched(values: &[f64], blocks: usize) -> Vec<f64> {
    let n = values.len() as f64;
    let Some(mean) = mean(values).filter(|_| blocks > 1 && n > 1.0) else {
        return values.to_vec();
    };
    let k = blocks as f64;
    let quantile = |degrees: f64| student_quantile(f64::midpoint(1.0, CONFIDENCE), degrees);
    let by = math::sqrt(n * k / (k - 1.0)) * quantile(k - 1.0) / quantile(n - 1.0);
    values.iter().map(|own| mean + by * (own - mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::student_interval;
    use rng::Stream;

    /// From each of 1,000 logs of a length sixty logs are drawn; the interval holds the mean of all days as
    /// often as it says, and the one over the draws as a sample of its own all but never.
    #[test]
    fn draws_from_a_log_tell_of_other_logs() {
        for days in [10, 14, 60] {
            let (mut held, mut naive) = (0, 0);
            for number in 0..1_000 {
                let mut stream = Stream::new(7, "test-blocks", number);
                let log: Vec<f64> = (0..days).map(|_| stream.standard_normal()).collect();
                let draw = |stream: &mut Stream| {
                    let day = (0..days).map(|_| log[stream.below(days as u64) as usize]);
                    day.sum::<f64>() / days as f64
                };
                let drawn: Vec<f64> = (0..60).map(|_| draw(&mut stream)).collect();
                let holds = |values: &[f64]| {
                    student_interval(values, CONFIDENCE).is_some_and(|at| at.holds(0.0))
                };
                held += i32::from(holds(&stretched(&drawn, days)));
                naive += i32::from(holds(&drawn));
            }
            assert!((920..=975).contains(&held), "{held} of {days} days");
            assert!(naive < 300, "{naive}");
        }
    }

    #[test]
    fn other_values_stay_as_they_are() {
        assert_eq!(stretched(&[1.0, 2.0], 0), [1.0, 2.0]);
        assert_eq!(stretched(&[], 14), [] as [f64; 0]);
    }
}
