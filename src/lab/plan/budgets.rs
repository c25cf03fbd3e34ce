//! Disruption budgets of a cluster, and whether they let a pod go.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::snapshot::Snapshot;
use control::controllers::disruption::{EvictionAnswer, evict};
use k8s::ManifestPod;
use model::workload::disruption_budget::BudgetStatus;
use model::workload::{BudgetLimit, ObservedPhase, ObservedPod, PodDisruptionBudget, Readiness};
use model::{PodSpec, Text};
use units::{Instant, SortedMap, SortedSet};

/// Disruption budget of a cluster.
#[derive(Clone, Debug)]
pub struct Budget {
    /// `NAMESPACE/NAME`.
    pub name: Text,
    /// Number of its pods that may be disrupted at once.
    pub allowed: i64,
    /// The budget with the status that follows from the pods of the dump.
    object: PodDisruptionBudget,
}

/// Answer to the question whether a pod may be evicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may go, and no budget is charged for it.
    Free,
    /// It may go while its budget lasts.
    Charged,
    /// It keeps its node, for this reason.
    Refused(Text),
}

impl Budget {
    /// Whether the budget covers pods of a spec.
    pub fn covers(&self, spec: &PodSpec) -> bool {
        let selector = self.object.selector.as_ref();
        self.object.namespace == spec.namespace
            && selector.is_some_and(|selector| selector.matches(&spec.labels))
    }
}

/// The answer of the eviction API about a pod (`EvictionREST.Create`).
pub fn leave(budgets: &[Budget], pod: &ManifestPod) -> Leave {
    let covering: Vec<&Budget> = budgets.iter().filter(|own| own.covers(&pod.spec)).collect();
    let objects: Vec<&PodDisruptionBudget> = covering.iter().map(|own| &own.object).collect();
    let observed = ObservedPod {
        name: pod.name.clone(),
        phase: if pod.is_up() {
            ObservedPhase::Running
        } else {
            ObservedPhase::Pending
        },
        readiness: Some(Readiness {
            is_ready: pod.is_healthy(),
            since: None,
        }),
        is_terminating: pod.is_terminating,
        ..ObservedPod::default()
    };
    let names = || {
        let names = covering.iter().map(|own| format!("`{}`", own.name));
        names.collect::<Vec<String>>().join(" and ")
    };
    match evict(Instant::ZERO, &observed, &objects) {
        EvictionAnswer::Deleted => Leave::Free,
        EvictionAnswer::Charged(_) => Leave::Charged,
        EvictionAnswer::TooManyRequests => {
            Leave::Refused(format!("the disruption budget {} allows no disruption", names()).into())
        }
        EvictionAnswer::SeveralBudgets => Leave::Refused(
            format!(
                "several disruption budgets cover it ({}), so that no eviction is granted",
                names()
            )
            .into(),
        ),
    }
}

/// Spec of pods by its address, and the owner that wants a number of them.
type PodsAlike<'p> = (usize, Option<(&'p str, i32)>);

/// The budgets of a cluster. The number of pods that may be disrupted follows from the pods that are
/// ready: the dump may be older than the status of its budgets. Pods that a workload wants and lacks count, as
/// the disruption controller has it (`getExpectedPodCount`).
pub fn budgets(snapshot: &Snapshot) -> Vec<Budget> {
    // Pods of equal specs are covered alike.
    let mut counts: IndexMap<PodsAlike<'_>, Counted<'_>, FxBuildHasher> = IndexMap::default();
    for pod in &snapshot.pods {
        if pod.phase.is_final() || pod.is_terminating {
            continue;
        }
        let owner = pod.controller.as_ref();
        let wanted = owner.and_then(|own| snapshot.declared.wanted(pod.namespace(), own));
        let key = (Arc::as_ptr(&pod.spec).addr(), wanted);
        let counted = counts.entry(key).or_insert(Counted {
            spec: &pod.spec,
            expected: 0,
            healthy: 0,
        });
        counted.expected += 1;
        counted.healthy += i32::from(pod.is_healthy());
    }
    let mut by_namespace: SortedMap<&Text, Vec<(PodsAlike<'_>, Counted<'_>)>> = SortedMap::new();
    for own in counts {
        let namespace = &own.1.spec.namespace;
        by_namespace.entry(namespace).or_default().push(own);
    }
    let declared = snapshot.declared.budgets.iter();
    let budgets = declared.filter_map(|own| {
        let mut budget = Budget {
            name: format!("{}/{}", own.namespace, own.name).into(),
            allowed: 0,
            object: (**own).clone(),
        };
        budget.object.selector.as_ref()?;
        let (mut expected, mut healthy) = (0, 0);
        let mut workloads: SortedSet<(&str, i32)> = SortedSet::new();
        let counts = by_namespace.get(&own.namespace).into_iter().flatten();
        for ((_, wanted), counted) in counts.filter(|own| budget.covers(own.1.spec)) {
            match wanted {
                Some(workload) => _ = workloads.insert(*workload),
                None => expected += counted.expected,
            }
            healthy += counted.healthy;
        }
        expected += workloads.iter().map(|(_, replicas)| replicas).sum::<i32>();
        let desired = match own.limit {
            BudgetLimit::MinAvailable(least) => least.rounded_up(expected),
            BudgetLimit::MaxUnavailable(most) => (expected - most.rounded_up(expected)).max(0),
        };
        let allowed = (healthy - desired).max(0);
        budget.allowed = i64::from(allowed);
        budget.object.status = BudgetStatus {
            disruptions_allowed: allowed,
            current_healthy: healthy,
            desired_healthy: desired,
            expected_pods: expected,
            is_current: true,
            ..BudgetStatus::default()
        };
        Some(budget)
    });
    budgets.collect()
}

/// Pods of equal specs.
struct Counted<'s> {
    spec: &'s PodSpec,
    expected: i32,
    healthy: i32,
}
