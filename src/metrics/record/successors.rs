//! Pods that are submitted again under their name right after they lost their node, where the world
//! does so, or that go on elsewhere: their bindings are moves (metrics.md 5.4, churn).

use model::{EndReason, Event, Pod, PodName};
use units::{PodId, SortedSet};

/// Follows the successors of pods that lost their node.
#[derive(Clone, Debug, Default)]
pub struct Successors {
    /// The name of the pod that lost its node with the last change.
    lost: Option<PodName>,
    /// Successors that have no node yet.
    waiting: SortedSet<PodId>,
}

impl Successors {
    /// Follows a change and the pod that it is about; returns whether it binds a successor.
    #[inline]
    pub fn apply(&mut self, event: &Event, pod: Option<&Pod>) -> bool {
        if self.lost.is_some() {
            self.succeed(event);
        }
        match (event, pod) {
            (Event::PodBound { pod, .. }, _) => {
                !self.waiting.is_empty() && self.waiting.remove(&pod.id)
            }
            (Event::PodEnded { reason, .. }, Some(pod)) => {
                if !self.waiting.is_empty() {
                    self.waiting.remove(&pod.pod.id);
                }
                if *reason == EndReason::Moved || loses_node(*reason, pod) {
                    self.lost = Some(pod.name.clone());
                }
                false
            }
            _ => false,
        }
    }

    /// The change after a loss: it may be the pod that is submitted again. One that a workload owns is
    /// counted with its workload.
    #[cold]
    fn succeed(&mut self, event: &Event) {
        let lost = self.lost.take();
        if let Event::PodCreated(created) = event
            && created.owner.is_none()
            && lost.is_some_and(|lost| created.name == lost)
        {
            self.waiting.insert(created.pod.id);
        }
    }
}

/// Whether an end takes a pod's node away.
#[inline]
pub fn loses_node(reason: EndReason, pod: &Pod) -> bool {
    matches!(reason, EndReason::NodeLost | EndReason::Evicted(_)) && pod.phase.holds_node()
}
