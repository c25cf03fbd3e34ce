//! Pods of today that no plan may take for granted: those that their node has no room for, and those
//! that nothing but the nodes they would lose can hold.

use std::cmp::Reverse;
use std::sync::Arc;

use super::Move;
use super::bench::Bench;
use super::demand::{Demand, GoalPod};
use super::loss::{Domain, Survive, Unplaced};
use super::zonal::affinities_of;
use crate::place::unready::is_unready;
use model::node::HOSTNAME_LABEL;
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::rules::affinity::{admits, meets};
use model::{PodSpec, Text};
use scheduler::kube::{Amounts, Cache, NodeInfo, PodInfo};
use units::SortedSet;

/// Node whose pods request more than it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overfull {
    /// Name of the node.
    pub node: Text,
    /// Resource that it is short of.
    pub resource: Text,
    /// Requested amount, in milli-cores or whole units.
    pub requested: i64,
    /// Offered amount.
    pub offered: i64,
    /// Pods that leave it, `NAMESPACE/NAME`.
    pub pods: Vec<String>,
    /// Blocker that keeps it overfull all the same: a pod whose eviction is not granted, or pods of the node itself.
    pub stays: Option<Unplaced>,
}

/// Node that is not ready, with pods that have to run elsewhere: the cluster evicts them after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unready {
    /// Name of the node.
    pub node: Text,
    /// Pods that have to run elsewhere, `NAMESPACE/NAME`.
    pub pods: Vec<String>,
}

/// Cluster whose nodes are ready and hold no more than they offer, as far as others have room.
pub struct Settlement {
    /// Nodes that are not ready.
    pub unready: Vec<Unready>,
    /// Nodes that held more.
    pub overfull: Vec<Overfull>,
    /// Moves off all these nodes.
    pub moves: Vec<Move>,
    /// Places of the pods that find no other node.
    pub unplaced: Vec<usize>,
    /// The first of these, or the first node that stays overfull.
    pub first: Option<Unplaced>,
}

impl Settlement {
    /// Whether pods have to leave their nodes.
    pub(super) fn is_needed(&self) -> bool {
        !(self.unready.is_empty() && self.overfull.is_empty())
    }
}

/// A cluster whose nodes are ready and hold no more than they offer. Pods that find no node then have none.
pub(super) fn settled<'p>(bench: &Bench<'p>, demand: &mut Demand) -> (Bench<'p>, Settlement) {
    let mut own = bench.clone();
    own.mark();
    let settlement = settle(&mut own, demand);
    for &place in &settlement.unplaced {
        demand.pods[place].node = None;
    }
    (Bench::new(own.into_cache(), bench.profiles()), settlement)
}

/// Has the pods wait that nothing but nodes which are not ready can hold; gives whether there are any.
pub(super) fn strand(cache: &Cache, demand: &mut Demand) -> bool {
    let unready = cache.nodes().filter(|node| is_unready(node));
    let lost = Domain {
        name: String::new(),
        nodes: unready.map(|node| node.name().clone()).collect(),
    };
    let is_stranded = |pod: &GoalPod| {
        let mut nodes = lost.nodes.iter();
        nodes.any(|own| pod.node.as_ref() == Some(own))
            && is_tied(pod, cache, &lost, &Survive::Node(1))
    };
    let places = demand.pods.iter().enumerate();
    let places = places.filter(|(_, pod)| is_stranded(pod));
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    demand.strand(&places);
    !places.is_empty()
}

/// A cluster with the pods that have to run and have no node, as far as they find one; `None` if all have one.
pub(super) fn with_waiting<'p>(bench: &Bench<'p>, demand: &Demand) -> Option<Bench<'p>> {
    without_node(demand).next()?;
    let mut own = bench.clone();
    own.mark();
    own.place_all(without_node(demand));
    Some(own)
}

/// Pods of a demand that have no node today, in order.
pub(super) fn without_node(demand: &Demand) -> impl Iterator<Item = &Arc<PodInfo>> {
    let pods = demand.pods.iter().filter(|pod| pod.node.is_none());
    pods.map(|pod| &pod.info)
}

/// Amounts of a resource: its name, the requested and the offered amount.
type Use = (Text, i64, i64);

/// Amounts that are requested of a node, beside those that it offers.
fn uses(node: &NodeInfo) -> Vec<Use> {
    let (used, of) = (&node.requested, &node.allocatable);
    let plain = [
        (CPU, used.cpu_milli, of.cpu_milli),
        (MEMORY, used.memory, of.memory),
        (EPHEMERAL_STORAGE, used.storage, of.storage),
        (PODS, node.pods.len() as i64, of.pods),
    ];
    let plain = plain.map(|(name, used, of)| (name.into(), used, of));
    let scalars = used.scalars.iter();
    let scalars = scalars.map(|(name, &used)| (name.clone(), used, of.scalar(name)));
    plain.into_iter().chain(scalars).collect()
}

/// The first resource of a node that more is requested of than it offers.
fn excess(node: &NodeInfo) -> Option<Use> {
    uses(node).into_iter().find(|(_, used, of)| used > of)
}

/// Request of a resource.
fn request(amounts: &Amounts, resource: &str) -> i64 {
    match resource {
        CPU => amounts.cpu_milli,
        MEMORY => amounts.memory,
        EPHEMERAL_STORAGE => amounts.storage,
        PODS => 1,
        other => amounts.scalar(other),
    }
}

/// The pod that leaves a node, one that may be evicted if there is any: of the lowest priority the smallest that is
/// enough, or else the largest.
fn leaver(demand: &Demand, node: &NodeInfo, resource: &str, excess: i64) -> Option<usize> {
    let size = |place: usize| request(&demand.pods[place].info.class.requests, resource);
    let places = demand.places(&node.pods).into_iter();
    places
        .filter(|&place| size(place) > 0)
        .min_by_key(|&place| {
            let (pod, size) = (&demand.pods[place], size(place));
            let by_size = if size >= excess { size } else { -size };
            let key = (pod.kept_by.is_some(), pod.info.priority());
            (key, size < excess, by_size, Reverse(place))
        })
}

/// Moves pods off the nodes that are not ready, or have no room for them, as far as their eviction is granted.
pub fn settle(bench: &mut Bench<'_>, demand: &Demand) -> Settlement {
    let mut settled = Settlement {
        unready: Vec::new(),
        overfull: Vec::new(),
        moves: Vec::new(),
        unplaced: Vec::new(),
        first: None,
    };
    let mut leaving: Vec<(usize, Text)> = Vec::new();
    abandon(bench, demand, &mut settled, &mut leaving);
    relieve(bench, demand, &mut settled, &mut leaving);
    leaving.sort_by_key(|&(place, _)| (Reverse(demand.pods[place].info.priority()), place));
    for (place, from) in leaving {
        let pod = &demand.pods[place];
        match bench.place(&pod.info) {
            Ok(to) => settled.moves.push(Move::new(&pod.name, from, to)),
            Err(message) => {
                settled.unplaced.push(place);
                settled.first.get_or_insert_with(|| Unplaced {
                    pod: pod.name.clone(),
                    message: message.to_string(),
                });
            }
        }
    }
    let mut stay = { settled.overfull.iter() }.filter_map(|own| own.stays.clone());
    settled.first = settled.first.or_else(|| stay.next());
    settled
}

/// Takes the pods off nodes that are not ready.
fn abandon(
    bench: &mut Bench<'_>,
    demand: &Demand,
    settled: &mut Settlement,
    leaving: &mut Vec<(usize, Text)>,
) {
    let nodes = bench.cache().nodes().filter(|node| is_unready(node));
    let nodes = nodes.map(|node| (node.name().clone(), demand.places(&node.pods)));
    let nodes: Vec<(Text, Vec<usize>)> = nodes.collect();
    for (node, places) in nodes.into_iter().filter(|own| !own.1.is_empty()) {
        let pods = places.iter().map(|&place| &demand.pods[place]);
        settled.unready.push(Unready {
            node: node.clone(),
            pods: pods.map(|pod| pod.name.clone()).collect(),
        });
        for place in places {
            bench.displace(&demand.pods[place].info, &node);
            leaving.push((place, node.clone()));
        }
    }
}

/// Takes pods off nodes that have no room for them.
fn relieve(
    bench: &mut Bench<'_>,
    demand: &Demand,
    settled: &mut Settlement,
    leaving: &mut Vec<(usize, Text)>,
) {
    let over = { bench.cache().nodes() }
        .filter(|node| excess(node).is_some())
        .map(|node| node.name().clone());
    let over: Vec<Text> = over.collect();
    for name in over {
        let Some((resource, requested, offered)) = bench.cache().node(&name).and_then(excess)
        else {
            continue;
        };
        let mut own = Overfull {
            node: name.clone(),
            resource,
            requested,
            offered,
            pods: Vec::new(),
            stays: None,
        };
        while let Some(node) = bench.cache().node(&name)
            && let Some((resource, used, of)) = excess(node)
        {
            let Some(place) = leaver(demand, node, &resource, used - of) else {
                own.stays = Some(Unplaced {
                    pod: format!("node {name}"),
                    message: "pods of the node itself request more than it offers".to_owned(),
                });
                break;
            };
            let pod = &demand.pods[place];
            if let Some(why) = &pod.kept_by {
                own.stays = Some(Unplaced {
                    pod: pod.name.clone(),
                    message: why.to_string(),
                });
                break;
            }
            own.pods.push(pod.name.clone());
            bench.displace(&pod.info, &name);
            leaving.push((place, name.clone()));
        }
        settled.overfull.push(own);
    }
}

/// Whether the selectors of a spec name nodes, or the label by which they are lost.
fn names_nodes(spec: &PodSpec, survive: &Survive) -> bool {
    let lost = match survive {
        Survive::Label(label) => label,
        Survive::Node(_) => HOSTNAME_LABEL,
    };
    let is_named = |key: &Text| &**key == HOSTNAME_LABEL || &**key == lost;
    let required = spec.affinity.node.required.iter();
    let mut terms = required.flat_map(|own| &own.terms);
    spec.node_selector.keys().any(is_named)
        || terms.any(|term| {
            let mut keys = term.match_expressions.iter();
            !term.match_fields.is_empty() || keys.any(|own| is_named(&own.key))
        })
}

/// Whether a loss takes all nodes that reach a pod's volumes, or that it names: no further node helps.
fn is_tied(pod: &GoalPod, cache: &Cache, domain: &Domain, survive: &Survive) -> bool {
    let spec = pod.info.spec();
    let affinities = affinities_of(&pod.info, &cache.objects);
    let has_name = names_nodes(spec, survive);
    if affinities.is_empty() && !has_name {
        return false;
    }
    let mut others = { cache.nodes() }.filter(|node| !domain.nodes.contains(node.name()));
    !others.any(|node| {
        let node = &node.object;
        (!has_name || admits(spec, node)) && affinities.iter().all(|own| meets(Some(own), node))
    })
}

/// Places of the pods that can't outlive some loss of a sort, for each sort.
pub fn tied(bench: &Bench<'_>, demand: &Demand, survive: &[Survive]) -> Vec<SortedSet<usize>> {
    let cache = bench.cache();
    let of = |survive: &Survive| {
        let mut tied = SortedSet::new();
        for domain in survive.domains(bench) {
            let nodes = domain.nodes.iter().filter_map(|name| cache.node(name));
            for place in nodes.flat_map(|node| demand.places(&node.pods)) {
                if is_tied(&demand.pods[place], cache, &domain, survive) {
                    tied.insert(place);
                }
            }
        }
        tied
    };
    survive.iter().map(of).collect()
}
