//! A cluster as planners look at it: how much of each pool is taken, what binds there, what lies
//! stranded, and how many more of the largest pods fit.

use std::sync::Arc;

use serde::Serialize;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::{Demand, GoalPod, pool_of, zone_of};
use super::goal::Goal;
use super::loss::{Loss, Survive, lose_each, zones};
use crate::place::place;
use crate::snapshot::profile::profile_or_default;
use model::Text;
use model::node::{INSTANCE_TYPE_LABEL, label_of};
use scheduler::kube::{KubeProfile, NodeInfo};
use units::SortedMap;

/// Number of the largest sizes of pods whose headroom is told.
const SIZES: usize = 3;

/// Number of pods up to which headroom is counted.
pub const MOST_MORE: u64 = 10_000;

/// Resources that pools are looked at by.
pub const RESOURCES: [&str; 3] = ["cpu", "memory", "pods"];

/// Amounts of [`RESOURCES`] that are taken and offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Requested by pods.
    pub requested: [i64; 3],
    /// Offered by nodes.
    pub offered: [i64; 3],
    /// Free on nodes that have no room for another pod of the usual size.
    pub stranded: [i64; 3],
}

impl Taken {
    /// Share of a resource that is taken, in parts per million.
    pub fn share_ppm(&self, resource: usize) -> i64 {
        share(self.requested[resource], self.offered[resource])
    }

    /// Share of a resource that lies stranded, in parts per million.
    pub fn stranded_ppm(&self, resource: usize) -> i64 {
        share(self.stranded[resource], self.offered[resource])
    }

    /// Adds a node.
    fn add(&mut self, requested: [i64; 3], offered: [i64; 3]) {
        for place in 0..RESOURCES.len() {
            self.requested[place] = self.requested[place].saturating_add(requested[place]);
            self.offered[place] = self.offered[place].saturating_add(offered[place]);
        }
    }

    /// The resource that is taken most.
    pub fn binding(&self) -> usize {
        let places = 0..RESOURCES.len();
        let most = places.max_by_key(|&place| (self.share_ppm(place), std::cmp::Reverse(place)));
        most.unwrap_or(0)
    }
}

fn share(part: i64, of: i64) -> i64 {
    match of {
        1.. => i64::try_from(i128::from(part) * 1_000_000 / i128::from(of)).unwrap_or(i64::MAX),
        _ => 0,
    }
}

/// Nodes of one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Name of the pool; empty if no label names one.
    pub name: Text,
    /// Number of nodes.
    pub nodes: u64,
    /// Number of nodes without room for another pod of the usual size.
    pub full: u64,
    /// Amounts of the pool.
    pub taken: Taken,
}

/// Further pods of a size that fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Headroom {
    /// A pod of the size, `NAMESPACE/NAME`.
    pub pod: String,
    /// Request of cpu in milli-cores.
    pub cpu_milli: i64,
    /// Request of memory in bytes.
    #[serde(rename = "memoryBytes")]
    pub memory: i64,
    /// Number of further pods of it that fit; counted up to [`MOST_MORE`].
    pub fits: u64,
    /// The reason that most nodes give for refusing the next one.
    pub reason: Option<String>,
}

/// A node as it is filled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeShare {
    /// Name of the node.
    pub name: Text,
    /// Pool of the node; empty if no label names one.
    pub pool: Text,
    /// Type of the node; empty if no label names one.
    pub kind: Text,
    /// Zone of the node; empty if it states none.
    pub zone: Text,
    /// Price of the node in millionths an hour; 0 if it is not known.
    pub price: i64,
    /// Amounts of the node.
    pub taken: Taken,
}

/// Amounts of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneRoom {
    /// Name of the zone; empty if nodes state none.
    pub zone: Text,
    /// Amounts of its nodes.
    pub taken: Taken,
}

/// The zones of a cluster, by name.
pub fn zone_rooms(bench: &Bench<'_>) -> Vec<ZoneRoom> {
    let mut zones: SortedMap<Text, Taken> = SortedMap::new();
    for node in bench.cache().nodes() {
        let (requested, offered) = amounts(node);
        zones
            .entry(zone_of(node))
            .or_default()
            .add(requested, offered);
    }
    let zones = zones.into_iter();
    zones
        .map(|(zone, taken)| ZoneRoom { zone, taken })
        .collect()
}

/// A cluster.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    /// Number of nodes that are no machines.
    pub virtual_nodes: u64,
    /// Each node, in the scheduler's order.
    pub shares: Vec<NodeShare>,
    /// Each zone.
    pub zones: Vec<ZoneRoom>,
    /// Number of nodes.
    pub nodes: u64,
    /// Number of nodes of each type and zone.
    pub kinds: SortedMap<(Text, Text), u64>,
    /// Price in millionths an hour, as far as prices are known.
    pub price: i64,
    /// Amounts of all nodes.
    pub taken: Taken,
    /// The pools, by name.
    pub pools: Vec<Pool>,
    /// Loss of each node.
    pub node_losses: Vec<Loss>,
    /// Loss of each zone; none if there is one zone or none.
    pub zone_losses: Vec<Loss>,
    /// Further pods of the largest sizes.
    pub headroom: Vec<Headroom>,
}

fn amounts(node: &NodeInfo) -> ([i64; 3], [i64; 3]) {
    let (used, of) = (&node.requested, &node.allocatable);
    (
        [used.cpu_milli, used.memory, node.pods.len() as i64],
        [of.cpu_milli, of.memory, of.pods],
    )
}

/// The usual size of a pod: the mean of all.
fn usual(demand: &Demand) -> [i64; 3] {
    let count = demand.pods.len().max(1) as i128;
    let mean = |pick: fn(&GoalPod) -> i64| {
        let sum: i128 = demand.pods.iter().map(|pod| i128::from(pick(pod))).sum();
        i64::try_from(sum / count).unwrap_or(i64::MAX)
    };
    [
        mean(|pod| pod.info.class.requests.cpu_milli),
        mean(|pod| pod.info.class.requests.memory),
        1,
    ]
}

/// Looks at a cluster.
pub fn look(bench: &Bench<'_>, demand: &Demand, goal: &Goal, profiles: &[KubeProfile]) -> Picture {
    let usual = usual(demand);
    let mut picture = Picture::default();
    let mut pools: SortedMap<Text, Pool> = SortedMap::new();
    for node in bench.cache().nodes() {
        let (requested, offered) = amounts(node);
        let free: Vec<i64> = offered
            .iter()
            .zip(&requested)
            .map(|(of, used)| (of - used).max(0))
            .collect();
        let is_full = free.iter().zip(&usual).any(|(free, own)| free < own);
        let name = pool_of(node);
        let pool = pools.entry(name.clone()).or_insert_with(|| Pool {
            name,
            nodes: 0,
            full: 0,
            taken: Taken::default(),
        });
        pool.nodes += 1;
        pool.full += u64::from(is_full);
        // What a service offers says nothing about machines.
        let is_virtual = node.object.is_virtual();
        let all = (!is_virtual).then_some(&mut picture.taken);
        picture.virtual_nodes += u64::from(is_virtual);
        for taken in all.into_iter().chain([&mut pool.taken]) {
            taken.add(requested, offered);
            if is_full {
                for (sum, own) in taken.stranded.iter_mut().zip(&free) {
                    *sum = sum.saturating_add(*own);
                }
            }
        }
        let kind = label_of(&node.object.labels, INSTANCE_TYPE_LABEL).cloned();
        let kind = kind.unwrap_or_default();
        let mut share = NodeShare {
            name: node.name().clone(),
            pool: pool_of(node),
            kind: kind.clone(),
            zone: zone_of(node),
            price: goal.price_of(node),
            taken: Taken::default(),
        };
        share.taken.add(requested, offered);
        picture.shares.push(share);
        picture.nodes += 1;
        picture.price = picture.price.saturating_add(goal.price_of(node));
        *picture.kinds.entry((kind, zone_of(node))).or_default() += 1;
    }
    picture.pools = pools.into_values().collect();
    picture.zones = zone_rooms(bench);
    let mut domains = Survive::Node(1).domains(bench);
    let nodes = domains.len();
    let zones = zones(bench);
    if zones.len() > 1 {
        domains.extend(zones);
    }
    // All at once: answers that are kept for the loss of nodes serve that of zones.
    picture.node_losses = lose_each(bench, demand, &domains);
    picture.zone_losses = picture.node_losses.split_off(nodes);
    picture.headroom = headroom(bench, demand, profiles);
    picture
}

/// Further pods of the largest sizes and of the most numerous one.
fn headroom(bench: &Bench<'_>, demand: &Demand, profiles: &[KubeProfile]) -> Vec<Headroom> {
    let mut sizes: IndexMap<usize, (&GoalPod, u64), FxBuildHasher> = IndexMap::default();
    for pod in &demand.pods {
        let key = Arc::as_ptr(&pod.info.class).addr();
        sizes.entry(key).or_insert((pod, 0)).1 += 1;
    }
    let offered = bench.cache().nodes().map(|node| amounts(node).1);
    let most = offered.fold([1; 3], |most: [i64; 3], own| {
        [
            most[0].max(own[0]),
            most[1].max(own[1]),
            most[2].max(own[2]),
        ]
    });
    let size = |pod: &GoalPod| {
        let asked = &pod.info.class.requests;
        share(asked.cpu_milli, most[0]).max(share(asked.memory, most[1]))
    };
    let mut order: Vec<(&GoalPod, u64)> = sizes.into_values().collect();
    order.sort_by_key(|(pod, _)| std::cmp::Reverse(size(pod)));
    let usual = order.iter().max_by_key(|(_, count)| *count).copied();
    order.truncate(SIZES);
    if let Some(usual) = usual
        && !order.iter().any(|own| own.0.name == usual.0.name)
    {
        order.push(usual);
    }
    let rooms = order.into_iter().filter_map(|(pod, _)| {
        let profile = profile_or_default(profiles, &pod.info);
        let more = pod.replica(bench.cache().changes()).ok()?;
        let placement = place(bench.cache(), profile, &more, MOST_MORE).ok()?;
        let asked = &pod.info.class.requests;
        Some(Headroom {
            pod: pod.name.clone(),
            cpu_milli: asked.cpu_milli,
            memory: asked.memory,
            fits: placement.fits,
            reason: placement.first_short().map(str::to_owned),
        })
    });
    rooms.collect()
}
