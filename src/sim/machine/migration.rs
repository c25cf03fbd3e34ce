//! Pods that come from other nodes while they are up: the run that they are in goes on, and later ones are whole.

use model::PodRef;
use units::Duration;

use super::{Machine, PriorState};

impl Machine {
    /// A running pod arrives from another node; `whole_run` is the length of each run of its container after
    /// the one under way.
    pub(crate) fn arrive(&mut self, pod: PodRef, whole_run: Option<Duration>) {
        if let Some(row) = self.row_mut(pod) {
            row.before = PriorState::Elsewhere;
            self.later_runs
                .extend(whole_run.map(|whole| (pod.id, whole)));
        }
    }

    /// How long each run of a pod takes from its beginning.
    pub(crate) fn whole_run(&self, pod: PodRef) -> Option<Duration> {
        let later = self.later_runs.get(&pod.id).copied();
        later.or_else(|| self.work(pod)?.run_time)
    }

    /// The run that a pod was in when it came from another node is over.
    pub(super) fn run_over(&mut self, pod: PodRef) {
        let whole = self.later_runs.remove(&pod.id);
        let is_saved = self.progress.is_some();
        if let Some(row) = self.row_mut(pod) {
            row.before = PriorState::Down;
            if let Some(whole) = whole.filter(|_| !is_saved) {
                row.run_nanos = whole.as_nanos();
            }
        }
    }

    /// Whether a pod was in a state before.
    pub(super) fn is_before(&self, pod: PodRef, before: PriorState) -> bool {
        let row = self.work.get(pod.slot.index());
        row.is_some_and(|row| row.id == pod.id && row.before == before)
    }
}
