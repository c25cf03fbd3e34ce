//! A cluster as planners look at it: how much of each pool is taken, what binds there, what lies
//! stranded, and how many more of the largest pods fit.

use std::cmp::Reverse;

use serde::Serialize;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::bill::Bill;
use super::demand::{Demand, GoalPod, pool_of, zone_of};
use super::goal::Goal;
use super::loss::{Loss, Survive, lose_each, zones};
use crate::place::{Stop, place};
use crate::snapshot::profile::profile_or_default;
use model::Text;
use model::node::{INSTANCE_TYPE_LABEL, is_spot, label_of};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use policy::kubernetes::node_volume_limits::attachments;
use scheduler::kube::{Amounts, Cache, KubeProfile, NodeInfo, PodInfo};
use units::SortedMap;

/// Number of the largest workloads by the size of their pods whose headroom is told.
const SIZES: usize = 3;

/// Number of pods up to which headroom is counted.
pub const MOST_MORE: u64 = 10_000;

/// Resources that every node offers; they go before all others.
pub const PLAIN: [&str; 3] = [CPU, MEMORY, PODS];

/// Name of the resource under which volumes of a driver are counted, without the driver.
pub const ATTACHMENTS: &str = "attachable-volumes-csi-";

/// Amounts of one resource: milli-cores of cpu, else bytes, pods, devices, volumes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Requested by pods.
    pub requested: i64,
    /// Offered by nodes.
    pub offered: i64,
    /// Free on nodes that have no room for another pod of the usual size.
    pub stranded: i64,
}

impl Amount {
    /// Share that is taken, in parts per million.
    pub fn share_ppm(self) -> i64 {
        share(self.requested, self.offered)
    }

    /// Share that lies stranded, in parts per million.
    pub fn stranded_ppm(self) -> i64 {
        share(self.stranded, self.offered)
    }
}

/// Amounts by resource: those of [`PLAIN`], then the others by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceAmounts(Vec<(Text, Amount)>);

impl Default for ResourceAmounts {
    fn default() -> Self {
        Self(PLAIN.map(|name| (name.into(), Amount::default())).into())
    }
}

impl ResourceAmounts {
    /// Every resource.
    pub fn all(&self) -> impl Iterator<Item = (&str, Amount)> {
        self.0.iter().map(|(name, own)| (&**name, *own))
    }

    /// The resources that tell something: those of [`PLAIN`], and those that pods ask for.
    pub fn told(&self) -> impl Iterator<Item = (&str, Amount)> {
        let all = self.all().enumerate();
        all.filter(|(place, (_, own))| *place < PLAIN.len() || own.requested > 0)
            .map(|(_, own)| own)
    }

    /// Amounts of a resource; none if no node offers it.
    pub fn of(&self, name: &str) -> Amount {
        let mut all = self.all();
        all.find(|own| own.0 == name)
            .map(|own| own.1)
            .unwrap_or_default()
    }

    /// Adds other amounts.
    pub fn add(&mut self, other: &Self) {
        for (name, own) in &other.0 {
            let found = self.0.iter().position(|(known, _)| known == name);
            let place = found.unwrap_or_else(|| {
                let others = &self.0[PLAIN.len()..];
                let place = PLAIN.len() + others.partition_point(|(known, _)| known < name);
                self.0.insert(place, (name.clone(), Amount::default()));
                place
            });
            let sum = &mut self.0[place].1;
            sum.requested = sum.requested.saturating_add(own.requested);
            sum.offered = sum.offered.saturating_add(own.offered);
            sum.stranded = sum.stranded.saturating_add(own.stranded);
        }
    }

    /// The resource that is taken most; of equal ones the first.
    pub fn binding(&self) -> (&str, Amount) {
        let all = self.all().enumerate();
        let most = all.max_by_key(|(place, (_, own))| (own.share_ppm(), Reverse(*place)));
        most.map_or((CPU, Amount::default()), |(_, own)| own)
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
    /// Number of these that are no machines.
    pub virtual_nodes: u64,
    /// Number of nodes without room for another pod of the usual size of the pool.
    pub full: u64,
    /// Amounts of the pool.
    pub taken: ResourceAmounts,
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
    /// Amount that the next one lacks on the node that lacks least, else the reason that most nodes give.
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
    /// Way in which it is paid for: `spot`, `on demand`, `reserved` or `committed`.
    pub option: &'static str,
    /// Price of the node in millionths an hour; 0 if it is not known.
    pub price: i64,
    /// Amounts of the node.
    pub taken: ResourceAmounts,
}

/// Amounts of a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneRoom {
    /// Name of the zone; empty if nodes state none.
    pub zone: Text,
    /// Amounts of its nodes.
    pub taken: ResourceAmounts,
}

/// The zones of a cluster, by name.
pub fn zone_rooms(bench: &Bench<'_>) -> Vec<ZoneRoom> {
    let mut zones: SortedMap<Text, ResourceAmounts> = SortedMap::new();
    for node in bench.cache().nodes() {
        let taken = amounts(bench.cache(), node);
        zones.entry(zone_of(node)).or_default().add(&taken);
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
    /// Price in millionths an hour, as far as prices are known, with that of commitments.
    pub price: i64,
    /// Parts of the price.
    pub bill: Bill,
    /// Amounts of all nodes.
    pub taken: ResourceAmounts,
    /// The pools, by name.
    pub pools: Vec<Pool>,
    /// Loss of each node.
    pub node_losses: Vec<Loss>,
    /// Loss of each zone; none if there is one zone or none.
    pub zone_losses: Vec<Loss>,
    /// Further pods of the largest sizes.
    pub headroom: Vec<Headroom>,
}

/// Amounts of a node.
fn amounts(cache: &Cache, node: &NodeInfo) -> ResourceAmounts {
    let (used, of) = (&node.requested, &*node.allocatable);
    let amount = |requested, offered| Amount {
        requested,
        offered,
        stranded: 0,
    };
    let plain = [
        amount(used.cpu_milli, of.cpu_milli),
        amount(used.memory, of.memory),
        amount(node.pods.len() as i64, of.pods),
    ];
    let mut others: SortedMap<Text, Amount> = SortedMap::new();
    others.insert(EPHEMERAL_STORAGE.into(), amount(used.storage, of.storage));
    for name in used.scalars.keys().chain(of.scalars.keys()) {
        others.insert(name.clone(), amount(used.scalar(name), of.scalar(name)));
    }
    for (driver, (attached, limit)) in attachments(cache, node) {
        let name = format!("{ATTACHMENTS}{driver}");
        others.insert(name.into(), amount(attached, limit));
    }
    others.retain(|_, own| own.requested > 0 || own.offered > 0);
    let names = PLAIN.map(Text::from).into_iter();
    ResourceAmounts(names.zip(plain).chain(others).collect())
}

/// Sums of what pods request.
#[derive(Default)]
struct Sizes {
    sum: Amounts,
    count: i64,
}

impl Sizes {
    fn add(&mut self, pod: &PodInfo) {
        self.sum.change(&pod.class.requests, 1);
        self.count += 1;
    }

    /// The mean, rounded.
    fn mean(&self, name: &str) -> i64 {
        let sum = match name {
            CPU => self.sum.cpu_milli,
            MEMORY => self.sum.memory,
            EPHEMERAL_STORAGE => self.sum.storage,
            PODS => return 1,
            other => self.sum.scalar(other),
        };
        sum.saturating_add(self.count / 2) / self.count.max(1)
    }
}

/// Usual sizes of pods: those of each pool.
struct Usual {
    all: Sizes,
    pools: SortedMap<Text, Sizes>,
}

impl Usual {
    fn of(bench: &Bench<'_>, demand: &Demand) -> Self {
        let mut all = Sizes::default();
        demand.pods.iter().for_each(|pod| all.add(&pod.info));
        let mut pools: SortedMap<Text, Sizes> = SortedMap::new();
        for node in bench.cache().nodes() {
            for place in demand.places(&node.pods) {
                let sizes = pools.entry(pool_of(node, &demand.apart)).or_default();
                if let Some(pod) = demand.pods.get(place) {
                    sizes.add(&pod.info);
                }
            }
        }
        Self { all, pools }
    }

    /// Whether a node has no room for another pod of the usual size of its pool.
    fn is_full(&self, pool: &str, taken: &ResourceAmounts) -> bool {
        let sizes = self.pools.get(pool).unwrap_or(&self.all);
        let mut all = taken.all();
        all.any(|(name, own)| (own.offered - own.requested).max(0) < sizes.mean(name))
    }
}

/// Looks at a cluster.
pub fn look(bench: &Bench<'_>, demand: &Demand, goal: &Goal, profiles: &[KubeProfile]) -> Picture {
    let usual = Usual::of(bench, demand);
    let mut picture = Picture::default();
    let mut pools: SortedMap<Text, Pool> = SortedMap::new();
    for node in bench.cache().nodes() {
        let mut taken = amounts(bench.cache(), node);
        let name = pool_of(node, &demand.apart);
        let is_full = usual.is_full(&name, &taken);
        if is_full {
            for (_, own) in &mut taken.0 {
                own.stranded = (own.offered - own.requested).max(0);
            }
        }
        let pool = pools.entry(name.clone()).or_insert_with(|| Pool {
            name: name.clone(),
            nodes: 0,
            virtual_nodes: 0,
            full: 0,
            taken: ResourceAmounts::default(),
        });
        // What a service offers says nothing about machines.
        let is_virtual = node.object.is_virtual();
        pool.nodes += 1;
        pool.virtual_nodes += u64::from(is_virtual);
        pool.full += u64::from(is_full);
        pool.taken.add(&taken);
        picture.virtual_nodes += u64::from(is_virtual);
        if !is_virtual {
            picture.taken.add(&taken);
        }
        let kind = label_of(&node.object.labels, INSTANCE_TYPE_LABEL).cloned();
        let kind = kind.unwrap_or_default();
        picture.shares.push(NodeShare {
            name: node.name().clone(),
            pool: name,
            kind: kind.clone(),
            zone: zone_of(node),
            option: if is_spot(&node.object.labels) {
                "spot"
            } else {
                "on demand"
            },
            price: goal.price_of(node),
            taken,
        });
        picture.nodes += 1;
        *picture.kinds.entry((kind, zone_of(node))).or_default() += 1;
    }
    picture.bill = Bill::of(bench.cache(), &mut picture.shares, goal);
    picture.price = picture.bill.total();
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
    picture.headroom = headroom(bench, demand, goal, profiles);
    picture
}

/// The cluster after a drain: it is lost with its only zone where today has several.
pub fn look_after(
    bench: &Bench<'_>,
    demand: &Demand,
    goal: &Goal,
    profiles: &[KubeProfile],
    today: &Picture,
) -> Picture {
    let mut picture = look(bench, demand, goal, profiles);
    if picture.zone_losses.is_empty() && !today.zone_losses.is_empty() {
        picture.zone_losses = lose_each(bench, demand, &zones(bench));
    }
    picture
}

/// Further pods of the largest workloads and of the most numerous one.
fn headroom(
    bench: &Bench<'_>,
    demand: &Demand,
    goal: &Goal,
    profiles: &[KubeProfile],
) -> Vec<Headroom> {
    let mut sizes: IndexMap<&Text, (&GoalPod, u64), FxBuildHasher> = IndexMap::default();
    for pod in &demand.pods {
        sizes.entry(&pod.workload).or_insert((pod, 0)).1 += 1;
    }
    let mut most = Amounts::default();
    for node in bench.cache().nodes() {
        let own = &node.allocatable;
        most.cpu_milli = most.cpu_milli.max(own.cpu_milli);
        most.memory = most.memory.max(own.memory);
        for (name, &amount) in &own.scalars {
            let known = most.scalars.entry(name.clone()).or_default();
            *known = (*known).max(amount);
        }
    }
    let size = |pod: &GoalPod| {
        let asked = &pod.info.class.requests;
        let scalars = asked.scalars.iter();
        let scalars = scalars.map(|(name, &own)| share(own, most.scalar(name)));
        let plain = share(asked.cpu_milli, most.cpu_milli).max(share(asked.memory, most.memory));
        scalars.fold(plain, i64::max)
    };
    let mut order: Vec<(&GoalPod, u64)> = sizes.into_values().collect();
    order.sort_by_key(|(pod, _)| Reverse(size(pod)));
    let usual = order.iter().max_by_key(|(_, count)| *count).copied();
    order.truncate(SIZES);
    if let Some(usual) = usual
        && !order.iter().any(|own| own.0.name == usual.0.name)
    {
        order.push(usual);
    }
    let rooms = order.into_iter().filter_map(|(pod, _)| {
        let profile = profile_or_default(profiles, &pod.info);
        let more = pod.replica(&goal.bounds, bench.cache()).ok()?;
        let admitted = goal.bounds.replicas(more.spec(), MOST_MORE);
        let placement = place(bench.cache(), profile, &more, admitted.count).ok()?;
        let refusal = { admitted.refusal }.filter(|_| placement.stop == Stop::Enough);
        let asked = &more.class.requests;
        Some(Headroom {
            pod: pod.name.clone(),
            cpu_milli: asked.cpu_milli,
            memory: asked.memory,
            fits: placement.fits,
            reason: refusal.or_else(|| placement.binding()),
        })
    });
    rooms.collect()
}
