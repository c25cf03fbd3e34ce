//! Pods of workloads that go on as others, on the nodes that they move to while they run: none is lost and
//! none is made.

use model::PodRef;

use super::Workloads;
use super::part::PodPart;

impl Workloads {
    /// A pod goes on as another, which is ready once it runs.
    pub(super) fn arrived(&mut self, own: PodPart, pod: PodRef) {
        let known = self.remember(pod, own.role);
        (known.version, known.is_told) = (own.version, own.is_told);
    }
}
