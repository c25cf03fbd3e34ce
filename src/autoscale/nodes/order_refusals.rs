//! Pods that wait and for which an autoscaler orders no node, with the reasons.

use control::Outbox;
use model::{PodRef, Text};
use units::SortedMap;

/// Reasons as they were told last, by pod.
#[derive(Clone, Debug, Default)]
pub struct OrderRefusals {
    told: SortedMap<PodRef, Text>,
}

impl OrderRefusals {
    /// Tells the reasons that are new, and those that no longer hold.
    pub fn tell(&mut self, reasons: SortedMap<PodRef, Text>, out: &mut Outbox) {
        let over = self.told.keys().filter(|pod| !reasons.contains_key(pod));
        out.unprovided.extend(over.map(|pod| (*pod, None)));
        let told = &self.told;
        let new = reasons
            .iter()
            .filter(|(pod, why)| told.get(pod) != Some(*why));
        out.unprovided
            .extend(new.map(|(pod, why)| (*pod, Some(why.clone()))));
        self.told = reasons;
    }
}
