//! The descheduler of a scenario.

use std::sync::Arc;

use autoscale::descheduler::{
    DeschedulerOptions, EvictionLimits, EvictorOptions, HighNodeUtilization, LowNodeUtilization,
    PodLifeTime, PodState, RemoveDuplicates, RemovePodsHavingTooManyRestarts,
    RemovePodsViolatingInterPodAntiAffinity, RemovePodsViolatingNodeAffinity,
    RemovePodsViolatingNodeTaints, RemovePodsViolatingTopologySpread, Scope, Shares, Strategy,
};
use model::{LabelSelector, Object, Operator, Requirement, Text};
use scenario::Scenario;
use scenario::schema::{self, NodeAffinityType, PodLifeState, SpreadConstraint};
use systems::KubeRequest;
use units::nearest::hint;

use super::BuildError;
use units::SortedMap;

/// Field of the descheduler.
const FIELD: &str = "system.descheduling";

/// Settings of a scenario's descheduler, if it has one.
pub fn descheduling(
    scenario: &Scenario,
    kube: &KubeRequest,
) -> Result<Option<DeschedulerOptions>, BuildError> {
    let Some(own) = &scenario.system.descheduling else {
        return Ok(None);
    };
    if scenario.system.controllers.is_none() {
        return wrong(format!(
            "{FIELD}: no controller would recreate the evicted pods; write `controllers: {{}}` \
             under `system`"
        ));
    }
    if scenario.stop.at.is_none() {
        return wrong(
            "stop: a descheduler never stops, so the run might not end; set its end, such as \
             `stop: {at: 24h}`"
                .to_owned(),
        );
    }
    if own.strategies.is_empty() {
        return wrong(format!(
            "{FIELD}.strategies: there are none, so it would do nothing; write one, such as \
             `RemoveDuplicates: {{}}`"
        ));
    }
    let evictor = &own.evictor;
    Ok(Some(DeschedulerOptions {
        interval: own.interval,
        limits: EvictionLimits {
            per_node: own.max_pods_per_node,
            per_namespace: own.max_pods_per_namespace,
            total: own.max_pods,
        },
        evictor: EvictorOptions {
            priority_threshold: evictor.priority_threshold,
            evicts_critical: evictor.evict_system_critical_pods,
            evicts_daemons: evictor.evict_daemon_set_pods,
            evicts_local_storage: evictor.evict_local_storage_pods,
            keeps_claims: evictor.ignore_pvc_pods,
            keeps_without_budget: evictor.ignore_pods_without_pdb,
            node_fit: evictor.node_fit,
            selector: selector(&evictor.match_labels),
            min_replicas: evictor.min_replicas.unwrap_or(0),
            min_pod_age: evictor.min_pod_age,
        },
        strategies: strategies(&own.strategies)?,
        namespaces: Arc::new(kube.objects.namespaces.clone()),
    }))
}

fn wrong<T>(what: String) -> Result<T, BuildError> {
    Err(BuildError::Experiment(what))
}

/// The strategies, those of single pods first.
fn strategies(own: &schema::Strategies) -> Result<Vec<Strategy>, BuildError> {
    let mut strategies = Vec::new();
    if let Some(own) = &own.remove_pods_violating_node_taints {
        strategies.push(Strategy::NodeTaints(RemovePodsViolatingNodeTaints {
            excluded: texts(&own.excluded_taints),
            includes_preferred: own.include_prefer_no_schedule,
            scope: scope(own.namespaces.as_ref(), &own.match_labels),
        }));
    }
    if let Some(own) = &own.remove_pods_violating_node_affinity {
        let has = |what| own.node_affinity_type.contains(&what);
        strategies.push(Strategy::NodeAffinity(RemovePodsViolatingNodeAffinity {
            required: has(NodeAffinityType::Required),
            preferred: has(NodeAffinityType::Preferred),
            scope: scope(own.namespaces.as_ref(), &own.match_labels),
        }));
    }
    if let Some(own) = &own.remove_pods_violating_inter_pod_anti_affinity {
        let scope = scope(own.namespaces.as_ref(), &own.match_labels);
        let own = RemovePodsViolatingInterPodAntiAffinity { scope };
        strategies.push(Strategy::PodAntiAffinity(own));
    }
    if let Some(own) = &own.remove_pods_having_too_many_restarts {
        strategies.push(Strategy::Restarts(RemovePodsHavingTooManyRestarts {
            threshold: own.pod_restart_threshold,
            includes_init: own.including_init_containers,
            scope: scope(own.namespaces.as_ref(), &own.match_labels),
        }));
    }
    if let Some(own) = &own.pod_life_time {
        let states = own.states.iter().map(|state| match state {
            PodLifeState::Pending => PodState::Pending,
            PodLifeState::Running => PodState::Running,
        });
        strategies.push(Strategy::LifeTime(PodLifeTime {
            most: own.max_pod_life_time,
            states: states.collect(),
            scope: scope(own.namespaces.as_ref(), &own.match_labels),
        }));
    }
    balancing(own, &mut strategies)?;
    Ok(strategies)
}

/// The strategies that balance.
fn balancing(own: &schema::Strategies, strategies: &mut Vec<Strategy>) -> Result<(), BuildError> {
    if let Some(own) = &own.remove_duplicates {
        for kind in &own.exclude_owner_kinds {
            if !Object::KINDS.contains(&kind.as_str()) {
                let hint = hint(kind, Object::KINDS.iter().copied());
                return wrong(format!(
                    "{FIELD}.strategies.RemoveDuplicates.excludeOwnerKinds: there is no kind \
                     `{kind}`; {hint}"
                ));
            }
        }
        strategies.push(Strategy::Duplicates(RemoveDuplicates {
            excluded_kinds: texts(&own.exclude_owner_kinds),
            scope: scope(own.namespaces.as_ref(), &SortedMap::new()),
        }));
    }
    if let Some(own) = &own.remove_pods_violating_topology_spread_constraint {
        strategies.push(Strategy::TopologySpread(
            RemovePodsViolatingTopologySpread {
                includes_soft: own.constraints.contains(&SpreadConstraint::ScheduleAnyway),
                balances_by_fit: own.topology_balance_node_fit,
                scope: scope(own.namespaces.as_ref(), &own.match_labels),
            },
        ));
    }
    let excluded = |own: Option<&schema::ExcludedNamespaces>| {
        own.map_or_else(Vec::new, |own| texts(&own.exclude))
    };
    if let Some(own) = &own.low_node_utilization {
        let field = format!("{FIELD}.strategies.LowNodeUtilization");
        let thresholds = shares(&own.thresholds, &format!("{field}.thresholds"))?;
        let targets = shares(&own.target_thresholds, &format!("{field}.targetThresholds"))?;
        if !thresholds.keys().eq(targets.keys()) {
            return wrong(format!(
                "{field}.targetThresholds: expected the resources of `thresholds`, {}, found {}",
                names(&thresholds),
                names(&targets)
            ));
        }
        let mut both = thresholds.iter().zip(&targets);
        if let Some(((name, low), (_, high))) =
            both.find(|((_, low), (_, high))| low > high && !own.use_deviation_thresholds)
        {
            return wrong(format!(
                "{field}.thresholds: {name} is {} %, above its target of {} %; a node would be \
                 underutilized and overutilized at once",
                percent(*low),
                percent(*high)
            ));
        }
        strategies.push(Strategy::LowUtilization(LowNodeUtilization {
            thresholds,
            targets,
            by_deviation: own.use_deviation_thresholds,
            number_of_nodes: own.number_of_nodes as usize,
            excluded: excluded(own.evictable_namespaces.as_ref()),
        }));
    }
    if let Some(own) = &own.high_node_utilization {
        let field = format!("{FIELD}.strategies.HighNodeUtilization.thresholds");
        strategies.push(Strategy::HighUtilization(HighNodeUtilization {
            thresholds: shares(&own.thresholds, &field)?,
            number_of_nodes: own.number_of_nodes as usize,
            excluded: excluded(own.evictable_namespaces.as_ref()),
        }));
    }
    Ok(())
}

/// Percentages as millionths.
fn shares(written: &SortedMap<String, f64>, field: &str) -> Result<Shares, BuildError> {
    const KNOWN: [&str; 3] = ["cpu", "memory", "pods"];
    let mut shares = Shares::new();
    for (name, &percent) in written {
        if !(0.0..=100.0).contains(&percent) {
            return wrong(format!(
                "{field}.{name}: expected percent from 0 to 100, found `{percent}`"
            ));
        }
        if !KNOWN.contains(&name.as_str()) && !name.contains('/') {
            return wrong(format!(
                "{field}: expected `cpu`, `memory`, `pods` or a device such as `example.com/gpu`, \
                 found `{name}`; {}",
                hint(name, KNOWN)
            ));
        }
        shares.insert(name.as_str().into(), libm::rint(percent * 10_000.0) as i64);
    }
    Ok(shares)
}

fn percent(share: i64) -> f64 {
    share as f64 / 10_000.0
}

fn names(shares: &Shares) -> String {
    let names: Vec<&str> = shares.keys().map(|name| &**name).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

fn scope(
    namespaces: Option<&schema::Namespaces>,
    match_labels: &SortedMap<String, String>,
) -> Scope {
    Scope {
        include: namespaces.map_or_else(Vec::new, |own| texts(&own.include)),
        exclude: namespaces.map_or_else(Vec::new, |own| texts(&own.exclude)),
        selector: selector(match_labels),
    }
}

fn texts(written: &[String]) -> Vec<Text> {
    written.iter().map(|own| own.as_str().into()).collect()
}

fn selector(labels: &SortedMap<String, String>) -> Option<LabelSelector> {
    let requirements = labels.iter().map(|(key, value)| Requirement {
        key: key.as_str().into(),
        operator: Operator::In,
        values: vec![value.as_str().into()],
    });
    (!labels.is_empty()).then(|| LabelSelector {
        requirements: requirements.collect(),
    })
}
