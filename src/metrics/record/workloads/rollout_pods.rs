//! Rollouts under systems that report no progress in the status of a workload, such as `SwarmKit` and ECS:
//! followed by the pods. One is done once no pod from before it is left and as many are ready as are wanted.

use model::PodRef;
use units::Instant;

use super::Workloads;
use super::part::Role;
use crate::record::window::MeasuredWindow;

/// Pods of a workload that were not asked to terminate, by the rollout that is under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Versions {
    /// Rollouts that have begun.
    begun: u32,
    living: i64,
    /// Those of the living that are from before the last rollout.
    old: i64,
}

impl Versions {
    /// A rollout begins.
    pub(super) const fn begin(&mut self) {
        self.begun += 1;
        self.old = self.living;
    }

    /// A pod is created: the number of rollouts before it.
    pub(super) const fn enter(&mut self) -> u32 {
        self.living += 1;
        self.begun
    }

    /// A pod is asked to terminate, or ends.
    pub(super) const fn leave(&mut self, version: u32) {
        self.living -= 1;
        self.old -= (version < self.begun) as i64;
    }

    /// Whether a pod from before the last rollout is left.
    pub(super) const fn has_old(&self) -> bool {
        self.old > 0
    }
}

impl Workloads {
    /// A pod is asked to terminate, or ends without that.
    pub(super) fn leaves(&mut self, at: Instant, pod: PodRef, measured: &MeasuredWindow) {
        let Some(own) = self.pod(pod).copied() else {
            return;
        };
        if let Role::Part(row) = own.role {
            if self.rows[row as usize].is_rolling() {
                self.touch(row, at, measured);
            }
            self.rows[row as usize].leave(own.version);
        }
    }
}
