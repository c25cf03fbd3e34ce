//! Loss of each node and each zone in turn: whether the scheduler finds new places for the pods.

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;

use rayon::prelude::*;

use super::bench::Bench;
use super::demand::Demand;
use crate::place::turns::{Range, Turn, range};
use model::Text;
use model::node::label_of;
use units::{SortedMap, SortedSet, plural};

/// Nodes that are lost together.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The domain, such as `node n1` or `zone a`.
    pub name: String,
    /// The lost nodes.
    pub nodes: Vec<Text>,
}

/// Effect of a loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// The lost domain.
    pub domain: String,
    /// Number of pods that look for a new node.
    pub requeued: u64,
    /// Number of these that find none.
    pub waiting: u64,
    /// The first pod that finds none, and the scheduler's message about it.
    pub first: Option<Unplaced>,
    /// Numbers of these in this order of the pods and others, with other choices among equally good nodes.
    pub range: Range,
    /// Places of the pods that find none.
    #[serde(skip)]
    pub places: Vec<usize>,
}

/// A pod that finds no node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unplaced {
    /// `NAMESPACE/NAME`.
    pub pod: String,
    /// Message of the scheduler.
    pub message: String,
}

impl Unplaced {
    /// The pod after a loss.
    pub(super) fn after(self, domain: &str) -> Self {
        let message = match &*self.message {
            "" => String::new(),
            why => format!("after the loss of {domain}: {why}"),
        };
        Self { message, ..self }
    }

    /// Whether no node of the message lacks a resource: more room gives nothing that is missing.
    pub fn is_of_rules(&self) -> bool {
        !self.message.contains("Insufficient") && !self.message.contains("Too many pods")
    }
}

/// Domains that a plan is to survive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Survive {
    /// Any node; the number of nodes at once, whichever they are.
    Node(usize),
    /// Any value of a label.
    Label(Text),
}

impl Survive {
    /// Any zone.
    pub fn zone() -> Self {
        Self::Label(model::node::ZONE_LABEL.into())
    }

    /// The label by whose values nodes are lost, if it is not that of zones.
    pub fn label(&self) -> Option<&Text> {
        match self {
            Self::Label(label) if &**label != model::node::ZONE_LABEL => Some(label),
            _ => None,
        }
    }

    /// Refuses a loss that says nothing about a cluster: of more nodes than there are, or by a label that
    /// no node has.
    ///
    /// # Errors
    /// The loss in words, with what there is.
    pub fn check(&self, bench: &Bench<'_>) -> Result<(), String> {
        let nodes = bench.cache().node_count();
        match self {
            Self::Node(count) if *count > 1 && *count >= nodes => Err(format!(
                "--survive node:{count}: the cluster has {}, so that none would be left; give a \
                 smaller number",
                plural::count(nodes, "node")
            )),
            Self::Node(count) if sets(machines(bench).len(), *count) > MOST_SETS => Err(format!(
                "--survive node:{count}: {} have more than the {MOST_SETS} sets of {count} that are \
                 tried; give `node`, or a label such as a rack's",
                plural::count(machines(bench).len(), "node")
            )),
            Self::Label(label) if self.domains(bench).is_empty() => Err(format!(
                "--survive: no node has the label `{label}`, so that nothing can be lost by it; give \
                 `node`, or a label that nodes have"
            )),
            _ => Ok(()),
        }
    }

    /// The domains in a cluster.
    pub fn domains(&self, bench: &Bench<'_>) -> Vec<Domain> {
        match self {
            Self::Node(count) => nodes(bench, *count),
            Self::Label(label) if &**label == model::node::ZONE_LABEL => zones(bench),
            Self::Label(label) => by(bench, label, |value| format!("{label}={value}")),
        }
    }
}

/// As the option has it.
impl fmt::Display for Survive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(1) => f.write_str("node"),
            Self::Node(count) => write!(f, "node:{count}"),
            Self::Label(_) if *self == Self::zone() => f.write_str("zone"),
            Self::Label(label) => f.write_str(label),
        }
    }
}

/// Most sets of nodes that are lost one after the other.
const MOST_SETS: usize = 50_000;

/// Machines of a cluster.
fn machines(bench: &Bench<'_>) -> Vec<Text> {
    let nodes = bench.cache().nodes();
    let machines = nodes.filter(|node| !node.object.is_virtual());
    machines.map(|node| node.name().clone()).collect()
}

/// Number of ways to choose some of a number of nodes, as far as it matters.
fn sets(nodes: usize, count: usize) -> usize {
    (0..count).fold(1, |sets: usize, place| {
        sets.saturating_mul(nodes.saturating_sub(place)) / (place + 1)
    })
}

/// Each node, or every `count` nodes at once.
fn nodes(bench: &Bench<'_>, count: usize) -> Vec<Domain> {
    let names = machines(bench);
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..count {
        let longer = chosen.into_iter().flat_map(|own| {
            let next = own.last().map_or(0, |last| last + 1);
            (next..names.len()).map(move |place| [&own[..], &[place]].concat())
        });
        chosen = longer.collect();
    }
    let what = if count == 1 { "node" } else { "nodes" };
    let domains = chosen.into_iter().map(|own| {
        let nodes: Vec<Text> = own.into_iter().map(|place| names[place].clone()).collect();
        let name = format!("{what} {}", nodes.join(", "));
        Domain { name, nodes }
    });
    domains.collect()
}

/// Each zone.
pub fn zones(bench: &Bench<'_>) -> Vec<Domain> {
    by(bench, model::node::ZONE_LABEL, |zone| {
        format!("zone {zone}")
    })
}

fn by(bench: &Bench<'_>, label: &str, name: impl Fn(&str) -> String) -> Vec<Domain> {
    let mut groups: SortedMap<Text, Vec<Text>> = SortedMap::new();
    // What a service runs is made anew by it, wherever it has room.
    let machines = bench.cache().nodes();
    for node in machines.filter(|node| !node.object.is_virtual()) {
        let value = label_of(&node.object.labels, label);
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            groups
                .entry(value.clone())
                .or_default()
                .push(node.name().clone());
        }
    }
    let groups = groups.into_iter().map(|(value, nodes)| Domain {
        name: name(&value),
        nodes,
    });
    groups.collect()
}

/// Loses each domain by itself; the answers are in order of the domains, however many threads work.
pub fn lose_each(bench: &Bench<'_>, demand: &Demand, domains: &[Domain]) -> Vec<Loss> {
    // Each thread has one copy of the cluster, whose scheduler keeps its answers from trial to trial.
    let none = SortedSet::new();
    let parts = parts(domains, rayon::current_num_threads());
    let losses = parts.into_par_iter().flat_map_iter(|part| {
        let mut own = bench.clone();
        let losses = part.iter().map(|domain| {
            let mut loss = lose(&mut own, demand, domain, &none);
            let tells = own.tell_why(false);
            loss.range = range(loss.requeued, loss.waiting, |turn| {
                lose_by(&mut own, demand, domain, &none, turn).waiting
            });
            own.tell_why(tells);
            loss
        });
        losses.collect::<Vec<Loss>>()
    });
    losses.collect()
}

/// Domains, cut into at most a number of parts with about as many nodes each.
fn parts(domains: &[Domain], count: usize) -> Vec<&[Domain]> {
    let all: usize = domains.iter().map(|domain| domain.nodes.len()).sum();
    let share = all.div_ceil(count.max(1));
    let (mut parts, mut begin, mut nodes) = (Vec::new(), 0, 0);
    for (place, domain) in domains.iter().enumerate() {
        nodes += domain.nodes.len();
        if nodes >= share || place + 1 == domains.len() {
            parts.push(&domains[begin..=place]);
            (begin, nodes) = (place + 1, 0);
        }
    }
    parts
}

/// The first domain whose loss leaves pods waiting, those aside left out.
pub fn first_fatal(
    bench: &Bench<'_>,
    demand: &Demand,
    domains: &[Domain],
    aside: &SortedSet<usize>,
) -> Option<Loss> {
    let parts = parts(domains, rayon::current_num_threads());
    parts.into_par_iter().find_map_first(|part| {
        let mut own = bench.clone();
        let mut losses = part
            .iter()
            .map(|domain| lose(&mut own, demand, domain, aside));
        losses.find(|loss| loss.waiting > 0)
    })
}

/// Loses a domain and takes that back; the pods aside may wait.
pub(super) fn lose(
    bench: &mut Bench<'_>,
    demand: &Demand,
    domain: &Domain,
    aside: &SortedSet<usize>,
) -> Loss {
    lose_by(bench, demand, domain, aside, Turn::GIVEN)
}

/// As [`lose`], in one way.
fn lose_by(
    bench: &mut Bench<'_>,
    demand: &Demand,
    domain: &Domain,
    aside: &SortedSet<usize>,
    turn: Turn,
) -> Loss {
    let mark = bench.mark();
    let pods = bench.take_nodes(&domain.nodes);
    // Nobody makes pods anew that no controller has.
    let mut places = demand.places(&pods);
    places.retain(|&place| !demand.pods[place].is_bare);
    // Pods that growth added stand behind all others, whatever their priority.
    places.sort_by_key(|&place| {
        let pod = &demand.pods[place].info;
        (Reverse(pod.priority()), turn.place_of(pod))
    });
    bench.break_ties(Some(turn));
    let mut loss = Loss {
        domain: domain.name.clone(),
        requeued: places.len() as u64,
        waiting: 0,
        first: None,
        range: (0, 0),
        places: Vec::new(),
    };
    let unplaced = bench.place_all(places.iter().map(|&place| &demand.pods[place].info));
    for (pod, message) in unplaced {
        let place = demand.places(std::slice::from_ref(&pod)).into_iter().next();
        if place.is_some_and(|place| aside.contains(&place)) {
            continue;
        }
        let own = Unplaced {
            pod: pod.full_name(),
            message: message.to_string(),
        };
        loss.places.extend(place);
        loss.waiting += 1;
        loss.first.get_or_insert(own);
    }
    bench.break_ties(None);
    bench.roll_back(mark);
    loss.range = (loss.waiting, loss.waiting);
    loss
}
