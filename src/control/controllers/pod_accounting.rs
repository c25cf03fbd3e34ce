//! Accounts of a pod: its class of service, the kernel's preference when memory runs out, its usage
//! of quotas (spec: kubernetes.md part 4 and 2.10).

pub use crate::admission::quota::is_charged;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{Container, PodSpec, ResourceList, Text};
use units::{Quantity, QuantityError, SortedSet};

/// Class of service of a pod when resources run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QosClass {
    /// It asks for nothing.
    BestEffort,
    /// It asks for something.
    Burstable,
    /// It asks for exactly what it may use.
    Guaranteed,
}

/// The score of pods of the class `Guaranteed` and of critical ones.
const GUARANTEED_SCORE: i64 = -997;
/// The score of pods of the class `BestEffort`.
const BEST_EFFORT_SCORE: i64 = 1_000;
/// From this priority on a pod is critical for its node.
const NODE_CRITICAL_PRIORITY: i32 = 2_000_001_000;

/// The class of a pod: by processor and memory of its app and init containers.
///
/// # Errors
/// If a sum overflows.
pub fn qos_class(spec: &PodSpec) -> Result<QosClass, QuantityError> {
    let served = [CPU, MEMORY];
    let (mut requests, mut limits) = (ResourceList::default(), ResourceList::default());
    let mut has_all_limits = true;
    for container in spec.containers.iter().chain(&spec.init_containers) {
        for name in served {
            for (sums, amounts) in [
                (&mut requests, &container.requests),
                (&mut limits, &container.limits),
            ] {
                let amount = amounts.get(name);
                if amount > Quantity::ZERO {
                    sums.add(&ResourceList::from_pairs([(name, amount)]))?;
                }
            }
            has_all_limits &= container.limits.get(name) > Quantity::ZERO;
        }
    }
    Ok(if requests.is_empty() && limits.is_empty() {
        QosClass::BestEffort
    } else if has_all_limits && requests == limits {
        QosClass::Guaranteed
    } else {
        QosClass::Burstable
    })
}

/// The `oom_score_adj` of a container of a pod on a node of so many bytes of memory: the higher, the
/// sooner the kernel kills it.
///
/// # Errors
/// If an amount is out of range.
pub fn oom_score(
    spec: &PodSpec,
    container: &Container,
    capacity: i64,
) -> Result<i64, QuantityError> {
    if spec.priority >= NODE_CRITICAL_PRIORITY {
        return Ok(GUARANTEED_SCORE);
    }
    match qos_class(spec)? {
        QosClass::Guaranteed => return Ok(GUARANTEED_SCORE),
        QosClass::BestEffort => return Ok(BEST_EFFORT_SCORE),
        QosClass::Burstable => {}
    }
    let request = |container: &Container| container.requests.get(MEMORY).units_ceil();
    let score_of = |bytes: i64| {
        let thousandths = i128::from(bytes) * 1_000 / i128::from(capacity.max(1));
        1_000 - i64::try_from(thousandths).unwrap_or(i64::MAX)
    };
    let mut score = score_of(request(container)?);
    if container.restartable {
        // A sidecar lives at least as long as the app containers that it serves.
        let smallest = spec.containers.iter().map(request);
        let smallest = smallest.collect::<Result<Vec<i64>, _>>()?.into_iter().min();
        score = score.min(score_of(smallest.unwrap_or(0)));
    }
    let least = 1_000 + GUARANTEED_SCORE;
    Ok(score.clamp(least, BEST_EFFORT_SCORE - 1))
}

/// Quota usage of a pod, by quota names.
///
/// # Errors
/// If a sum overflows.
pub fn quota_usage(spec: &PodSpec, is_charged: bool) -> Result<ResourceList, QuantityError> {
    let mut usage = ResourceList::from_pairs([("count/pods", Quantity::from_units(1))]);
    if !is_charged {
        return Ok(usage);
    }
    usage.set(PODS, Quantity::from_units(1));
    for (name, amount) in spec.requests()?.iter() {
        let is_plain = [CPU, MEMORY, EPHEMERAL_STORAGE].contains(&name);
        if is_plain || name.starts_with("hugepages-") {
            usage.set(name, amount);
            usage.set(&format!("requests.{name}"), amount);
        } else if is_extended(name) {
            usage.set(&format!("requests.{name}"), amount);
        }
    }
    for (name, amount) in limits(spec)?.iter() {
        if [CPU, MEMORY, EPHEMERAL_STORAGE].contains(&name) {
            usage.set(&format!("limits.{name}"), amount);
        }
    }
    Ok(usage)
}

/// Whether a resource is one that a vendor adds: of a domain other than Kubernetes' own.
fn is_extended(name: &str) -> bool {
    let domain = name.split_once('/').map(|(domain, _)| domain);
    domain.is_some_and(|domain| {
        !domain.ends_with("kubernetes.io") && !domain.starts_with("requests.")
    })
}

/// Limits of a pod: computed like its requests, but overhead is added only where there is a limit.
fn limits(spec: &PodSpec) -> Result<ResourceList, QuantityError> {
    let limited = |containers: &[Container]| -> Vec<Container> {
        let containers = containers.iter();
        containers
            .map(|container| Container {
                requests: container.limits.clone(),
                ..container.clone()
            })
            .collect()
    };
    let stated = PodSpec {
        containers: limited(&spec.containers),
        init_containers: limited(&spec.init_containers),
        ..PodSpec::default()
    };
    let mut limits = stated.requests()?;
    let names: SortedSet<Text> = spec.overhead.iter().map(|(name, _)| name.into()).collect();
    for name in names {
        let limit = limits.get(&name);
        if !limit.is_zero() {
            limits.set(&name, limit.checked_add(spec.overhead.get(&name))?);
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use model::workload::ObservedPhase;
    use units::{Duration, Instant};

    use super::*;

    fn container(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Container {
        let list = |pairs: &[(&str, &str)]| {
            let mut list = ResourceList::default();
            for (name, amount) in pairs {
                list.set(name, amount.parse().expect(amount));
            }
            list
        };
        Container {
            requests: list(requests),
            limits: list(limits),
            ..Container::default()
        }
    }

    fn pod(containers: Vec<Container>) -> PodSpec {
        PodSpec {
            containers,
            ..PodSpec::default()
        }
    }

    #[test]
    fn classes_follow_requests_and_limits() {
        let all = [("cpu", "1"), ("memory", "1Gi")];
        for (containers, expected) in [
            (vec![container(&[], &[])], QosClass::BestEffort),
            (vec![container(&[("cpu", "1")], &[])], QosClass::Burstable),
            (vec![container(&all, &all)], QosClass::Guaranteed),
            (
                vec![container(&all, &all), container(&[], &[])],
                QosClass::Burstable,
            ),
            (
                vec![container(&[("example.com/x", "1")], &[])],
                QosClass::BestEffort,
            ),
        ] {
            assert_eq!(qos_class(&pod(containers)), Ok(expected));
        }
    }

    #[test]
    fn a_gibibyte_of_eight_scores_875() {
        let spec = pod(vec![container(&[("memory", "1Gi")], &[])]);
        assert_eq!(oom_score(&spec, &spec.containers[0], 8 << 30), Ok(875));
        let mut with_sidecar = spec.clone();
        with_sidecar.init_containers = vec![Container {
            restartable: true,
            ..container(&[], &[])
        }];
        let sidecar = &with_sidecar.init_containers[0];
        assert_eq!(oom_score(&with_sidecar, sidecar, 8 << 30), Ok(875));
        let critical = PodSpec {
            priority: NODE_CRITICAL_PRIORITY,
            ..spec
        };
        assert_eq!(
            oom_score(&critical, &critical.containers[0], 8 << 30),
            Ok(-997)
        );
    }

    #[test]
    fn ended_pods_count_by_number_only() {
        let spec = pod(vec![container(&[("cpu", "1")], &[("cpu", "2")])]);
        assert_eq!(quota_usage(&spec, false).map(|usage| usage.len()), Ok(1));
        let usage = quota_usage(&spec, true).expect("small amounts");
        assert_eq!(usage.get("limits.cpu").to_string(), "2");
        let deleted = Some(Instant::ZERO);
        let grace = Some(Duration::from_secs(30));
        let running = ObservedPhase::Running;
        assert!(is_charged(Instant::from_secs(30), running, deleted, grace));
        assert!(!is_charged(Instant::from_secs(31), running, deleted, grace));
    }
}
