//! Events of pods on nodes (Karpenter's `nodeclaim/podevents`; spec: karpenter.md 3.13): a pod that no
//! daemon set owns is bound, ends, or is asked to terminate.

use model::PodRef;
use units::{Duration, Instant, NodeId, PodId, SortedMap};

/// Time after an event within which further ones are not noted.
const DEDUPLICATION: Duration = Duration::from_secs(10);

/// A pod's place.
#[derive(Clone, Copy, Debug)]
struct Place {
    pod: PodId,
    node: NodeId,
    /// Whether its end is an event of the node: not that of a daemon, nor of a pod asked to terminate before.
    is_event: bool,
}

/// Places of pods, and instants of the last events of nodes, or of their start.
#[derive(Clone, Debug, Default)]
pub(super) struct PodEvents {
    /// By node: the instant, and whether it is that of an event.
    nodes: SortedMap<NodeId, (Instant, bool)>,
    /// Place of each slot's pod.
    places: Vec<Option<Place>>,
}

impl PodEvents {
    /// A node started; events before count as well.
    pub(super) fn started(&mut self, node: NodeId, at: Instant) {
        if self.nodes.get(&node).is_none_or(|(_, is_event)| !is_event) {
            self.nodes.insert(node, (at, false));
        }
    }

    /// A pod was bound to a node.
    pub(super) fn took(&mut self, at: Instant, pod: PodRef, node: NodeId, is_daemon: bool) {
        let slot = pod.slot.index();
        if self.places.len() <= slot {
            self.places.resize(slot + 1, None);
        }
        if !is_daemon {
            self.touch(node, at);
        }
        self.places[slot] = Some(Place {
            pod: pod.id,
            node,
            is_event: !is_daemon,
        });
    }

    /// A pod is asked to terminate.
    pub(super) fn told_to_end(&mut self, at: Instant, pod: PodRef) {
        let place = self.places.get_mut(pod.slot.index());
        let place = place.and_then(Option::as_mut);
        if let Some(own) = place.filter(|own| own.pod == pod.id && own.is_event) {
            own.is_event = false;
            let node = own.node;
            self.touch(node, at);
        }
    }

    /// A pod is gone; the node that it was on.
    pub(super) fn lost(&mut self, at: Instant, pod: PodRef) -> Option<NodeId> {
        let place = self.places.get_mut(pod.slot.index())?;
        let own = place.take_if(|own| own.pod == pod.id)?;
        if own.is_event {
            self.touch(own.node, at);
        }
        Some(own.node)
    }

    /// An event of a node.
    fn touch(&mut self, node: NodeId, at: Instant) {
        let known = self.nodes.get(&node);
        let is_noted = known
            .is_some_and(|&(last, is_event)| is_event && at < last.saturating_add(DEDUPLICATION));
        if !is_noted {
            self.nodes.insert(node, (at, true));
        }
    }

    /// A node is gone.
    pub(super) fn left(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// The last event of a node, or else its start.
    pub(super) fn of(&self, node: NodeId) -> Instant {
        let known = self.nodes.get(&node);
        known.map_or(Instant::ZERO, |known| known.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_within_ten_seconds_of_another_is_not_noted() {
        let mut touched = PodEvents::default();
        let node = NodeId(0);
        let at = Instant::from_secs;
        touched.started(node, at(5));
        assert_eq!(touched.of(node), at(5));
        for (secs, expected) in [(6, 6), (15, 6), (16, 16), (25, 16), (30, 30)] {
            touched.touch(node, at(secs));
            assert_eq!(touched.of(node), at(expected), "{secs}");
        }
        touched.started(node, at(40));
        assert_eq!(touched.of(node), at(30));
    }
}
