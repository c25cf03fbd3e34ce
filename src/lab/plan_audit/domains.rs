//! Rules over zones and other domains, and budgets, added up again: hard spreads count their pods in
//! every domain, volumes are reached from the nodes of their pods, and no wave of moves takes more pods
//! of a budget than it allows.

use serde_json::Value;

use super::{Case, Cluster, array, text};
use crate::plan::budgets::{Leave, leave};
use crate::snapshot::Snapshot;
use k8s::ManifestPod;
use model::node::HOSTNAME_LABEL;
use model::rules::affinity;
use model::rules::taints;
use model::{ClusterObjects, PodSpec, Text, TopologySpread};
use scheduler::kube::{NodeInfo, PodInfo};
use units::{SortedMap, SortedSet, plural};

/// Value of a node's label; a node has its name for its host.
pub(super) fn value_of<'n>(node: &'n NodeInfo, key: &str) -> Option<&'n Text> {
    match node.label(key) {
        None if key == HOSTNAME_LABEL => Some(node.name()),
        value => value,
    }
}

/// No hard spread of a placed pod is broken in the domain that the pod is in.
pub(super) fn spread(cluster: &Cluster) -> Case {
    let mut seen: SortedSet<(usize, Text)> = SortedSet::new();
    for node in &cluster.nodes {
        for pod in node.pods.iter().filter(|pod| cluster.is_placed(pod)) {
            let spec = pod.spec();
            for rule in spec.topology_spread.iter().filter(|rule| rule.hard) {
                let Some(value) = value_of(node, &rule.topology_key) else {
                    return Err(format!(
                        "node `{}` of `{}` has no label `{}`, over which the pod spreads",
                        node.name(),
                        pod.full_name(),
                        rule.topology_key
                    ));
                };
                // Pods of one spec spread alike.
                let key = (std::ptr::from_ref(rule).addr(), value.clone());
                if !seen.insert(key) {
                    continue;
                }
                let counts = counts(cluster, spec, rule);
                let own = counts.get(value).copied().unwrap_or(0);
                let least = least(&counts, rule);
                if own - least > i64::from(rule.max_skew) {
                    return Err(format!(
                        "`{}` spreads over `{}`: `{value}` has {}, another {least}, the skew may \
                         be {}",
                        pod.full_name(),
                        rule.topology_key,
                        plural::count(own, "pod"),
                        rule.max_skew
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Numbers of the pods that a spread counts, by domain.
fn counts(cluster: &Cluster, spec: &PodSpec, rule: &TopologySpread) -> SortedMap<Text, i64> {
    let mut counts: SortedMap<Text, i64> = SortedMap::new();
    let has_keys = |node: &NodeInfo| {
        let mut rules = spec.topology_spread.iter().filter(|rule| rule.hard);
        rules.all(|rule| value_of(node, &rule.topology_key).is_some())
    };
    let is_counted = |other: &PodSpec| {
        let selector = rule.selector.as_ref();
        let mut keys = rule.match_label_keys.iter();
        other.namespace == spec.namespace
            && selector.is_some_and(|own| own.matches(&other.labels))
            && keys.all(|key| other.labels.get(key) == spec.labels.get(key))
    };
    for node in &cluster.nodes {
        let is_open = has_keys(node)
            && (!rule.honor_node_affinity || affinity::admits(spec, &node.object))
            && (!rule.honor_node_taints || taints::admits(spec, &node.object.taints));
        let Some(value) = value_of(node, &rule.topology_key).filter(|_| is_open) else {
            continue;
        };
        let pods = node.pods.iter().filter(|pod| !pod.is_terminating);
        let own = pods.filter(|pod| is_counted(pod.spec())).count() as i64;
        *counts.entry(value.clone()).or_default() += own;
    }
    counts
}

/// Whether no hard spread keeps a further pod off a node.
pub(super) fn is_even(cluster: &Cluster, node: &NodeInfo, spec: &PodSpec) -> bool {
    let mut rules = spec.topology_spread.iter().filter(|rule| rule.hard);
    rules.all(|rule| {
        let counts = counts(cluster, spec, rule);
        let Some(own) = value_of(node, &rule.topology_key).and_then(|value| counts.get(value))
        else {
            return false;
        };
        let selector = rule.selector.as_ref();
        let more = i64::from(selector.is_some_and(|own| own.matches(&spec.labels)));
        own + more - least(&counts, rule) <= i64::from(rule.max_skew)
    })
}

/// The least number of pods in a domain; nothing where there are too few domains.
fn least(counts: &SortedMap<Text, i64>, rule: &TopologySpread) -> i64 {
    let is_short = rule
        .min_domains
        .is_some_and(|least| usize::try_from(least).is_ok_and(|least| counts.len() < least));
    if is_short {
        return 0;
    }
    counts.values().copied().min().unwrap_or(0)
}

/// The first claim of a pod whose volume a node does not reach.
pub(super) fn unreached(node: &NodeInfo, pod: &PodInfo, objects: &ClusterObjects) -> Option<Text> {
    pod.claim_names().find(|claim| {
        let key = (pod.spec().namespace.clone(), claim.clone());
        let claim = objects.claims.get(&key);
        let volume = claim.and_then(|own| objects.volumes.get(&own.volume));
        let required = volume.and_then(|own| own.node_affinity.as_ref());
        !affinity::meets(required, &node.object)
    })
}

/// Every placed pod is on a node that reaches its volumes.
pub(super) fn volumes(cluster: &Cluster, objects: &ClusterObjects) -> Case {
    for node in &cluster.nodes {
        for pod in node.pods.iter().filter(|pod| cluster.is_placed(pod)) {
            if let Some(claim) = unreached(node, pod, objects) {
                return Err(format!(
                    "node `{}` does not reach the volume of claim `{claim}` of `{}`",
                    node.name(),
                    pod.full_name()
                ));
            }
        }
    }
    Ok(())
}

/// No wave of moves takes more pods of a budget than it allows, and what is left of the tightest is
/// as stated. Pods are counted as the eviction API does, by the state that `before` has them in; without the
/// dump nobody knows which were not ready.
pub(super) fn budgets(plan: &Value, before: &Snapshot, has_dump: bool) -> Case {
    let budgets = &crate::plan::budgets::budgets(before)[..];
    let pods: SortedMap<String, &ManifestPod> = { before.pods.iter() }
        .map(|pod| (format!("{}/{}", pod.namespace(), pod.name), pod))
        .collect();
    let mut wave = 1;
    let mut left: Vec<i64> = budgets.iter().map(|own| own.allowed).collect();
    for own in array(&plan["drain"]["moves"]) {
        let pod = text(&own["pod"]);
        let next = own["wave"].as_u64().unwrap_or(0);
        if next < wave {
            return Err(format!("`{pod}` moves in wave {next} after wave {wave}"));
        }
        if next > wave {
            wave = next;
            left = budgets.iter().map(|own| own.allowed).collect();
        }
        let Some(known) = pods.get(pod) else {
            return Err(format!("`{pod}` moves and is not there"));
        };
        let said = own["budgetLeft"].as_i64();
        if !has_dump && said.is_none() || leave(budgets, known) == Leave::Free {
            if said.is_some() {
                return Err(format!(
                    "`{pod}` is charged to a budget (`budgetLeft`), which its eviction is not"
                ));
            }
            continue;
        }
        for (left, budget) in left.iter_mut().zip(budgets) {
            if !budget.covers(&known.spec) {
                continue;
            }
            *left -= 1;
            if *left < 0 {
                return Err(format!(
                    "wave {wave} moves more pods than the {} that budget `{}` allows, `{pod}` among \
                     them",
                    budget.allowed, budget.name
                ));
            }
        }
        let tightest = { left.iter().zip(budgets) }
            .filter(|(_, budget)| budget.covers(&known.spec))
            .map(|(left, _)| *left)
            .min();
        let is_less = !has_dump && said < tightest;
        if said != tightest && !is_less {
            let words = |own: Option<i64>| own.map_or("nothing".to_owned(), |own| own.to_string());
            return Err(format!(
                "`{pod}` leaves {} of its tightest budget, by the pods that have a node {}",
                words(said),
                words(tightest)
            ));
        }
    }
    Ok(())
}
