//! `RemovePodsHavingTooManyRestarts`: pods go whose containers were started again so often that
//! another node may do them good. What is known of a pod is the highest count of its containers; the
//! original sums them.

use super::Scope;
use super::evictor::{Answer, Pass};

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct RemovePodsHavingTooManyRestarts {
    /// Number of restarts from which there are too many.
    pub threshold: u32,
    /// Pods that the strategy looks at.
    pub scope: Scope,
}

impl RemovePodsHavingTooManyRestarts {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        for node in pass.nodes.clone() {
            for pod in pass.pods_on(node) {
                let state = pass.store.pod_states().get(pod.pod);
                let restarts = state.map_or(0, |state| state.restarts);
                if restarts < self.threshold
                    || !self.scope.takes(pass.spec(pod.class))
                    || !pass.may_go(pod)
                    || !pass.has_way_out(pod)
                {
                    continue;
                }
                match pass.evict(pod) {
                    Answer::Evicted | Answer::Refused => {}
                    Answer::NodeLimit => break,
                    Answer::TotalLimit => return,
                }
            }
        }
    }
}
