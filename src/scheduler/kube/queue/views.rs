//! Views of the queue.

use super::{BackoffRule, Instant, PodUid, Queue, QueuedPod};
use units::SortedMap;

impl Queue {
    /// A pod in the queue.
    pub fn get(&self, pod: PodUid) -> Option<&QueuedPod> {
        self.pods.get(&pod)
    }

    /// All pods, by identity; pods in flight are among them.
    pub fn pods(&self) -> impl Iterator<Item = (PodUid, &QueuedPod)> {
        let pods = self.pods.iter().map(|(&uid, pod)| (uid, pod));
        let pods: SortedMap<PodUid, &QueuedPod> = pods.collect();
        pods.into_iter()
    }

    /// The pods that may be tried now, first one first.
    pub fn active(&self) -> impl Iterator<Item = PodUid> {
        self.active.iter().map(|&(_, uid)| uid)
    }

    /// The pods that a plugin rejected and that wait out their back-off, first one first.
    pub fn waiting_out(&self) -> impl Iterator<Item = (Instant, PodUid)> {
        self.waiting_out.iter().map(|&(at, _, uid)| (at, uid))
    }

    /// The pods that wait out their back-off after an error, first one first.
    pub fn after_errors(&self) -> impl Iterator<Item = (Instant, PodUid)> {
        self.after_errors.iter().map(|&(at, _, uid)| (at, uid))
    }

    /// The pods in flight, by identity; one that is gone meanwhile is among them.
    pub fn in_flight(&self) -> impl Iterator<Item = PodUid> {
        self.in_flight.pods()
    }

    /// Number of pods, those in flight included.
    pub fn len(&self) -> usize {
        self.pods.len()
    }

    /// Whether there is no pod at all.
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    /// Whether [`Queue::pop`] would give a pod.
    pub fn is_ready(&self) -> bool {
        let is_early = self.timing == BackoffRule::Early && !self.waiting_out.is_empty();
        is_early || !self.active.is_empty()
    }
}
