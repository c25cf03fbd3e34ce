//! Quality of service: a pod's class, which decides about its memory, and the score by which the
//! kernel chooses its victim (spec: kubernetes.md part 4, orchestrators-b.md 10.6).

use super::resource_list::{CPU, MEMORY};
use super::{Container, PodSpec, ResourceList};

/// Least priority of a critical pod: it is not evicted when its node runs short.
pub const CRITICAL_PRIORITY: i32 = 2_000_000_000;

/// Least adjustment of a burstable container's score under the kubelet (spec: kubernetes.md part 4).
const LEAST_OF_BURSTABLE: i64 = 3;

/// A class of quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QosClass {
    /// Every container has limits of cpu and memory, and requests as much.
    Guaranteed,
    /// Something is requested or limited.
    Burstable,
    /// The pod has no requests and no limits.
    BestEffort,
}

impl QosClass {
    /// The class of a pod.
    pub fn of(spec: &PodSpec) -> Self {
        let names = [CPU, MEMORY];
        let containers = || spec.all_containers();
        let has = |list: &ResourceList, name: &str| list.get(name).milli_ceil().unwrap_or(1) > 0;
        let states = |own: &Container| {
            let mut names = names.iter();
            names.any(|name| has(&own.requests, name) || has(&own.limits, name))
        };
        // What is requested for the pod as a whole is its containers' (`ComputePodQOS`).
        let states_whole = names.iter().any(|name| has(&spec.pod_requests, name));
        if !states_whole && !containers().any(states) {
            return Self::BestEffort;
        }
        let is_exact = |own: &Container| {
            let mut names = names.iter();
            names.all(|name| {
                has(&own.limits, name) && own.limits.get(name) == own.requests.get(name)
            })
        };
        if containers().all(is_exact) {
            Self::Guaranteed
        } else {
            Self::Burstable
        }
    }

    /// The score adjustment of a container, by the memory that it requests and the capacity of its node, in bytes.
    pub fn oom_score_adj(self, request: i64, capacity: i64) -> i64 {
        self.oom_score_adj_from(LEAST_OF_BURSTABLE, request, capacity)
    }

    /// The adjustment of a container's score where that of a burstable one is `least` or more.
    pub fn oom_score_adj_from(self, least: i64, request: i64, capacity: i64) -> i64 {
        match self {
            Self::Guaranteed => -997,
            Self::BestEffort => 1000,
            Self::Burstable => {
                let part = i128::from(request) * 1000 / i128::from(capacity.max(1));
                let left = 1000 - i64::try_from(part).unwrap_or(i64::MAX).min(1_000_000);
                left.clamp(least, 999)
            }
        }
    }
}

/// The score of a process that uses so many bytes of a node's: the largest is killed first.
pub fn oom_score(usage: i64, capacity: i64, adjustment: i64) -> i64 {
    let part = i128::from(usage) * 1000 / i128::from(capacity.max(1));
    i64::try_from(part)
        .unwrap_or(i64::MAX)
        .saturating_add(adjustment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Quantity;

    const GIB: i64 = 1 << 30;

    fn container(requests: &[(&str, i64)], limits: &[(&str, i64)]) -> Container {
        let list = |pairs: &[(&str, i64)]| {
            let mut list = ResourceList::default();
            for &(name, amount) in pairs {
                list.set(name, Quantity::from_units(amount));
            }
            list
        };
        Container {
            requests: list(requests),
            limits: list(limits),
            ..Container::default()
        }
    }

    #[test]
    fn classes_follow_from_requests_and_limits() {
        let both = [("cpu", 1), ("memory", GIB)];
        for (containers, expected) in [
            (vec![container(&[], &[])], QosClass::BestEffort),
            (vec![container(&both, &both)], QosClass::Guaranteed),
            (vec![container(&both, &[])], QosClass::Burstable),
            (
                vec![container(&both, &both), container(&[], &[])],
                QosClass::Burstable,
            ),
            (vec![container(&[("cpu", 1)], &both)], QosClass::Burstable),
        ] {
            let spec = PodSpec {
                containers,
                ..PodSpec::default()
            };
            assert_eq!(QosClass::of(&spec), expected);
        }
    }

    #[test]
    fn scores_are_those_of_the_worked_examples() {
        let burstable =
            |request, capacity| QosClass::Burstable.oom_score_adj(request * GIB, capacity * GIB);
        assert_eq!((burstable(1, 8), burstable(4, 64)), (875, 938));
        assert_eq!((burstable(64, 64), burstable(0, 64)), (3, 999));
        assert_eq!(oom_score(2 * GIB, 8 * GIB, 875), 1125);
    }
}
