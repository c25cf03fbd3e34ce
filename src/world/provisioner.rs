//! The provisioner of a scenario: what it may buy for each of its pools, and which nodes are its own.

use std::sync::Arc;

use autoscale::provisioner::{Offering, ProvisionerOptions};
use model::node::{DO_NOT_DISRUPT, ON_DEMAND, SPOT};
use model::node_pools::NodePoolObjects;
use model::{ClusterObjects, Node, Text};
use scenario::Scenario;
use scenario::schema::Provisioning;
use scheduler::kube::KubeProfile;
use units::{Instant, SortedMap, SortedSet, plural};

use super::BuildError;
use super::catalogue::matches;
use super::found_nodes::{ClusterAtStart, found_nodes};
use super::instance_type::InstanceType;
use super::node_pools::{PROVISIONER, PlannedPool, pools, stated, termination_grace};
use super::provider::{ProviderPlan, label, unknown_type, wrong};
use super::residents::first_of;
use super::spot_market;
use super::unreserved::unreserved;

/// Options of a scenario's provisioner.
pub(super) fn provisioner(
    own: &Provisioning,
    scenario: &Scenario,
    plan: &ProviderPlan,
    cluster: ClusterAtStart<'_>,
    profile: Arc<KubeProfile>,
    objects: Arc<ClusterObjects>,
) -> Result<ProvisionerOptions, BuildError> {
    let has_market = has_market(scenario);
    if own.spot && !has_market {
        return wrong(format!(
            "{PROVISIONER}.spot: spot capacity is not configured; write `spot` under `cluster.provider`"
        ));
    }
    let node_pools = &objects.node_pools;
    let pools = pools(own, &scenario.operations, node_pools, cluster.nodes)?;
    let offerings = offerings(own, plan, &pools, has_market)?;
    let mut drifts: Vec<Instant> = own
        .drifts
        .iter()
        .map(|&at| Instant::ZERO.saturating_add(at))
        .collect();
    drifts.sort_unstable();
    let found = found_nodes(cluster, node_pools, &pools, plan);
    let termination_grace = termination_grace(own, &pools);
    Ok(ProvisionerOptions {
        pools: pools.into_iter().map(|own| own.pool).collect(),
        found: found.own,
        offerings,
        most_nodes: own.max_nodes.map(|most| most as usize),
        drifts,
        zero_unix_secs: cluster.unix_secs.unwrap_or(0),
        spot_to_spot: own.spot_to_spot,
        ignores_preferences: own.preference_policy == scenario::schema::PreferencePolicy::Ignore,
        termination_grace,
        profile,
        objects,
    })
}

fn has_market(scenario: &Scenario) -> bool {
    let provider = scenario.cluster.provider.as_ref();
    provider.is_some_and(|own| own.spot.is_some())
}

/// Offerings that a provisioner may buy for its pools.
fn offerings(
    own: &Provisioning,
    plan: &ProviderPlan,
    pools: &[PlannedPool<'_>],
    has_market: bool,
) -> Result<Vec<Offering>, BuildError> {
    let types = types(own, plan)?;
    let mut offerings = Vec::new();
    for (pool, planned) in pools.iter().enumerate() {
        for &(name, known) in &types {
            for bought in [ON_DEMAND, SPOT] {
                let is_bought = planned.buys(bought, own, has_market);
                let zones = planned.zones(own).into_iter().filter(|_| is_bought);
                let sold = zones.filter_map(|zone| {
                    let sale = Sale {
                        name,
                        known,
                        bought,
                        zone: zone.as_deref(),
                    };
                    let (node, (priced_as, price)) = sold(planned, sale, own, plan)?;
                    Some(Offering {
                        instance_type: name.as_str().into(),
                        node: Arc::new(node),
                        price,
                        priced_as,
                        is_spot: bought == SPOT,
                        pool,
                    })
                });
                offerings.extend(sold);
            }
        }
    }
    if offerings.is_empty() {
        let named: SortedSet<String> = pools
            .iter()
            .flat_map(|planned| planned.zones(own))
            .flatten()
            .collect();
        let named: Vec<&str> = named.iter().map(String::as_str).collect();
        let place = match named.as_slice() {
            [] => String::new(),
            names => format!(" in zone `{}`", names.join("`, `")),
        };
        let pools = match pools.iter().filter(|own| own.declared.is_some()).count() {
            0 => "",
            _ => " that the NodePools of the manifests take",
        };
        return wrong(format!(
            "{PROVISIONER}.instanceTypes: none of these has a usable price{place}{pools}; check \
             `onDemand`, `spot` and `zone`, and at the list of prices"
        ));
    }
    Ok(offerings)
}

/// The instance types that a provisioner may buy.
fn types<'p>(
    own: &Provisioning,
    plan: &'p ProviderPlan,
) -> Result<Vec<(&'p String, &'p InstanceType)>, BuildError> {
    let mut types = Vec::new();
    for pattern in &own.instance_types {
        let before = types.len();
        let matching = plan.types.iter().filter(|(name, _)| matches(pattern, name));
        types.extend(matching);
        if types.len() == before {
            let field = format!("{PROVISIONER}.instanceTypes");
            return Err(unknown_type(&field, pattern, plan));
        }
    }
    Ok(types)
}

/// A way in which an instance type may be sold.
#[derive(Clone, Copy)]
struct Sale<'s> {
    name: &'s str,
    known: &'s InstanceType,
    bought: &'s str,
    zone: Option<&'s str>,
}

/// Node of an instance type, and key and amount of its price, as it is sold for a pool, if it is.
fn sold(
    planned: &PlannedPool<'_>,
    sale: Sale<'_>,
    own: &Provisioning,
    plan: &ProviderPlan,
) -> Option<(Node, (Text, i64))> {
    let Sale {
        name,
        known,
        bought,
        zone,
    } = sale;
    let price = plan.price(name, bought, zone)?;
    let mut node = known.node.clone();
    label(&mut node, &planned.pool.name, name, bought, zone);
    node.guard = super::nodes::guard(&own.annotations);
    Some((planned.complete(name, node)?, price))
}

/// Notes about machines that are bought, pools and claims of manifests, and nodes that a provisioner bought
/// before or leaves alone.
pub fn node_pool_notes(
    scenario: &Scenario,
    plan: Option<&ProviderPlan>,
    objects: &ClusterObjects,
    nodes: &[Arc<Node>],
) -> Result<Vec<String>, BuildError> {
    let mut notes = of_pools(scenario, plan, objects, nodes)?;
    notes.extend(unreserved(scenario, plan));
    notes.extend(spot_market::notes(scenario, plan));
    Ok(notes)
}

fn of_pools(
    scenario: &Scenario,
    plan: Option<&ProviderPlan>,
    objects: &ClusterObjects,
    nodes: &[Arc<Node>],
) -> Result<Vec<String>, BuildError> {
    let known = &objects.node_pools;
    let autoscaling = scenario.system.autoscaling.as_ref();
    let own = autoscaling.and_then(|own| own.provisioner.as_ref());
    let (Some(own), Some(plan)) = (own, plan) else {
        let pools = known.pools.len() + known.later.len();
        return Ok(unheeded(pools, known.claims.len()));
    };
    let pools = pools(own, &scenario.operations, known, nodes)?;
    let mut notes = of_nodes(plan, known, &pools, nodes);
    let followed = pools.iter().filter(|pool| pool.follows_present(own));
    let zones: SortedSet<&str> = followed
        .flat_map(|pool| &pool.present_zones)
        .map(|zone| &**zone)
        .collect();
    if !zones.is_empty() {
        let zones: Vec<&str> = zones.into_iter().collect();
        notes.push(format!(
            "provisioner: nodes are bought in the {} of those that are there, `{}`, as nothing states others; \
             write `zones` where there are more",
            plural::either(zones.len(), "zone", "zones"),
            zones.join("`, `")
        ));
    }
    if known.pools.is_empty() && known.later.is_empty() {
        return Ok(notes);
    }
    let names: Vec<String> = pools.iter().map(PlannedPool::told).collect();
    notes.push(format!(
        "provisioner: nodes are bought for {} of the manifests, tried in this order: {}",
        plural::count(
            pools
                .iter()
                .map(|own| &own.pool.name)
                .collect::<SortedSet<_>>()
                .len(),
            "NodePool"
        ),
        names.join(", ")
    ));
    notes.extend(pools.iter().flat_map(PlannedPool::unread_budgets));
    let stated = stated(own);
    if !stated.is_empty() {
        notes.push(format!(
            "provisioner: `{}` of the experiment hold{} for every NodePool",
            stated.join("`, `"),
            plural::either(stated.len(), "s", ""),
        ));
    }
    let graces = pools.iter().filter_map(|own| own.declared);
    let graces: Vec<_> = graces.map(|own| own.termination_grace).collect();
    if own.termination_grace_period.is_none() && graces.windows(2).any(|two| two[0] != two[1]) {
        notes.push(
            "provisioner: the `terminationGracePeriod` of the first NodePool holds for all of them"
                .to_owned(),
        );
    }
    notes.extend(unjudged(own, plan, &pools)?);
    Ok(notes)
}

/// Notes about nodes that a provisioner bought before or leaves alone.
fn of_nodes(
    plan: &ProviderPlan,
    known: &NodePoolObjects,
    pools: &[PlannedPool<'_>],
    nodes: &[Arc<Node>],
) -> Vec<String> {
    let cluster = ClusterAtStart {
        nodes,
        unix_secs: None,
    };
    let found = found_nodes(cluster, known, pools, plan);
    let mut notes = Vec::new();
    if !found.own.is_empty() {
        let names: Vec<&Text> = found.own.keys().collect();
        notes.push(format!(
            "provisioner: {} of the manifests {} its own by label or claim: it counts, replaces and \
             removes {}",
            named(&names),
            plural::either(names.len(), "is", "are"),
            plural::either(names.len(), "it", "them"),
        ));
    }
    let drifted = found
        .own
        .iter()
        .filter(|(_, own)| own.is_drifted || own.unmet.contains(&own.pool));
    let drifted: Vec<&Text> = drifted.map(|(name, _)| name).collect();
    if !drifted.is_empty() {
        notes.push(format!(
            "provisioner: {} {} drifted, by the claim or by what the NodePool requires: {} replaced as budgets let",
            named(&drifted),
            plural::either(drifted.len(), "has", "have"),
            plural::either(drifted.len(), "it is", "they are"),
        ));
    }
    for (why, names) in &found.left_alone {
        let names: Vec<&Text> = names.iter().collect();
        let are = plural::either(names.len(), "is", "are");
        notes.push(format!(
            "provisioner: {} {are} left alone: {why}",
            named(&names)
        ));
    }
    // Annotations of claims are those of nodes that have not joined (`state/statenode.go`, Annotations).
    let is_vain = |node: &&Arc<Node>| {
        let claim = known.claims.get(&node.name);
        claim.is_some_and(|own| own.do_not_disrupt) && !node.guard.do_not_disrupt
    };
    let vain: Vec<&Text> = nodes.iter().filter(is_vain).map(|own| &own.name).collect();
    if !vain.is_empty() {
        notes.push(format!(
            "provisioner: `{DO_NOT_DISRUPT}` of a NodeClaim does not keep its node once that has joined: {}; \
             annotate the node",
            named(&vain)
        ));
    }
    notes
}

/// Notes about pools and claims that nobody acts on.
fn unheeded(pools: usize, claims: usize) -> Vec<String> {
    let kinds = [("NodePool", pools), ("NodeClaim", claims)];
    let kinds = kinds.into_iter().filter(|(_, count)| *count > 0);
    let notes = kinds.map(|(kind, count)| {
        format!(
            "{} of kind {kind} {} without effect: no nodes are made or removed by {} without \
             `{PROVISIONER}`",
            plural::count(count, "object"),
            plural::either(count, "is", "are"),
            plural::either(count, "it", "them"),
        )
    });
    notes.collect()
}

/// Notes about requirements that nobody can judge, and pools that take no instance type.
fn unjudged(
    own: &Provisioning,
    plan: &ProviderPlan,
    pools: &[PlannedPool<'_>],
) -> Result<Vec<String>, BuildError> {
    let types = types(own, plan)?;
    let mut keys: SortedMap<&Text, SortedSet<&Text>> = SortedMap::new();
    let mut notes = Vec::new();
    for planned in pools {
        for (name, known) in &types {
            for key in planned.unjudged(name, &known.node) {
                keys.entry(key).or_default().insert(&planned.pool.name);
            }
        }
        let mut taken = types.iter();
        if !planned.pool.is_deleted
            && !taken.any(|(name, known)| planned.complete(name, known.node.clone()).is_some())
        {
            notes.push(format!(
                "provisioner: no instance type of `instanceTypes` meets the requirements of NodePool `{}`: \
                 it gets no nodes",
                planned.pool.name
            ));
        }
    }
    notes.extend(keys.iter().map(|(key, pools)| {
        let pools: Vec<&str> = pools.iter().map(|own| &***own).collect();
        format!(
            "provisioner: the list of prices does not say `{key}`, which NodePool `{}` requires: every \
             type counts as one that has it",
            pools.join("`, `")
        )
    }));
    Ok(notes)
}

/// Some nodes, by number and the first names.
fn named(names: &[&Text]) -> String {
    let count = plural::count(names.len(), "node");
    let names: Vec<String> = names.iter().map(|own| format!("`{own}`")).collect();
    format!("{count} ({})", first_of(&names))
}
