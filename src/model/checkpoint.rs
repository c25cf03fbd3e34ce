//! Checkpoints of jobs: how often they are written, what is left of a run that is interrupted, and what
//! that comes to on average (Young 1974; spec: orchestrators-b.md 10.1).

use serde::{Deserialize, Serialize};
use units::Duration;

/// Rule by which a job writes checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Checkpoints {
    /// Work between two checkpoints; more than nothing.
    pub interval: Duration,
    /// Time to write a checkpoint; the job does no work meanwhile.
    pub write: Duration,
    /// Time that a start from a checkpoint takes before work goes on.
    pub restart: Duration,
}

impl Checkpoints {
    /// Checkpoints at Young's interval, the root of twice the product of what one takes and the mean
    /// time between interruptions, to the nearest nanosecond.
    pub fn young(write: Duration, restart: Duration, mtbf: Duration) -> Self {
        let product = 2.0 * write.as_nanos() as f64 * mtbf.as_nanos() as f64;
        let interval = Duration::from_nanos((libm::rint(libm::sqrt(product)) as i64).max(1));
        Self {
            interval,
            write,
            restart,
        }
    }

    /// Time that an amount of work takes without interruption: a checkpoint follows every interval
    /// but one that ends the work.
    pub fn run_time(&self, work: Duration) -> Duration {
        let interval = self.interval.as_nanos().max(1);
        let written = (work.as_nanos() - 1).max(0) / interval;
        let written = self.write.checked_mul(written).unwrap_or(Duration::MAX);
        work.checked_add(written).unwrap_or(Duration::MAX)
    }

    /// The work that a run of so long has saved when it is interrupted, of so much.
    pub fn saved(&self, run: Duration, work: Duration) -> Duration {
        let interval = self.interval.as_nanos().max(1);
        let each = interval.saturating_add(self.write.as_nanos());
        let whole = run.as_nanos().max(0) / each;
        let most = (work.as_nanos() - 1).max(0) / interval;
        Duration::from_nanos(interval.saturating_mul(whole.min(most)))
    }

    /// The part of the time that work goes on, expected at a mean time between interruptions: less the
    /// writing of checkpoints, and half an interval and a restart for every interruption.
    pub fn efficiency(&self, mtbf: Duration) -> f64 {
        let seconds = |span: Duration| span.as_nanos() as f64 / 1e9;
        let (interval, write) = (seconds(self.interval), seconds(self.write));
        1.0 - write / interval - (interval / 2.0 + seconds(self.restart)) / seconds(mtbf)
    }
}

/// The effective part of a training's time that so many interruptions a second leave
/// (Kokolis et al. 2025).
pub fn expected_time_ratio(checkpoints: &Checkpoints, per_second: f64) -> f64 {
    let seconds = |span: Duration| span.as_nanos() as f64 / 1e9;
    let (interval, write) = (seconds(checkpoints.interval), seconds(checkpoints.write));
    let lost = seconds(checkpoints.restart) + interval / 2.0;
    (1.0 - per_second * lost) / (1.0 + write / interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: i64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn youngs_interval_and_its_efficiency_are_those_of_the_worked_example() {
        let mtbf = Duration::from_millis(3_093 * 3_600);
        let checkpoints = Checkpoints::young(secs(120), secs(600), mtbf);
        let interval = checkpoints.interval.as_nanos() as f64 / 1e9;
        assert!((interval - 1634.733).abs() < 1e-3, "{interval}");
        let efficiency = checkpoints.efficiency(mtbf);
        assert!((efficiency - 0.7993).abs() < 1e-4, "{efficiency}");
        let training = Checkpoints {
            interval: secs(3600),
            write: secs(60),
            restart: secs(300),
        };
        let ratio = expected_time_ratio(&training, 2048.0 * 6.5e-3 / 86_400.0);
        assert!((ratio - 0.665_355).abs() < 1e-6, "{ratio}");
    }

    #[test]
    fn what_was_written_is_saved() {
        let checkpoints = Checkpoints {
            interval: secs(100),
            write: secs(10),
            restart: secs(5),
        };
        for (work, run_time) in [(0, 0), (50, 50), (100, 100), (101, 111), (300, 320)] {
            assert_eq!(checkpoints.run_time(secs(work)), secs(run_time), "{work}");
        }
        for (run, saved) in [
            (0, 0),
            (109, 0),
            (110, 100),
            (219, 100),
            (220, 200),
            (319, 200),
        ] {
            assert_eq!(
                checkpoints.saved(secs(run), secs(300)),
                secs(saved),
                "{run}"
            );
        }
    }
}
