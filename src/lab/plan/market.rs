//! Nodes that can be bought: types with their prices, the zones they come in, and what each node
//! carries before any other pod: its daemons and static pods.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::deal::{Needs, dealt, needs};
use super::demand::{Demand, is_fixed, largest};
use super::goal::Goal;
use super::groups::{Group, as_joined, as_shown, groups, is_foreign};
use super::loss::Survive;
use super::places::{Places, zones_of};
use super::planned::{Carried, node_name};
use super::rules::NodeKind;
use super::shifts::Shift;
use crate::snapshot::{CLUSTER_LABEL, NamespaceBounds, Snapshot, SnapshotError};
use control::controllers::daemon_set::{added_tolerations, eligibility};
use k8s::{Maker, ManifestPod};
use model::node::{HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, is_spot, label_of};
use model::volume::CsiNode;
use model::workload::DaemonSet;
use model::{Node, PodSpec, Text};
use scheduler::kube::{Amounts, Cache, NodeInfo, PodInfo};
use units::{SortedMap, SortedSet};
use world::offers::Offer;

/// Types of nodes on offer for a cluster.
pub struct Market {
    /// The types, in order of their list.
    pub types: Vec<Type>,
    places: Places,
    needs: Needs,
}

/// A type of node.
pub struct Type {
    /// Name of the type.
    pub name: Text,
    /// Price in millionths an hour.
    pub price: i64,
    /// A node of the type.
    pub(super) node: Node,
    /// Number of its group, whose nodes are dealt to zones together.
    pub(super) group: usize,
    /// Zones that it comes in.
    pub(super) zones: Vec<usize>,
    /// Most volumes that each driver attaches to a node, where it is known.
    limits: Option<CsiNode>,
    /// Pods that each of its nodes carries first.
    carried: Vec<Arc<PodInfo>>,
    /// Amounts left for others.
    pub(super) free: Amounts,
}

/// A node that is bought.
#[derive(Clone, Debug)]
pub struct BoughtNode {
    /// The node as the scheduler sees it.
    pub node: Arc<Node>,
    /// Place of its type on the market.
    pub kind: usize,
    /// Zone of the node; empty if it has none.
    pub zone: Text,
}

impl Market {
    /// The types on offer, as the nodes of a cluster show them: allocatable amounts are the least
    /// that ready nodes of the type have. Each type may join each group of nodes, in the zones of the group;
    /// where its price differs between these, it is several types. Nodes are dealt to the values of the labels by
    /// which they may be lost or pods spread, as to zones.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn new(
        snapshot: &mut Snapshot,
        offers: &[Offer],
        lost: &[Survive],
    ) -> Result<Self, SnapshotError> {
        let daemons = daemons(snapshot);
        let clusters = Clusters::of_nodes(&snapshot.cache);
        let statics = statics(snapshot);
        let workers = snapshot.cache.nodes().filter(|node| !is_fixed(node));
        let workers: Vec<NodeInfo> = workers.cloned().collect();
        let groups = groups(&workers, &snapshot.pods);
        let places = Places::of(&workers, &groups, &snapshot.pods, lost);
        let zonal = is_zonal(&groups);
        let mut types = Vec::new();
        for offer in offers {
            for joined in of_groups(offer, &groups) {
                let carried = carried(
                    &mut snapshot.cache,
                    &daemons,
                    &clusters,
                    &statics,
                    &joined.node,
                    &joined.seen,
                )?;
                let mut free = Amounts::of(&joined.node.allocatable)?;
                for pod in &carried {
                    free.change(&pod.class.requests, -1);
                    free.pods -= 1;
                }
                let zones = places.of_group(&joined.group.1, zonal);
                let priced = by_price(offer, is_spot(&joined.node.labels), &zones, &places.zones);
                let is_one = priced.len() == 1;
                for (price, zones) in priced {
                    let mut name = match groups.len() {
                        0 | 1 => offer.name.clone(),
                        _ => format!("{}/{}", joined.group.0, offer.name),
                    };
                    if !is_one {
                        let names: Vec<&str> =
                            zones.iter().map(|own| &*places.zones[*own]).collect();
                        name = format!("{name}/{}", names.join("+"));
                    }
                    types.push(Type {
                        name: name.into(),
                        price,
                        node: joined.node.clone(),
                        group: joined.place,
                        zones,
                        limits: limits(&snapshot.cache, &joined),
                        carried: carried.clone(),
                        free: free.clone(),
                    });
                }
            }
        }
        Ok(Self {
            types,
            places,
            needs: Needs::default(),
        })
    }

    /// Zones in which nodes are bought; one without a name if no node states a zone.
    pub fn zones(&self) -> &[Text] {
        &self.places.zones
    }

    /// The kinds of nodes that rules are about.
    pub fn kinds(&self) -> Vec<NodeKind> {
        let kinds = self.types.iter().map(|own| {
            let mut nodes = self.places.variants(&own.node, &own.zones).into_iter();
            NodeKind {
                node: nodes.next().unwrap_or_else(|| Arc::new(own.node.clone())),
                elsewhere: nodes.collect(),
                free: own.free.clone(),
            }
        });
        kinds.collect()
    }

    /// Deals nodes to zones by the needs of pods from now on.
    pub(super) fn bind(&mut self, base: &Bench<'_>, demand: &Demand, goal: &Goal) {
        self.needs = needs(&self.types, &self.places, base, demand, goal);
    }

    /// Numbers of nodes by type and zone.
    pub(super) fn in_zones(&self, counts: &[u64], shifts: &[Shift]) -> Vec<u64> {
        let zones = self.places.zones.len();
        let mut numbers = vec![0; counts.len() * zones];
        let spots = dealt(&self.types, &self.places, &self.needs, counts, shifts);
        let kinds = counts.iter().enumerate();
        let kinds = kinds.flat_map(|(kind, &count)| (0..count).map(move |_| kind));
        for (kind, spot) in kinds.zip(spots) {
            numbers[kind * zones + spot.zone] += 1;
        }
        numbers
    }

    /// Further shifts of a node to another zone of its type; none where no pods are bound to zones, or zones get
    /// alike.
    pub(super) fn shifts(&self, counts: &[u64], shifts: &[Shift]) -> Vec<Shift> {
        if !self.needs.is_uneven() {
            return Vec::new();
        }
        let zones = self.places.zones.len();
        let numbers = self.in_zones(counts, shifts);
        let there = numbers.iter().enumerate().filter(|(_, count)| **count > 0);
        let further = there.flat_map(|(place, _)| {
            let (kind, from) = (place / zones, place % zones);
            let others = self.types[kind].zones.iter().filter(move |to| **to != from);
            others.map(move |&to| Shift { kind, from, to })
        });
        further.collect()
    }

    /// Share of the largest node that pods ask for.
    pub(super) fn share(&self, asked: &Amounts) -> i128 {
        largest(self.types.iter().map(|own| &own.free)).share(asked)
    }

    /// Nodes to buy, given their numbers by type, dealt to the zones.
    pub(super) fn nodes(&self, counts: &[u64], shifts: &[Shift]) -> Vec<BoughtNode> {
        let mut nodes = Vec::new();
        let spots = dealt(&self.types, &self.places, &self.needs, counts, shifts);
        // Names of types may differ in letters that those of nodes don't have.
        let mut numbers: SortedMap<String, u64> = SortedMap::new();
        for (kind, (own, &count)) in self.types.iter().zip(counts).enumerate() {
            for _ in 0..count {
                let spot = &spots[nodes.len()];
                let stem = node_name(&own.name);
                let number = numbers.entry(stem.clone()).or_default();
                *number += 1;
                let name: Text = format!("plan-{stem}-{number}").into();
                let mut node = own.node.clone();
                node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
                self.places.put(&mut node, spot);
                node.name = name;
                nodes.push(BoughtNode {
                    node: Arc::new(node),
                    kind,
                    zone: self.places.zones[spot.zone].clone(),
                });
            }
        }
        nodes
    }

    /// Pods that a bought node carries before all others.
    pub fn carried(&self, own: &BoughtNode) -> Vec<Carried> {
        let pods = self.types[own.kind].carried.iter();
        let carried = pods.map(|pod| Carried {
            node: own.node.name.clone(),
            namespace: pod.spec().namespace.clone(),
            stem: pod.name.text(),
        });
        carried.collect()
    }

    /// Adds bought nodes to a cluster with what they carry.
    ///
    /// # Errors
    /// If a node of one of the names is there.
    pub fn add(&self, bench: &mut Bench<'_>, nodes: &[BoughtNode]) -> Result<(), SnapshotError> {
        let objects: Vec<Arc<Node>> = nodes.iter().map(|own| own.node.clone()).collect();
        bench.add_nodes(&objects)?;
        for own in nodes {
            let kind = &self.types[own.kind];
            if let Some(limits) = &kind.limits {
                bench.limit_volumes(&own.node.name, limits);
            }
            for pod in &kind.carried {
                let mut pod = PodInfo::clone(pod);
                pod.name = format!("{}-{}", pod.name, own.node.name).into();
                bench.put(&Arc::new(pod), &own.node.name);
            }
        }
        Ok(())
    }
}

/// Whether every group lies in a single zone, and not all of them in the same one: the provider has a group for each zone.
fn is_zonal(groups: &[Group<'_>]) -> bool {
    let zones = groups.iter().map(|(_, nodes)| zones_of(nodes));
    let zones: Vec<SortedSet<Text>> = zones.collect();
    let all: SortedSet<&Text> = zones.iter().flatten().collect();
    all.len() > 1 && zones.iter().all(|own| own.len() == 1)
}

/// Prices of a type in some zones, each with the zones that have it. Where none has one, the dearest of the list counts.
fn by_price(
    offer: &Offer,
    is_spot: bool,
    zones: &[usize],
    names: &[Text],
) -> Vec<(i64, Vec<usize>)> {
    let mut priced: IndexMap<i64, Vec<usize>, FxBuildHasher> = IndexMap::default();
    for &zone in zones {
        if let Some(price) = offer.price_in(&names[zone], is_spot) {
            priced.entry(price).or_default().push(zone);
        }
    }
    if priced.is_empty() {
        return vec![(offer.price_as(is_spot), zones.to_vec())];
    }
    priced.into_iter().collect()
}

/// Most volumes that are attached to a node of a type: as on one that is there, or else on one of its group.
fn limits(cache: &Cache, joined: &Joined<'_>) -> Option<CsiNode> {
    let nodes = joined.seen.iter().chain(&joined.group.1);
    let mut known = nodes.filter_map(|node| cache.objects.csi_nodes.get(node.name()));
    known.next().cloned()
}

/// Node of a type that joins a group.
struct Joined<'n> {
    /// The group, and its place among all.
    group: Group<'n>,
    place: usize,
    node: Node,
    /// Nodes of the type that are in the group.
    seen: Vec<&'n NodeInfo>,
}

/// Nodes of a type in each group; one alone where there are no groups.
fn of_groups<'n>(offer: &Offer, groups: &[Group<'n>]) -> Vec<Joined<'n>> {
    let is_own = |node: &&&NodeInfo| {
        label_of(&node.object.labels, INSTANCE_TYPE_LABEL).is_some_and(|name| **name == *offer.name)
    };
    let all = groups.iter().flat_map(|(_, nodes)| nodes);
    let all: Vec<&NodeInfo> = all.filter(is_own).copied().collect();
    let basis = as_shown(&offer.node, &offer.name, &all);
    if groups.is_empty() {
        return vec![Joined {
            group: (Text::default(), Vec::new()),
            place: 0,
            node: basis,
            seen: Vec::new(),
        }];
    }
    let joined = groups.iter().enumerate().filter_map(|(place, group)| {
        let nodes = &group.1;
        let seen: Vec<&NodeInfo> = nodes.iter().filter(is_own).copied().collect();
        let node = if seen.is_empty() {
            if is_foreign(&basis, nodes) {
                return None;
            }
            as_joined(&basis, nodes, false)
        } else {
            as_joined(&as_shown(&offer.node, &offer.name, &seen), &seen, true)
        };
        Some(Joined {
            group: group.clone(),
            place,
            node,
            seen,
        })
    });
    joined.collect()
}

/// Pods that a node carries before all others.
fn carried(
    cache: &mut Cache,
    daemons: &[DaemonSet],
    clusters: &Clusters,
    statics: &Statics,
    node: &Node,
    seen: &[&NodeInfo],
) -> Result<Vec<Arc<PodInfo>>, SnapshotError> {
    let daemons = daemons.iter();
    let daemons = daemons.filter(|set| eligibility(set, node).should_run);
    let daemons =
        daemons.filter(|set| clusters.of(&set.namespace) == node.labels.get(CLUSTER_LABEL));
    let daemons = daemons.map(|set| (set.name.to_string(), set.template.clone()));
    let mut carried = Vec::new();
    for (name, spec) in daemons.chain(statics.on_all(seen)) {
        carried.push(Arc::new(pod_of(cache, &spec, &name)?));
    }
    Ok(carried)
}

fn pod_of(cache: &mut Cache, spec: &Arc<PodSpec>, name: &str) -> Result<PodInfo, SnapshotError> {
    Ok(PodInfo {
        class: cache.class(spec)?,
        name: name.into(),
        ..PodInfo::default()
    })
}

/// The daemon sets of a cluster: those that the dump has, and those that its pods tell of.
fn daemons(snapshot: &Snapshot) -> Vec<DaemonSet> {
    let bounds = NamespaceBounds::of(snapshot);
    let mut sets: SortedMap<(Text, Text), DaemonSet> = SortedMap::new();
    for set in &snapshot.declared.daemon_sets {
        let key = (set.namespace.clone(), set.name.clone());
        let mut set = DaemonSet::clone(set);
        let template = PodSpec {
            namespace: set.namespace.clone(),
            ..PodSpec::clone(&set.template)
        };
        set.template = bounds.filled_template(&Arc::new(template));
        sets.insert(key, set);
    }
    for pod in snapshot.pods.iter().filter(|pod| !pod.phase.is_final()) {
        let Some(owner) = pod
            .controller
            .as_ref()
            .filter(|own| &*own.kind == "DaemonSet")
        else {
            continue;
        };
        let key = (pod.namespace().clone(), owner.name.clone());
        sets.entry(key).or_insert_with(|| DaemonSet {
            namespace: pod.namespace().clone(),
            name: owner.name.clone(),
            template: Arc::new(unpinned(&pod.spec)),
            ..DaemonSet::default()
        });
    }
    sets.into_values().collect()
}

/// Spec of a daemon's pod for any node.
fn unpinned(spec: &PodSpec) -> PodSpec {
    let mut spec = spec.clone();
    if let Some(required) = &mut spec.affinity.node.required {
        for term in &mut required.terms {
            term.match_fields.clear();
        }
        required
            .terms
            .retain(|term| !term.match_expressions.is_empty());
        if required.terms.is_empty() {
            spec.affinity.node.required = None;
        }
    }
    let added = added_tolerations(false);
    spec.tolerations.retain(|own| !added.contains(own));
    spec
}

/// Names of clusters that stand side by side.
struct Clusters(Vec<Text>);

impl Clusters {
    fn of_nodes(cache: &Cache) -> Self {
        let names = cache
            .nodes()
            .filter_map(|node| node.object.labels.get(CLUSTER_LABEL));
        let names: SortedSet<&Text> = names.collect();
        Self(names.into_iter().cloned().collect())
    }

    /// The cluster of a namespace, whose name begins with that of the cluster; of several names the
    /// longest counts.
    fn of(&self, namespace: &str) -> Option<&Text> {
        let begins = |name: &&Text| {
            let rest = namespace.strip_prefix(&***name);
            rest.is_some_and(|rest| rest.starts_with('-'))
        };
        self.0.iter().filter(begins).max_by_key(|name| name.len())
    }
}

/// Static pods by the nodes that they are on.
struct Statics(SortedMap<(Text, String), Static>);

struct Static {
    spec: Arc<PodSpec>,
    nodes: SortedSet<Text>,
}

/// The static pods of a cluster; each is named after its node.
fn statics(snapshot: &Snapshot) -> Statics {
    let mut statics = SortedMap::new();
    let of_node = |pod: &&ManifestPod| {
        let owner = pod.controller.as_ref().map(|own| &*own.kind);
        pod.maker == Maker::Node && owner != Some("DaemonSet") && !pod.phase.is_final()
    };
    for pod in snapshot.pods.iter().filter(of_node) {
        let Some(node) = &pod.node_name else { continue };
        let stem = pod.name.strip_suffix(&**node).unwrap_or(&pod.name);
        let stem = stem.trim_end_matches('-').to_owned();
        let known = statics
            .entry((pod.namespace().clone(), stem))
            .or_insert_with(|| Static {
                spec: pod.spec.clone(),
                nodes: SortedSet::new(),
            });
        known.nodes.insert(node.clone());
    }
    Statics(statics)
}

impl Statics {
    /// The static pods that every one of some nodes has.
    fn on_all(&self, nodes: &[&NodeInfo]) -> Vec<(String, Arc<PodSpec>)> {
        if nodes.is_empty() {
            return Vec::new();
        }
        let everywhere = self.0.iter().filter(|(_, own)| {
            let mut names = nodes.iter().map(|node| node.name());
            names.all(|name| own.nodes.contains(name))
        });
        everywhere
            .map(|((_, stem), own)| (stem.clone(), own.spec.clone()))
            .collect()
    }
}
