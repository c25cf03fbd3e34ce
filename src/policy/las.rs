//! Least attained service in queues, as Tiresias has it (2D-LAS; spec: orchestrators-b.md section 8.2):
//! a job moves down from queue to queue as it uses devices, and jobs of a queue go first come, first
//! served.

use units::Duration;

/// Queues by the service that jobs attained: devices times run time.
///
/// ```
/// use policy::las::Queues;
/// use units::Duration;
///
/// let queues = Queues::new([3_600, 36_000].map(Duration::from_secs));
/// let ran = Duration::from_secs(450);
/// assert_eq!(queues.queue(Queues::attained(8, ran)), 2);
/// assert_eq!(queues.leaves(0, 8), Some(ran));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queues {
    /// Service of one device at which a job leaves each queue but the last, ascending.
    thresholds: Vec<Duration>,
}

impl Queues {
    /// Queues with a threshold between each two.
    pub fn new(thresholds: impl IntoIterator<Item = Duration>) -> Self {
        let mut thresholds: Vec<Duration> = thresholds.into_iter().collect();
        thresholds.sort_unstable();
        Self { thresholds }
    }

    /// The service that a job on so many devices attains in a time.
    pub fn attained(devices: u32, ran: Duration) -> Duration {
        ran.checked_mul(i64::from(devices)).unwrap_or(Duration::MAX)
    }

    /// The queue of a job that attained so much, from 1.
    pub fn queue(&self, attained: Duration) -> usize {
        self.thresholds
            .partition_point(|&threshold| threshold <= attained)
            + 1
    }

    /// The run time after which a job on so many devices leaves a queue, counted from 0; `None` of the
    /// last one.
    pub fn leaves(&self, queue: usize, devices: u32) -> Option<Duration> {
        let threshold = self.thresholds.get(queue)?.as_nanos();
        let devices = i64::from(devices.max(1));
        Some(Duration::from_nanos(
            threshold.div_euclid(devices) + i64::from(threshold % devices > 0),
        ))
    }

    /// Number of queues.
    pub fn count(&self) -> usize {
        self.thresholds.len() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_moves_down_when_it_attained_a_threshold() {
        let queues = Queues::new([36_000, 3_600].map(Duration::from_secs));
        for (devices, ran, queue) in [(8, 449, 1), (8, 450, 2), (8, 4_500, 3), (1, 3_599, 1)] {
            let attained = Queues::attained(devices, Duration::from_secs(ran));
            assert_eq!(queues.queue(attained), queue, "{devices} x {ran} s");
        }
        assert_eq!(queues.leaves(1, 8), Some(Duration::from_secs(4_500)));
        assert_eq!((queues.leaves(2, 8), queues.count()), (None, 3));
        assert_eq!(
            queues.leaves(0, 7),
            Some(Duration::from_nanos(514_285_714_286))
        );
    }
}
