//! Nodes that can be bought: types with their prices, the zones they come in, and what each node
//! carries before any other pod: its daemons and static pods.

use std::cmp::Reverse;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::bench::Bench;
use super::demand::{group_of, is_fixed, is_troubled, largest, selected_keys, zone_of};
use super::planned::{Carried, node_name};
use super::rules::NodeKind;
use crate::snapshot::{CLUSTER_LABEL, NamespaceBounds, Snapshot, SnapshotError};
use control::controllers::daemon_set::{added_tolerations, eligibility};
use k8s::{Maker, ManifestPod};
use model::node::{HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, ZONE_LABEL, is_spot, label_of};
use model::workload::DaemonSet;
use model::{Node, PodSpec, Text};
use scheduler::kube::{Amounts, Cache, NodeInfo, PodInfo};
use units::{SortedMap, SortedSet};
use world::offers::Offer;

/// Types of nodes on offer for a cluster.
pub struct Market {
    /// The types, in order of their list.
    pub types: Vec<Type>,
    /// Zones in which nodes are bought alike; one without a name if no node states a zone.
    pub zones: Vec<Text>,
}

/// A type of node.
pub struct Type {
    /// Name of the type.
    pub name: Text,
    /// Price in millionths an hour.
    pub price: i64,
    /// A node of the type.
    node: Node,
    /// Pods that each of its nodes carries first.
    carried: Vec<Arc<PodInfo>>,
    /// Amounts left for others.
    free: Amounts,
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
    /// that ready nodes of the type have.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn new(snapshot: &mut Snapshot, offers: &[Offer]) -> Result<Self, SnapshotError> {
        let daemons = daemons(snapshot);
        let clusters = Clusters::of_nodes(&snapshot.cache);
        let statics = statics(snapshot);
        let ready = snapshot.cache.nodes().filter(|node| !is_troubled(node));
        let workers = ready.filter(|node| !is_fixed(node));
        let workers: Vec<NodeInfo> = workers.cloned().collect();
        let zones: SortedSet<Text> = workers.iter().map(zone_of).collect();
        let zones: Vec<Text> = zones.into_iter().collect();
        let groups = groups(&workers, &snapshot.pods);
        let mut types = Vec::new();
        for offer in offers {
            let is_own = |node: &&&NodeInfo| {
                label_of(&node.object.labels, INSTANCE_TYPE_LABEL)
                    .is_some_and(|name| **name == *offer.name)
            };
            let seen = groups.iter().map(|(name, nodes)| {
                let nodes: Vec<&NodeInfo> = nodes.iter().filter(is_own).copied().collect();
                (name, nodes)
            });
            let seen: Vec<(&Text, Vec<&NodeInfo>)> =
                seen.filter(|(_, nodes)| !nodes.is_empty()).collect();
            let mut found = Vec::new();
            for (group, nodes) in &seen {
                found.push((*group, as_seen(&offer.node, &offer.name, nodes), &nodes[..]));
            }
            if found.is_empty() {
                // A type that no node has may join each group.
                for (group, nodes) in &groups {
                    found.push((group, as_joined(&offer.node, &offer.name, nodes), &[]));
                }
            }
            let none = Text::default();
            if found.is_empty() {
                found.push((&none, as_seen(&offer.node, &offer.name, &[]), &[]));
            }
            let is_only = found.len() == 1;
            for (group, node, seen) in found {
                let carried = carried(
                    &mut snapshot.cache,
                    &daemons,
                    &clusters,
                    &statics,
                    &node,
                    seen,
                )?;
                let mut free = Amounts::of(&node.allocatable)?;
                for pod in &carried {
                    free.change(&pod.class.requests, -1);
                    free.pods -= 1;
                }
                let name = if is_only || group.is_empty() {
                    offer.name.as_str().into()
                } else {
                    format!("{group}/{}", offer.name).into()
                };
                types.push(Type {
                    name,
                    price: offer.price_as(is_spot(&node.labels)),
                    node,
                    carried,
                    free,
                });
            }
        }
        let zones = if zones.is_empty() {
            vec![Text::default()]
        } else {
            zones
        };
        Ok(Self { types, zones })
    }

    /// The kinds of nodes that rules are about.
    pub fn kinds(&self) -> Vec<NodeKind> {
        let kinds = self.types.iter().map(|own| NodeKind {
            node: Arc::new(own.node.clone()),
            free: own.free.clone(),
        });
        kinds.collect()
    }

    /// Zone of each node of these numbers, in order of the types: the largest nodes are dealt first, each
    /// to the zone that has least so far, so that zones get alike.
    fn zones_of(&self, counts: &[u64]) -> Vec<usize> {
        let kinds = counts.iter().enumerate();
        let kinds: Vec<usize> = kinds
            .flat_map(|(kind, &count)| (0..count).map(move |_| kind))
            .collect();
        let most = largest(self.types.iter().map(|own| &own.free));
        let size = |kind: usize| most.share(&self.types[kind].free);
        let mut order: Vec<usize> = (0..kinds.len()).collect();
        order.sort_by_key(|&place| (Reverse(size(kinds[place])), place));
        let mut zones = vec![0; kinds.len()];
        let mut filled = vec![(0, 0); self.zones.len()];
        for place in order {
            let least = (0..filled.len()).min_by_key(|zone| (filled[*zone], *zone));
            let zone = least.unwrap_or(0);
            zones[place] = zone;
            filled[zone].0 += size(kinds[place]);
            filled[zone].1 += 1;
        }
        zones
    }

    /// Nodes to buy, given their numbers by type, dealt to the zones.
    pub fn nodes(&self, counts: &[u64]) -> Vec<BoughtNode> {
        let mut nodes = Vec::new();
        let zones = self.zones_of(counts);
        // Names of types may differ in letters that those of nodes don't have.
        let mut numbers: SortedMap<String, u64> = SortedMap::new();
        for (kind, (own, &count)) in self.types.iter().zip(counts).enumerate() {
            for _ in 0..count {
                let zone = self.zones[zones[nodes.len()]].clone();
                let stem = node_name(&own.name);
                let number = numbers.entry(stem.clone()).or_default();
                *number += 1;
                let name: Text = format!("plan-{stem}-{number}").into();
                let mut node = own.node.clone();
                node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
                if !zone.is_empty() {
                    node.labels.insert(ZONE_LABEL.into(), zone.clone());
                }
                node.name = name;
                nodes.push(BoughtNode {
                    node: Arc::new(node),
                    kind,
                    zone,
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
            for pod in &self.types[own.kind].carried {
                let mut pod = PodInfo::clone(pod);
                pod.name = format!("{}-{}", pod.name, own.node.name).into();
                bench.put(&Arc::new(pod), &own.node.name);
            }
        }
        Ok(())
    }
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

/// Groups of nodes by their names: nodes of one pool with the same taints and the same labels that pods
/// select nodes by, paid for in the same way, and of one cluster.
fn groups<'n>(nodes: &'n [NodeInfo], pods: &[ManifestPod]) -> Vec<(Text, Vec<&'n NodeInfo>)> {
    let keys = selected_keys(pods.iter().map(|pod| &*pod.spec));
    let mut groups: IndexMap<_, Vec<&NodeInfo>, FxBuildHasher> = IndexMap::default();
    for node in nodes {
        let labels = keys.iter().map(|key| label_of(&node.object.labels, key));
        let labels: Vec<Option<&Text>> = labels.collect();
        let option = is_spot(&node.object.labels);
        let taints = format!("{:?}", node.object.taints);
        let cluster = node.object.labels.get(CLUSTER_LABEL);
        let key = (group_of(node), taints, labels, option, cluster);
        groups.entry(key).or_default().push(node);
    }
    let mut named: SortedMap<Text, usize> = SortedMap::new();
    let groups = groups
        .into_iter()
        .map(|((name, _, labels, _, cluster), nodes)| {
            let selected = labels.into_iter().flatten().next();
            let mut tainted = { nodes[0].object.taints.iter() }.map(|own| &own.key);
            let own = Some(&name).filter(|own| !own.is_empty());
            let own = own.or(selected).or(tainted.next_back());
            let own = own.map_or_else(|| "other".into(), |own| own.replace('/', "-"));
            let own = cluster.map_or(own.clone(), |cluster| format!("{cluster}-{own}"));
            let number = named.entry(own.as_str().into()).or_default();
            *number += 1;
            let name = match *number {
                1 => own.into(),
                number => format!("{own}-{number}").into(),
            };
            (name, nodes)
        });
    groups.collect()
}

/// A node of a type that no node has, with the taints of a group and the labels that all of it share.
fn as_joined(listed: &Node, name: &str, group: &[&NodeInfo]) -> Node {
    let mut node = listed.clone();
    let Some((first, others)) = group.split_first() else {
        return node;
    };
    for (key, value) in &first.object.labels {
        let is_shared =
            { others.iter() }.all(|other| label_of(&other.object.labels, key) == Some(value));
        let is_of_type = key.contains("instance") || &**key == HOSTNAME_LABEL;
        if is_shared && !is_of_type && !node.labels.contains_key(key) {
            node.labels.insert(key.clone(), value.clone());
        }
    }
    node.taints.clone_from(&first.object.taints);
    node.labels.insert(INSTANCE_TYPE_LABEL.into(), name.into());
    node
}

/// A node of a type, with the labels and taints of one that is there and the least amounts of all.
fn as_seen(listed: &Node, name: &str, seen: &[&NodeInfo]) -> Node {
    let mut node = listed.clone();
    if let Some(first) = seen.first() {
        node.labels.clone_from(&first.object.labels);
        node.taints.clone_from(&first.object.taints);
        node.gpu.clone_from(&first.object.gpu);
        node.allocatable.clone_from(&first.object.allocatable);
        for other in &seen[1..] {
            for (resource, amount) in other.object.allocatable.iter() {
                if amount < node.allocatable.get(resource) {
                    node.allocatable.set(resource, amount);
                }
            }
        }
    }
    node.labels.insert(INSTANCE_TYPE_LABEL.into(), name.into());
    node
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
