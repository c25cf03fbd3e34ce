//! Rules that every placement keeps, whatever the scheduler: an amount of a resource, a number of places
//! for pods of a size, one node each for pods that keep apart. Each gives the least that nodes have
//! to offer together, and names the pods that it adds up.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::demand::{Demand, GoalPod};
use super::goal::Goal;
use super::zonal::{spreads, zonal};
use model::node::HOSTNAME_LABEL;
use model::rules::admits;
use model::{ClusterObjects, Node, PodSpec, Text};
use scheduler::kube::{Amounts, PodClass};
use units::quantity::SuffixFamily;
use units::{Quantity, SortedSet};

/// Number of sizes of pods that get a rule of their own: the most numerous.
const SIZES: usize = 50;

/// Number of pods and nodes that a proof names.
const NAMED: usize = 5;

/// Nodes that offer the same to every pod.
#[derive(Clone, Debug)]
pub struct NodeKind {
    /// One of the nodes, without pods.
    pub node: Arc<Node>,
    /// The others that differ from it in labels: those that are bought in other zones.
    pub elsewhere: Vec<Arc<Node>>,
    /// Amounts that are left for pods of the goal: what daemons and static pods take is off.
    pub free: Amounts,
}

impl NodeKind {
    /// Whether one of the nodes admits a pod by its labels and taints.
    pub fn admits(&self, spec: &PodSpec) -> bool {
        let mut nodes = std::iter::once(&self.node).chain(&self.elsewhere);
        nodes.any(|node| admits(spec, node))
    }
}

/// A rule that every placement keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Words about what is counted, such as `cpu` or `places for pods of cpu 1500m or more`.
    pub what: String,
    /// Amount that the pods need together.
    pub need: i64,
    /// Amount that one node of each kind gives.
    pub gives: Vec<i64>,
    /// Number of pods that are added up.
    pub pods: u64,
    /// The first of these.
    pub named: Vec<String>,
    /// Classes of these, by their places in [`classes`].
    pub classes: Vec<usize>,
    /// Arithmetic of the rule.
    pub sort: RuleSort,
    /// Amount that nodes give which stay as they are, and which is off the need.
    pub given: i64,
}

/// Arithmetic of a rule, by which anyone can add it up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSort {
    /// Sum of a resource.
    Resource(String),
    /// Places for pods that request at least these amounts; a node has as many as fit side by side.
    Size(Vec<(String, i64)>),
    /// Worth of pods of each class, by its place: a node holds so much of it at most, whatever set of
    /// pods is put on it.
    Worth(Vec<(usize, i64)>),
    /// Pods of which a node takes one.
    Apart,
    /// Pods that spread evenly over zones.
    Spread,
}

impl Rule {
    /// The amount that the pods need, with its unit.
    pub fn need_words(&self) -> String {
        match &self.sort {
            RuleSort::Resource(name) => amount_words(name, self.need),
            _ => self.need.to_string(),
        }
    }

    /// Part of the need that is of pods which may wait once their node is lost.
    pub(super) fn idle(&self, goal: &Goal, demand: &Demand, classes: &[Vec<usize>]) -> i64 {
        let own = self.classes.iter().enumerate();
        let parts = own.map(|(number, &place)| {
            let pods = classes[place].iter().map(|&pod| &demand.pods[pod]);
            let idle: Vec<&GoalPod> = pods.filter(|pod| goal.may_wait(pod)).collect();
            let Some(first) = idle.first() else { return 0 };
            let requests = &first.info.class.requests;
            let each = match &self.sort {
                RuleSort::Resource(name) => amount(requests, name),
                RuleSort::Size(_) | RuleSort::Apart => 1,
                RuleSort::Worth(worths) => worths.get(number).map_or(0, |own| own.1),
                RuleSort::Spread => self.need,
            };
            each.saturating_mul(idle.len() as i64)
        });
        parts.fold(0, i64::saturating_add)
    }

    /// The rule if any one of a number of zones may be lost.
    #[must_use]
    pub(super) fn without_a_zone(&self, zones: usize) -> Self {
        let zones = i64::try_from(zones).unwrap_or(i64::MAX);
        let need = match zones {
            0 | 1 => self.need,
            _ => i64::try_from(
                (i128::from(self.need) * i128::from(zones) + i128::from(zones - 2))
                    / i128::from(zones - 1),
            )
            .unwrap_or(i64::MAX),
        };
        Self {
            need,
            ..self.clone()
        }
    }

    /// The fewest nodes that give enough, of kinds that are there so often; `None` if all of them
    /// don't.
    pub fn fewest(&self, counts: &[u64]) -> Option<u64> {
        let mut offers: Vec<(i64, u64)> = self
            .gives
            .iter()
            .copied()
            .zip(counts.iter().copied())
            .collect();
        offers.sort_unstable_by(|one, other| other.cmp(one));
        let (mut left, mut nodes) = (self.need, 0);
        for (gives, count) in offers {
            if left <= 0 {
                break;
            }
            if gives <= 0 {
                return None;
            }
            let wanted = u64::try_from((left - 1) / gives + 1).unwrap_or(u64::MAX);
            let taken = wanted.min(count);
            nodes += taken;
            left = left.saturating_sub(gives.saturating_mul(taken as i64));
        }
        (left <= 0).then_some(nodes)
    }
}

/// A resource of amounts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Resource {
    Cpu,
    Memory,
    Storage,
    Pods,
    Scalar(Text),
}

impl Resource {
    pub(super) fn of(&self, amounts: &Amounts) -> i64 {
        match self {
            Self::Cpu => amounts.cpu_milli,
            Self::Memory => amounts.memory,
            Self::Storage => amounts.storage,
            Self::Pods => amounts.pods,
            Self::Scalar(name) => amounts.scalar(name),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Storage => "ephemeral-storage",
            Self::Pods => "pods",
            Self::Scalar(name) => name,
        }
    }

    /// Request of a pod: each takes one place.
    pub(super) fn asked(&self, pod: &PodClass) -> i64 {
        match self {
            Self::Pods => 1,
            other => other.of(&pod.requests),
        }
    }
}

/// Amount of a resource that a pod takes.
fn amount(of: &Amounts, resource: &str) -> i64 {
    match resource {
        "cpu" => of.cpu_milli,
        "memory" => of.memory,
        "ephemeral-storage" => of.storage,
        "pods" => 1,
        other => of.scalar(other),
    }
}

/// An amount of a resource, with its unit.
fn amount_words(resource: &str, amount: i64) -> String {
    match resource {
        "cpu" => format!("{amount}m"),
        "memory" | "ephemeral-storage" => {
            let bytes = Quantity::from_units(amount);
            bytes.with_family(SuffixFamily::Binary).to_string()
        }
        _ => amount.to_string(),
    }
}

/// Pods of one class.
struct Class<'d> {
    place: usize,
    of: &'d Arc<PodClass>,
    pods: Vec<&'d GoalPod>,
    /// By kind of node: whether it may take them.
    admitted: Vec<bool>,
}

/// Pods of equal specs, by their places in a demand; classes in order of their first pods.
pub fn classes(demand: &Demand) -> Vec<Vec<usize>> {
    let mut classes: IndexMap<usize, Vec<usize>, FxBuildHasher> = IndexMap::default();
    for (place, pod) in demand.pods.iter().enumerate() {
        let key = Arc::as_ptr(&pod.info.class).addr();
        classes.entry(key).or_default().push(place);
    }
    classes.into_values().collect()
}

/// Nodes and zones that rules are about.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Kinds of nodes.
    pub kinds: &'a [NodeKind],
    /// Pods beside those of the goal, which stay where they are; they count where pods spread.
    pub beside: &'a [GoalPod],
    /// Names of the zones.
    pub zones: &'a [Text],
    /// Whether any of them may be lost.
    pub loses_zone: bool,
    /// Volumes and claims.
    pub objects: &'a ClusterObjects,
}

/// The rules of a goal.
pub fn rules(demand: &Demand, ground: &Ground<'_>) -> Vec<Rule> {
    let mut rules = of_room(demand, ground.kinds);
    let zones = ground.zones.len();
    if ground.loses_zone {
        let more: Vec<Rule> = rules
            .iter()
            .map(|rule| rule.without_a_zone(zones))
            .collect();
        rules.extend(more);
        rules.extend(spreads(demand, ground, zones.saturating_sub(1)));
    }
    rules.extend(spreads(demand, ground, zones));
    rules.extend(zonal(demand, ground));
    rules
}

impl Rule {
    /// The rule for the kinds before a place; those from there on are there once each, and what they
    /// give is off the need.
    pub fn beside(mut self, place: usize) -> Self {
        let given = self.gives.split_off(place.min(self.gives.len()));
        let given = given.into_iter().fold(0, i64::saturating_add);
        self.given = given.min(self.need);
        self.need -= self.given;
        self
    }
}

/// Rules of what pods need, wherever the zones of the nodes are.
fn of_room(demand: &Demand, kinds: &[NodeKind]) -> Vec<Rule> {
    let grouped = classes(demand).into_iter().enumerate();
    let classes = grouped.map(|(place, pods)| {
        let info = &demand.pods[pods[0]].info;
        Class {
            place,
            of: &info.class,
            pods: pods.iter().map(|&pod| &demand.pods[pod]).collect(),
            admitted: kinds.iter().map(|kind| kind.admits(info.spec())).collect(),
        }
    });
    let classes: Vec<Class<'_>> = classes.collect();
    let sets: SortedSet<&[bool]> = classes.iter().map(|own| &*own.admitted).collect();
    let mut rules = Vec::new();
    let everywhere = vec![true; kinds.len()];
    for set in sets.into_iter().chain([&*everywhere]) {
        let within = |own: &&Class<'_>| own.admitted.iter().zip(set).all(|(own, set)| !own || *set);
        let group: Vec<&Class<'_>> = classes.iter().filter(within).collect();
        for rule in resources(&group, set, kinds)
            .into_iter()
            .chain(sizes(&group, set, kinds))
        {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    rules.extend(classes.iter().filter_map(|own| apart(own, kinds)));
    rules
}

pub(super) fn named<'a>(pods: impl Iterator<Item = &'a GoalPod>) -> Vec<String> {
    pods.take(NAMED).map(|pod| pod.name.clone()).collect()
}

/// Words for a group that not every node takes.
fn of_group(set: &[bool]) -> String {
    let open = set.iter().filter(|own| **own).count();
    if open == set.len() {
        String::new()
    } else {
        format!(" on nodes of {open} of {} kinds", set.len())
    }
}

/// Each resource, added up.
fn resources(group: &[&Class<'_>], set: &[bool], kinds: &[NodeKind]) -> Vec<Rule> {
    let mut all = vec![
        Resource::Cpu,
        Resource::Memory,
        Resource::Storage,
        Resource::Pods,
    ];
    let scalars: SortedSet<&Text> = group
        .iter()
        .flat_map(|own| own.of.requests.scalars.keys())
        .collect();
    all.extend(
        scalars
            .into_iter()
            .map(|name| Resource::Scalar(name.clone())),
    );
    let rules = all.into_iter().filter_map(|resource| {
        let asks = |own: &&&Class<'_>| resource.asked(own.of) > 0;
        let asking: Vec<&&Class<'_>> = group.iter().filter(asks).collect();
        let need = asking
            .iter()
            .map(|own| resource.asked(own.of).saturating_mul(own.pods.len() as i64));
        let need = need.fold(0, i64::saturating_add);
        let gives = kinds.iter().zip(set).map(|(kind, open)| match open {
            true => resource.of(&kind.free).max(0),
            false => 0,
        });
        let pods = asking.iter().flat_map(|own| own.pods.iter().copied());
        (need > 0).then(|| Rule {
            what: format!("{}{}", resource.name(), of_group(set)),
            need,
            gives: gives.collect(),
            pods: pods.clone().count() as u64,
            named: named(pods),
            classes: asking.iter().map(|own| own.place).collect(),
            sort: RuleSort::Resource(resource.name().to_owned()),
            given: 0,
        })
    });
    rules.collect()
}

/// Places for pods of a size and more: nodes hold only so many of them, whatever else is on them.
fn sizes(group: &[&Class<'_>], set: &[bool], kinds: &[NodeKind]) -> Vec<Rule> {
    let mut sizes: IndexMap<Vec<(Resource, i64)>, usize, FxBuildHasher> = IndexMap::default();
    for own in group {
        *sizes.entry(size_of(own.of)).or_default() += own.pods.len();
    }
    let mut order: Vec<(Vec<(Resource, i64)>, usize)> = sizes.into_iter().collect();
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rules = order.into_iter().take(SIZES).filter_map(|(size, _)| {
        let is_large = |own: &&&Class<'_>| {
            let mut parts = size.iter();
            parts.all(|(resource, amount)| resource.asked(own.of) >= *amount)
        };
        let large: Vec<&&Class<'_>> = group.iter().filter(is_large).collect();
        let pods = large.iter().flat_map(|own| own.pods.iter().copied());
        let count = pods.clone().count();
        let most = |kind: &NodeKind| {
            let parts = size.iter().map(|(resource, amount)| {
                let free = resource.of(&kind.free).max(0);
                free / amount
            });
            parts.min().unwrap_or(0).min(kind.free.pods.max(0))
        };
        let gives = kinds.iter().zip(set).map(|(kind, open)| match open {
            true => most(kind),
            false => 0,
        });
        let words: Vec<String> = size
            .iter()
            .map(|(resource, amount)| {
                let name = resource.name();
                format!("{name} {}", amount_words(name, *amount))
            })
            .collect();
        (!size.is_empty()).then(|| Rule {
            what: format!(
                "places for pods of {} or more{}",
                words.join(", "),
                of_group(set)
            ),
            need: count as i64,
            gives: gives.collect(),
            pods: count as u64,
            named: named(pods),
            classes: large.iter().map(|own| own.place).collect(),
            sort: RuleSort::Size(
                size.iter()
                    .map(|(resource, amount)| (resource.name().to_owned(), *amount))
                    .collect(),
            ),
            given: 0,
        })
    });
    rules.collect()
}

pub(super) fn size_of(class: &PodClass) -> Vec<(Resource, i64)> {
    let plain = [Resource::Cpu, Resource::Memory, Resource::Storage];
    let scalars = class.requests.scalars.keys();
    let all = plain
        .into_iter()
        .chain(scalars.map(|name| Resource::Scalar(name.clone())));
    let asked = all.map(|resource| {
        let amount = resource.asked(class);
        (resource, amount)
    });
    asked.filter(|(_, amount)| *amount > 0).collect()
}

/// Whether a node takes one pod of a class at most.
pub fn keeps_apart(class: &PodClass) -> bool {
    excludes_itself(class) || !class.host_ports.is_empty()
}

/// Whether pods of a class have anti-affinity to each other on a node.
fn excludes_itself(class: &PodClass) -> bool {
    let spec = &class.spec;
    let is_own = |term: &model::PodAffinityTerm| {
        let selector = term.selector.as_ref();
        &*term.topology_key == HOSTNAME_LABEL
            && term.namespaces.is_empty()
            && term.namespace_selector.is_none()
            && selector.is_some_and(|selector| selector.matches(&spec.labels))
    };
    let mut terms = spec.affinity.required_pod_anti_affinity.iter();
    terms.any(is_own)
}

/// Pods of a class that keep apart from each other: one on a node.
fn apart(own: &Class<'_>, kinds: &[NodeKind]) -> Option<Rule> {
    let words = if excludes_itself(own.of) {
        "nodes for pods that keep apart (anti-affinity)"
    } else if keeps_apart(own.of) {
        "nodes for pods that take the same host port"
    } else {
        return None;
    };
    let gives = kinds
        .iter()
        .zip(&own.admitted)
        .map(|(kind, open)| i64::from(*open && holds(kind, own.of)));
    Some(Rule {
        what: words.to_owned(),
        need: own.pods.len() as i64,
        gives: gives.collect(),
        pods: own.pods.len() as u64,
        named: named(own.pods.iter().copied()),
        classes: vec![own.place],
        sort: RuleSort::Apart,
        given: 0,
    })
}

/// Whether an empty node has room for a pod.
fn holds(kind: &NodeKind, class: &PodClass) -> bool {
    let mut size = size_of(class).into_iter();
    kind.free.pods > 0 && size.all(|(resource, amount)| resource.of(&kind.free) >= amount)
}
