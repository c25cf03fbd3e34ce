//! Nodes of manifests that a provisioner bought before the run: by their labels, or by their claims where
//! a dump has some (Karpenter's `controllers/state/statenode.go`, `disruption/types.go`).

use std::sync::Arc;

use autoscale::provisioner::InitialNode;
use model::node::{CAPACITY_LABEL, GROUP_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL, label_of};
use model::node_pools::{INITIALIZED_LABEL, NODE_POOL_LABEL, NodePoolObjects};
use model::{Node, Text};
use units::{Duration, Instant, SortedMap, SortedSet};

use super::ProviderPlan;
use super::instance_labels::value;
use super::node_pools::PlannedPool;

/// The cluster at the start of a run.
#[derive(Clone, Copy)]
pub struct ClusterAtStart<'n> {
    /// The nodes.
    pub nodes: &'n [Arc<Node>],
    /// The time of day, in seconds since 1970; `None` is not known.
    pub unix_secs: Option<i64>,
}

/// Nodes of a provisioner, and those that it leaves alone, by reason.
#[derive(Default)]
pub(super) struct FoundNodes {
    pub(super) own: SortedMap<Text, InitialNode>,
    pub(super) left_alone: SortedMap<String, Vec<Text>>,
}

/// The nodes of manifests that are a provisioner's.
pub(super) fn found_nodes(
    cluster: ClusterAtStart<'_>,
    objects: &NodePoolObjects,
    pools: &[PlannedPool<'_>],
    plan: &ProviderPlan,
) -> FoundNodes {
    let mut found = FoundNodes::default();
    for node in cluster.nodes {
        let claim = objects.claims.get(&node.name);
        let pool = node.labels.get(NODE_POOL_LABEL);
        let pool = pool.or_else(|| claim?.pool.as_ref());
        let (Some(pool), None) = (pool, node.labels.get(GROUP_LABEL)) else {
            continue;
        };
        match found_node(node, pool, objects, pools, plan) {
            Ok(mut own) => {
                own.created = created(node, objects, cluster.unix_secs);
                found.own.insert(node.name.clone(), own);
            }
            Err(why) => {
                let alike = found.left_alone.entry(why).or_default();
                alike.push(node.name.clone());
            }
        }
    }
    found
}

/// A node of a pool; the reason why it is left alone otherwise.
fn found_node(
    node: &Node,
    pool: &Text,
    objects: &NodePoolObjects,
    pools: &[PlannedPool<'_>],
    plan: &ProviderPlan,
) -> Result<InitialNode, String> {
    let claim = objects.claims.get(&node.name);
    if claim.is_none() && !objects.claims.is_empty() {
        return Err("no NodeClaim of the manifests has it".to_owned());
    }
    let place = if objects.pools.is_empty() && objects.later.is_empty() {
        0
    } else {
        let is_of = |own: &PlannedPool<'_>| own.pool.name == *pool;
        let first = |own: &PlannedPool<'_>| is_of(own) && own.pool.since == Instant::ZERO;
        let known = pools.iter().position(first);
        let known = known.or_else(|| pools.iter().position(is_of));
        known.ok_or_else(|| match objects.pools.get(pool) {
            Some(_) => format!("its NodePool `{pool}` has a fixed number of nodes"),
            None => format!("no NodePool of the manifests is named `{pool}`"),
        })?
    };
    let label = |key: &str| label_of(&node.labels, key);
    if label(INITIALIZED_LABEL).is_none_or(|own| **own != *"true") {
        return Err(format!("it has not started: label `{INITIALIZED_LABEL}`"));
    }
    let missing = |key: &str| format!("it has no label `{key}`");
    let kind = label(INSTANCE_TYPE_LABEL).ok_or_else(|| missing(INSTANCE_TYPE_LABEL))?;
    let bought = label(CAPACITY_LABEL).ok_or_else(|| missing(CAPACITY_LABEL))?;
    if !plan.types.contains_key(&**kind) {
        return Err(format!("the list of prices has no type `{kind}`"));
    }
    let price = plan.price(kind, bought, label(ZONE_LABEL).map(|zone| &**zone));
    let price = price.ok_or_else(|| format!("`{kind}` has no price as {bought} capacity"))?;
    Ok(InitialNode {
        pool: place,
        price,
        created: None,
        is_going: claim.is_some_and(|own| own.is_terminating),
        expire_after: claim.and_then(|own| own.expire_after),
        is_drifted: claim.is_some_and(|own| own.is_drifted),
        unmet: unmet(node, kind, pool, pools),
    })
}

/// Pools of a name whose requirements a node does not meet, as places in the list: it has drifted
/// (Karpenter's `nodeclaim/disruption/drift.go`, `areRequirementsDrifted`).
fn unmet(node: &Node, kind: &str, pool: &Text, pools: &[PlannedPool<'_>]) -> SortedSet<usize> {
    let own = pools.iter().enumerate();
    let own = own.filter(|(_, own)| own.pool.name == *pool);
    let unmet = own.filter(|(_, own)| {
        let mut rules = own.declared.into_iter().flat_map(|own| &own.requirements);
        rules.any(|rule| !rule.matches_value(value(&rule.key, kind, node).as_deref()))
    });
    unmet.map(|(place, _)| place).collect()
}

/// The instant at which a node was created, if both that time and that of the start are known.
fn created(node: &Node, objects: &NodePoolObjects, zero: Option<i64>) -> Option<Instant> {
    let claim = objects.claims.get(&node.name);
    let of_node = objects.created_unix_secs.get(&node.name).copied();
    let created = claim.and_then(|own| own.created_unix_secs).or(of_node)?;
    let age = Duration::checked_from_secs((zero? - created).max(0))?;
    Some(Instant::from_nanos(-age.as_nanos()))
}
