//! `PodLifeTime`: pods go that are older than they may become, the oldest first.

use super::Scope;
use super::evictor::{Answer, Pass};
use model::{Pod, PodPhase};
use units::Duration;

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct PodLifeTime {
    /// Greatest age of a pod.
    pub most: Duration,
    /// Only pods in one of these states, if there are any.
    pub states: Vec<PodState>,
    /// Pods that the strategy looks at.
    pub scope: Scope,
}

/// State of a pod in its life, as far as this is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    /// The pod's containers are not up yet.
    Pending,
    /// It runs.
    Running,
}

impl PodLifeTime {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        let mut old: Vec<&Pod> = Vec::new();
        for &node in &pass.nodes {
            for pod in pass.pods_on(node) {
                if pass.now.since(pod.creation()) > self.most
                    && self.has_state(pod)
                    && self.scope.takes(pass.spec(pod.class))
                    && pass.may_go(pod)
                    && pass.has_way_out(pod)
                {
                    old.push(pod);
                }
            }
        }
        old.sort_by_key(|pod| (pod.creation(), pod.pod));
        for pod in old {
            if pass.evict(pod) == Answer::TotalLimit {
                return;
            }
        }
    }

    fn has_state(&self, pod: &Pod) -> bool {
        let state = match pod.phase {
            PodPhase::Running => PodState::Running,
            _ => PodState::Pending,
        };
        self.states.is_empty() || self.states.contains(&state)
    }
}
