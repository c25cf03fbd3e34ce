//! Budgets of disruption and the eviction API that honours them (spec: kubernetes.md 2.9).

use model::Text;
use model::workload::disruption_budget::BudgetStatus;
use model::workload::{BudgetLimit, Count, ObservedPod, PodDisruptionBudget, UnhealthyPodEviction};
use units::{Duration, Instant, SortedMap};

/// Time for which a granted disruption counts while its pod is still there.
pub const DELETION_TIMEOUT: Duration = Duration::from_secs(120);

/// Greatest number of granted disruptions that a budget remembers.
pub const MOST_DISRUPTED: usize = 2_000;

/// A pod that a budget selects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BudgetPod {
    /// Observed state of the budget pod.
    pub pod: ObservedPod,
    /// The object that controls the budget pod at the top, as the budget counts: a deployment for
    /// pods of its replica sets.
    pub controller: Option<Text>,
}

/// Computes a budget's status from the pods that it selects and the wanted sizes of their
/// controllers. Pods without a controller count for nothing where the size matters; a controller
/// without a size stops all disruptions.
pub fn sync(
    now: Instant,
    budget: &PodDisruptionBudget,
    pods: &[BudgetPod],
    scales: &SortedMap<Text, i32>,
) -> BudgetStatus {
    let controllers = pods.iter().filter_map(|pod| pod.controller.as_ref());
    let controllers: units::SortedSet<&Text> = controllers.collect();
    let scale = || {
        let mut scales = controllers.iter().map(|name| scales.get(*name).copied());
        scales.try_fold(0_i32, |sum, own| Some(sum.saturating_add(own?)))
    };
    let counted = match budget.limit {
        BudgetLimit::MinAvailable(Count::Number(number)) => Some((pods.len() as i32, number)),
        BudgetLimit::MinAvailable(part) => scale().map(|scale| (scale, part.rounded_up(scale))),
        BudgetLimit::MaxUnavailable(most) => {
            scale().map(|scale| (scale, (scale - most.rounded_up(scale)).max(0)))
        }
    };
    let Some((expected, desired)) = counted else {
        return BudgetStatus {
            disruptions_allowed: 0,
            sync_failed: true,
            is_current: true,
            ..budget.status.clone()
        };
    };
    let disrupted = still_disrupted(now, &budget.status.disrupted, pods);
    let healthy = pods.iter().filter(|pod| {
        let granted = disrupted.get(&pod.pod.name);
        let leaves = granted.is_some_and(|since| since.saturating_add(DELETION_TIMEOUT) > now);
        !pod.pod.is_terminating && !leaves && pod.pod.is_ready()
    });
    let healthy = healthy.count() as i32;
    let allowed = if expected > 0 {
        (healthy - desired).max(0)
    } else {
        0
    };
    BudgetStatus {
        disruptions_allowed: allowed,
        current_healthy: healthy,
        desired_healthy: desired,
        expected_pods: expected,
        disrupted,
        is_current: true,
        sync_failed: false,
    }
}

fn still_disrupted(
    now: Instant,
    disrupted: &SortedMap<Text, Instant>,
    pods: &[BudgetPod],
) -> SortedMap<Text, Instant> {
    let standing = pods.iter().filter(|pod| !pod.pod.is_terminating);
    let granted = standing.filter_map(|pod| disrupted.get_key_value(&pod.pod.name));
    granted
        .filter(|(_, since)| since.saturating_add(DELETION_TIMEOUT) >= now)
        .map(|(name, since)| (name.clone(), *since))
        .collect()
}

/// Instant at which a budget must be looked at again because a granted disruption lapses.
pub fn recheck(status: &BudgetStatus) -> Option<Instant> {
    let first = status.disrupted.values().min()?;
    Some(first.saturating_add(DELETION_TIMEOUT))
}

/// Answer of the eviction API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvictionAnswer {
    /// The pod is deleted; no budget is charged.
    Deleted,
    /// The pod is deleted; its budget has this status now.
    Charged(BudgetStatus),
    /// Not now (429); try again later.
    TooManyRequests,
    /// More than one budget selects the pod (500).
    SeveralBudgets,
}

/// Asks to evict a pod that these budgets select.
pub fn evict(now: Instant, pod: &ObservedPod, budgets: &[&PodDisruptionBudget]) -> EvictionAnswer {
    use model::workload::ObservedPhase::Pending;
    if pod.is_terminating || pod.phase.is_terminal() || pod.phase == Pending {
        return EvictionAnswer::Deleted;
    }
    let budget = match budgets {
        [] => return EvictionAnswer::Deleted,
        [budget] => budget,
        _ => return EvictionAnswer::SeveralBudgets,
    };
    let status = &budget.status;
    if !pod.is_ready() {
        let is_spare =
            status.current_healthy >= status.desired_healthy && status.desired_healthy > 0;
        if budget.unhealthy == UnhealthyPodEviction::AlwaysAllow || is_spare {
            return EvictionAnswer::Deleted;
        }
    }
    let is_full = status.disrupted.len() >= MOST_DISRUPTED;
    if !status.is_current || status.disruptions_allowed <= 0 || is_full {
        return EvictionAnswer::TooManyRequests;
    }
    let mut status = status.clone();
    status.disruptions_allowed -= 1;
    status.disrupted.insert(pod.name.clone(), now);
    EvictionAnswer::Charged(status)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use model::workload::{ObservedPhase, Readiness};

    fn pod(name: &str, is_ready: bool) -> BudgetPod {
        BudgetPod {
            pod: ObservedPod {
                name: name.into(),
                phase: ObservedPhase::Running,
                readiness: Some(Readiness {
                    is_ready,
                    since: None,
                }),
                ..ObservedPod::default()
            },
            controller: Some("web".into()),
        }
    }

    fn budget(limit: BudgetLimit) -> PodDisruptionBudget {
        PodDisruptionBudget {
            limit,
            ..PodDisruptionBudget::default()
        }
    }

    fn scales(replicas: i32) -> SortedMap<Text, i32> {
        [("web".into(), replicas)].into()
    }

    #[test]
    fn thirty_percent_of_five_is_two() {
        let budget = budget(BudgetLimit::MaxUnavailable(Count::Percent(30)));
        let pods: Vec<BudgetPod> = ["a", "b", "c", "d", "e"].map(|name| pod(name, true)).into();
        let status = sync(Instant::ZERO, &budget, &pods, &scales(5));
        assert_eq!((status.desired_healthy, status.disruptions_allowed), (3, 2));
    }

    #[test]
    fn a_budget_without_pods_allows_nothing_and_an_unknown_owner_stops_all() {
        let empty = budget(BudgetLimit::MaxUnavailable(Count::Number(1)));
        assert_eq!(
            sync(Instant::ZERO, &empty, &[], &scales(3)).disruptions_allowed,
            0
        );
        let status = sync(Instant::ZERO, &empty, &[pod("a", true)], &SortedMap::new());
        assert!(status.sync_failed && status.disruptions_allowed == 0);
    }

    #[test]
    fn evictions_are_answered_as_the_api_does() {
        let mut budget = budget(BudgetLimit::MinAvailable(Count::Number(1)));
        let ready = pod("a", true).pod;
        let unready = pod("b", false).pod;
        assert_eq!(evict(Instant::ZERO, &ready, &[]), EvictionAnswer::Deleted);
        assert_eq!(
            evict(Instant::ZERO, &ready, &[&budget, &budget]),
            EvictionAnswer::SeveralBudgets
        );
        assert_eq!(
            evict(Instant::ZERO, &ready, &[&budget]),
            EvictionAnswer::TooManyRequests
        );
        budget.status = BudgetStatus {
            current_healthy: 1,
            desired_healthy: 1,
            is_current: true,
            ..BudgetStatus::default()
        };
        assert_eq!(
            evict(Instant::ZERO, &unready, &[&budget]),
            EvictionAnswer::Deleted
        );
        budget.status.current_healthy = 0;
        assert_eq!(
            evict(Instant::ZERO, &unready, &[&budget]),
            EvictionAnswer::TooManyRequests
        );
        budget.unhealthy = UnhealthyPodEviction::AlwaysAllow;
        assert_eq!(
            evict(Instant::ZERO, &unready, &[&budget]),
            EvictionAnswer::Deleted
        );
        let pending = ObservedPod {
            phase: ObservedPhase::Pending,
            ..ready
        };
        assert_eq!(
            evict(Instant::ZERO, &pending, &[&budget]),
            EvictionAnswer::Deleted
        );
    }

    proptest! {
        /// However often evictions are asked for, voluntary disruptions never break the budget.
        #[test]
        fn budgets_are_never_broken(
            count in 1..12_usize,
            least in 0..12_i32,
            asks in proptest::collection::vec((0..12_usize, 1..60_i64, any::<bool>()), 1..80),
        ) {
            let mut budget = budget(BudgetLimit::MinAvailable(Count::Number(least)));
            let mut pods: Vec<BudgetPod> =
                (0..count).map(|number| pod(&format!("p{number}"), true)).collect();
            let mut now = Instant::ZERO;
            for (who, gap, syncs) in asks {
                now = now.saturating_add(Duration::from_secs(gap));
                if syncs {
                    budget.status = sync(now, &budget, &pods, &scales(count as i32));
                }
                let Some(place) = (!pods.is_empty()).then(|| who % pods.len()) else { break };
                if let EvictionAnswer::Charged(status) = evict(now, &pods[place].pod, &[&budget]) {
                    budget.status = status;
                    pods.remove(place);
                    prop_assert!(pods.len() as i32 >= least, "{} left of {least}", pods.len());
                }
            }
        }
    }
}
