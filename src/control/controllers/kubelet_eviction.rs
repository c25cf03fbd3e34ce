//! The order in which a kubelet evicts pods when its node runs short (spec: kubernetes.md part 4).

use std::cmp::Ordering;

use model::Text;
use units::Duration;

/// Time between two looks at the thresholds.
pub const PERIOD: Duration = Duration::from_secs(10);

/// Least time for which a pressure is reported.
pub const PRESSURE_HOLD: Duration = Duration::from_secs(300);

/// Resource under pressure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvictionSignal {
    /// Memory.
    Memory,
    /// Storage of the node.
    Disk,
    /// Process numbers.
    Pid,
}

/// A pod that may be evicted: neither static nor critical.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvictionCandidate {
    /// The pod's name.
    pub name: Text,
    /// The pod's priority.
    pub priority: i32,
    /// The pod's request of the resource, in bytes.
    pub request: i64,
    /// Usage of the pod; `None` if there are no statistics.
    pub usage: Option<CandidateUsage>,
}

/// Usage of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CandidateUsage {
    /// Bytes of the resource.
    pub bytes: i64,
    /// Processes.
    pub processes: u64,
}

/// Whether a pod goes before another; `Equal` where the original leaves it open. Pods without
/// statistics go first, then those above their request, lower priorities, larger excess; for
/// process numbers lower priorities, then more processes.
pub fn compare(
    signal: EvictionSignal,
    one: &EvictionCandidate,
    other: &EvictionCandidate,
) -> Ordering {
    let by_statistics = one.usage.is_some().cmp(&other.usage.is_some());
    let by_priority = one.priority.cmp(&other.priority);
    if signal == EvictionSignal::Pid {
        let processes = |pod: &EvictionCandidate| pod.usage.map(|usage| usage.processes);
        let by_processes = || processes(other).cmp(&processes(one));
        return by_priority.then(by_statistics).then_with(by_processes);
    }
    let excess = |pod: &EvictionCandidate| pod.usage.map(|usage| usage.bytes - pod.request);
    let is_above = |pod: &EvictionCandidate| excess(pod) > Some(0);
    by_statistics
        .then_with(|| is_above(other).cmp(&is_above(one)))
        .then(by_priority)
        .then_with(|| excess(other).cmp(&excess(one)))
}

/// Places of the pods in the order in which they are evicted, one a pass; equals by place.
pub fn rank(signal: EvictionSignal, pods: &[EvictionCandidate]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..pods.len()).collect();
    order.sort_by(|&one, &other| compare(signal, &pods[one], &pods[other]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(priority: i32, request: i64, bytes: i64, processes: u64) -> EvictionCandidate {
        EvictionCandidate {
            name: "p".into(),
            priority,
            request,
            usage: Some(CandidateUsage { bytes, processes }),
        }
    }

    #[test]
    fn those_above_their_request_go_first() {
        let silent = EvictionCandidate {
            usage: None,
            ..pod(9, 0, 0, 0)
        };
        let pods = [
            pod(0, 10, 5, 9),
            pod(5, 10, 11, 1),
            pod(5, 10, 90, 1),
            silent,
        ];
        assert_eq!(rank(EvictionSignal::Memory, &pods), [3, 2, 1, 0]);
        assert_eq!(rank(EvictionSignal::Pid, &pods), [0, 1, 2, 3]);
    }
}
