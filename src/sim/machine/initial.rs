//! Pods whose processes were up before the run began.

use model::PodRef;
use units::{Duration, Identity};

use super::{ENDLESS, Machine, PriorState};

impl Machine {
    /// A pod was there before the run began; without a run time it runs until it is stopped.
    pub fn find(&mut self, pod: PodRef, who: Identity, was_up: bool, run_time: Option<Duration>) {
        self.submit(pod, who, run_time);
        if let Some(row) = self.row_mut(pod) {
            row.before = if was_up {
                PriorState::Up
            } else {
                PriorState::Down
            };
        }
    }

    /// A pod's work takes this time when it is started next.
    pub(in super::super) fn set_run_time(&mut self, pod: PodRef, run_time: Option<Duration>) {
        if let Some(row) = self.row_mut(pod) {
            row.run_nanos = run_time.map_or(ENDLESS, Duration::as_nanos);
        }
    }
}
