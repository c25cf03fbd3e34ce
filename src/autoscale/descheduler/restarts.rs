//! `RemovePodsHavingTooManyRestarts`: pods go whose containers were started again so often that
//! another node may do them good.

use super::Scope;
use super::evictor::{Answer, Pass};

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct RemovePodsHavingTooManyRestarts {
    /// Number of restarts from which there are too many.
    pub threshold: u32,
    /// Whether those of init containers and sidecars count, too.
    pub includes_init: bool,
    /// Pods that the strategy looks at.
    pub scope: Scope,
}

impl RemovePodsHavingTooManyRestarts {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        for node in pass.nodes.clone() {
            for pod in pass.pods_on(node) {
                let state = pass.store.pod_states().get(pod.pod);
                let restarts = state.map(|state| state.restarts).unwrap_or_default();
                let restarts = if self.includes_init {
                    restarts.total()
                } else {
                    restarts.apps
                };
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
