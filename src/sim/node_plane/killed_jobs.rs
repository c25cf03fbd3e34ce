//! Jobs that are killed at the limit of their run time: their processes end then as by themselves, and count as killed.

use arrivals::Arrival;
use control::node::Report;
use model::EndReason;
use units::{Identity, SortedSet};

/// Pods that are killed at their limits.
#[derive(Clone, Debug, Default)]
pub(super) struct KilledJobs {
    /// Parts of the workload whose jobs are.
    parts: SortedSet<u16>,
    pods: SortedSet<Identity>,
}

impl KilledJobs {
    /// No pods yet, of these parts of the workload.
    pub(super) fn new(parts: SortedSet<u16>) -> Self {
        Self {
            parts,
            pods: SortedSet::new(),
        }
    }

    /// A pod of an arrival was submitted. One whose run time reaches its limit is killed then.
    pub(super) fn submitted(&mut self, arrival: &Arrival, who: Identity) {
        if arrival.is_killed(&self.parts) {
            self.pods.insert(who);
        }
    }

    /// The report of a pod: that it ended by itself says that it was killed, if its limit ends it.
    pub(super) fn told(&mut self, report: Report, who: Identity) -> Report {
        match report {
            Report::Ended(pod, EndReason::Completed | EndReason::Error)
                if self.pods.remove(&who) =>
            {
                Report::Ended(pod, EndReason::TimeLimit)
            }
            other => other,
        }
    }
}
