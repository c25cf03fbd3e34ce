//! Gittins index of a job by the services of past jobs, as the authors of Tiresias compute it (`cal_r_gittins_index` and
//! `get_gittins_index`, `SymbioticLab/Tiresias` `b0ef8449`, `simulator/run_sim.py`).
//!
//! For a job that attained so much, of the past jobs that needed more: the share that ends within the next step, over
//! the mean of what they need (a step for those that go on). The authors round both to five digits, and the index of a
//! job is that of the next past service above its own.

use units::Duration;
use units::time::NANOS_PER_SECOND;

/// The authors' step, in seconds of one device (`gittins_delta`, `jobs.py`).
const STEP: i64 = 3_250;

/// Index by attained service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gittins {
    /// Services of past jobs in seconds of one device, ascending, each with the index of jobs just below it.
    steps: Vec<(i64, i128)>,
}

impl Gittins {
    /// The index by the services of past jobs, in whole seconds.
    pub fn new(services: &[Duration]) -> Self {
        let seconds = |own: &Duration| own.as_nanos() / NANOS_PER_SECOND;
        let mut past: Vec<i64> = services.iter().map(seconds).collect();
        past.sort_unstable();
        let steps = past.iter().map(|&own| (own, ratio(&past, own - 1)));
        Self {
            steps: steps.collect(),
        }
    }

    /// The index of a job that attained a service, in units of 10⁻⁴; jobs beyond all past ones have 0.
    pub fn index(&self, attained: Duration) -> i128 {
        let attained = attained.as_nanos() / NANOS_PER_SECOND;
        let above = self.steps.partition_point(|(own, _)| *own <= attained);
        self.steps.get(above).map_or(0, |(_, index)| *index)
    }
}

/// A million times the share that ends within the step over the mean need, in units of 10⁻⁴.
fn ratio(past: &[i64], attained: i64) -> i128 {
    let Some(&longest) = past.last() else {
        return 0;
    };
    if attained > longest - 1 {
        return 0;
    }
    let above = |service: i64| past.partition_point(|&own| own <= service);
    let from = above(attained);
    let next = attained + STEP;
    let until = if next > longest - 1 {
        past.len() - 1
    } else {
        above(next)
    };
    let left = (past.len() - from) as i128;
    let ended = until.saturating_sub(from) as i128;
    let needs: i128 = past[from..until.max(from)]
        .iter()
        .copied()
        .map(i128::from)
        .sum();
    let needs = needs + i128::from(STEP) * (past.len() - until) as i128;
    let (share, need) = (
        rounded(ended * 100_000, left),
        rounded(needs * 100_000, left),
    );
    rounded(share * 10_000_000_000, need.max(1))
}

/// A quotient of numbers that are not negative, rounded half up.
const fn rounded(of: i128, by: i128) -> i128 {
    (2 * of + by) / (2 * by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likely_to_end_soon_is_first() {
        let past: Vec<Duration> = [100, 200, 300, 5_000, 90_000, 90_001]
            .map(Duration::from_secs)
            .to_vec();
        let gittins = Gittins::new(&past);
        let index = |seconds| gittins.index(Duration::from_secs(seconds));
        // Three of six end within the step; they need 600 s, the others 3,250 s each: 0.5 / 1,725.
        assert_eq!(index(0), 2_898_551);
        // Two of five, with 500 s and 3 × 3,250 s: 0.4 / 2,050.
        assert_eq!(index(100), 1_951_220);
        // One of three ends (5,000 s), two go on: 0.33333 / 3,833.33333.
        assert_eq!(index(4_000), 869_557);
        // Near the longest one, all but that one count as ending: 0.5 / 46,625.
        assert_eq!(index(5_000), 107_239);
        assert_eq!([index(90_000), index(90_001)], [0, 0]);
        assert_eq!(Gittins::new(&[]).index(Duration::ZERO), 0);
    }
}
