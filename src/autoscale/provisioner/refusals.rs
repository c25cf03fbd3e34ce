//! Reasons for which no node is bought for a pod that waits, pool by pool, in the words of Karpenter's event
//! `FailedScheduling` (`scheduling/scheduler.go`, `nodeclaim.go`).

use std::sync::Arc;

use super::market::Market;
use super::pack::has_room;
use super::preferences::Applicant;
use super::{Pool, domains};
use crate::cluster_autoscaler::{Template, template_refusals};
use crate::snapshot::ClusterSnapshot;
use model::rules::{affinity, taints};
use model::{PodRef, PodSpec, Text};
use scheduler::kube::{Amounts, CacheError, PodInfo};
use units::{Quantity, SortedMap, SortedSet, SuffixFamily};

/// Beginning of the event's message.
pub(super) const HEAD: &str = "Failed to schedule pod";

/// Reasons for which pods found no place anywhere.
pub(super) fn refusals<C: ClusterSnapshot>(
    market: &Market<'_>,
    pools: &[Pool],
    cluster: &mut C,
    pods: &[(PodRef, Applicant)],
    left: &[PodRef],
) -> Result<SortedMap<PodRef, Text>, CacheError> {
    let mut by_class: SortedMap<usize, Text> = SortedMap::new();
    let mut refusals = SortedMap::new();
    for (pod, wanted) in pods.iter().filter(|own| left.contains(&own.0)) {
        // Pods fail for good under the fewest conditions.
        let info = wanted.steps.last().map_or(&wanted.info, |step| &step.pod);
        let class = Arc::as_ptr(&info.class).addr();
        let why = match by_class.get(&class) {
            Some(why) => why.clone(),
            None => of_pools(market, pools, cluster, info)?,
        };
        by_class.insert(class, why.clone());
        refusals.insert(*pod, why);
    }
    Ok(refusals)
}

fn of_pools<C: ClusterSnapshot>(
    market: &Market<'_>,
    pools: &[Pool],
    cluster: &mut C,
    pod: &Arc<PodInfo>,
) -> Result<Text, CacheError> {
    let offerings = market.offerings.iter();
    let sold: SortedSet<usize> = offerings.map(|own| own.pool).collect();
    let mut parts = Vec::new();
    for (number, pool) in pools.iter().enumerate() {
        let open = market.open.iter().copied();
        let open = open.filter(|&place| market.offerings[place].pool == number);
        let open: Vec<usize> = open.collect();
        if open.is_empty() && (pool.is_deleted || !sold.contains(&number)) {
            continue;
        }
        parts.push(of_pool(market, &pool.name, &open, cluster, pod)?);
    }
    if parts.is_empty() {
        parts.push("no nodepools found".to_owned());
    }
    Ok(format!("{HEAD}, {}", parts.join("; ")).into())
}

fn of_pool<C: ClusterSnapshot>(
    market: &Market<'_>,
    pool: &Text,
    open: &[usize],
    cluster: &mut C,
    pod: &Arc<PodInfo>,
) -> Result<String, CacheError> {
    let spec = pod.spec();
    let node = |place: &usize| &*market.offerings[*place].node;
    let incompatible = |why: &str| format!("incompatible with nodepool {pool:?}, {why}");
    let repelling = |place: &usize| taints::first_repelling(spec, &node(place).taints);
    let mut tolerated = open.to_vec();
    tolerated.retain(|place| repelling(place).is_none());
    if tolerated.is_empty() {
        let taint = open.iter().find_map(repelling);
        let why = taint.map(|own| {
            let value = Some(&own.value).filter(|value| !value.is_empty());
            let value = value.map_or_else(String::new, |value| format!("={value}"));
            format!(
                "did not tolerate taint (taint={}{value}:{:?})",
                own.key, own.effect
            )
        });
        return Ok(incompatible(
            &why.unwrap_or_else(|| "no instance type is available".to_owned()),
        ));
    }
    let mut admitted = tolerated.clone();
    admitted.retain(|place| affinity::admits(spec, node(place)));
    if admitted.is_empty() {
        return Ok(incompatible(&unmet(market, &tolerated, spec)));
    }
    let mut roomy = Vec::new();
    let mut asked = String::new();
    for place in admitted {
        let daemons = market.daemons.on(&market.offerings[place].node);
        let mut sum = Amounts::default();
        for own in daemons.iter().chain([pod]) {
            sum.change(&own.class.requests, 1);
        }
        let count = daemons.len() as i64 + 1;
        if has_room(&market.offered[place], &sum, count) {
            roomy.push((place, daemons));
        } else if asked.is_empty() {
            asked = resources(&sum, count);
        }
    }
    if roomy.is_empty() {
        return Ok(incompatible(&format!(
            "no instance type satisfied resources {asked}"
        )));
    }
    let mut rules = Vec::new();
    for (place, daemons) in roomy {
        let node = market.offerings[place].node.clone();
        rules = template_refusals(cluster, &Template { node, daemons }, pod)?;
        if rules.is_empty() {
            return Ok(format!(
                "all available instance types exceed limits for nodepool: {pool:?}"
            ));
        }
    }
    Ok(incompatible(&rules.join(", ")))
}

/// The first label that a pod selects and that no offering of a pool has.
fn unmet(market: &Market<'_>, places: &[usize], spec: &PodSpec) -> String {
    let unmet = spec.node_selector.iter().find_map(|(key, wanted)| {
        let values = domains::values(market.offerings, places, key);
        if values.is_empty() {
            return Some(format!("label {key:?} does not have known values"));
        }
        let names: Vec<&str> = values.iter().map(|own| &***own).collect();
        let names = names.join(" ");
        (!values.contains(wanted))
            .then(|| format!("key {key}, {key} In [{wanted}] not in {key} In [{names}]"))
    });
    let unmet = unmet.map_or_else(String::new, |own| format!(", {own}"));
    format!("incompatible requirements{unmet}")
}

/// Amounts in the form of the original's list of resources.
fn resources(asked: &Amounts, pods: i64) -> String {
    let binary = |bytes| Quantity::from_units(bytes).with_family(SuffixFamily::Binary);
    let amounts = [
        ("cpu", Quantity::from_milli(asked.cpu_milli)),
        ("ephemeral-storage", binary(asked.storage)),
        ("memory", binary(asked.memory)),
    ];
    let amounts = amounts.into_iter().filter(|own| !own.1.is_zero());
    let amounts = amounts.map(|(name, amount)| (name.to_owned(), amount.to_string()));
    let scalars = asked
        .scalars
        .iter()
        .map(|(name, amount)| (name.to_string(), amount.to_string()));
    let mut all: SortedMap<String, String> = amounts.chain(scalars).collect();
    all.insert("pods".to_owned(), pods.to_string());
    let parts: Vec<String> = all
        .iter()
        .map(|(name, amount)| format!("{name:?}:{amount:?}"))
        .collect();
    format!("{{{}}}", parts.join(","))
}
