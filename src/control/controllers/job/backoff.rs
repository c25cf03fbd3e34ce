//! Pauses before failed pods of a job are replaced.

use super::{JobBackoff, JobPod};
use units::{Duration, Instant};

/// The pause after the first failure.
const FIRST: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);

impl JobPod {
    /// Instant at which the pod finished: by its containers, else by when it stopped being ready,
    /// else by when it was asked to terminate, else by its creation.
    pub(super) fn finish_time(&self) -> Instant {
        let stopped = self.pod.readiness.filter(|ready| !ready.is_ready);
        self.finished
            .or(stopped.and_then(|ready| ready.since))
            .or(self.deleted)
            .or(self.pod.created)
            .unwrap_or(Instant::ZERO)
    }
}

impl JobBackoff {
    /// Returns the back-off after newly succeeded and failed pods: failures since the last success.
    pub(super) fn after(self, succeeded: &[&JobPod], failed: &[&JobPod]) -> Self {
        let mut finishes: Vec<Instant> = failed.iter().map(|pod| pod.finish_time()).collect();
        finishes.sort_unstable();
        let Some(success) = succeeded.iter().map(|pod| pod.finish_time()).max() else {
            return Self {
                failures: self.failures + finishes.len() as i32,
                last_failure: finishes.last().copied().or(self.last_failure),
            };
        };
        let after = finishes.iter().filter(|&&finish| finish > success);
        Self {
            failures: after.clone().count() as i32,
            last_failure: after.max().copied(),
        }
    }

    /// Time for which the next creation has to wait.
    pub(super) fn remaining(self, now: Instant) -> Duration {
        match self.last_failure {
            Some(last) if self.failures > 0 => {
                let mut pause = FIRST;
                for _ in 1..self.failures {
                    pause = pause.checked_mul(2).unwrap_or(LONGEST);
                    if pause >= LONGEST {
                        pause = LONGEST;
                        break;
                    }
                }
                let elapsed = now.since(last);
                Duration::from_nanos((pause.as_nanos() - elapsed.as_nanos()).max(0))
            }
            _ => Duration::ZERO,
        }
    }
}
