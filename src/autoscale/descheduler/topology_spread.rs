//! `RemovePodsViolatingTopologySpreadConstraint`: as few pods go as it takes to bring the domains of
//! a constraint within its skew, if the scheduler puts them into the smallest ones.

use std::cmp::Reverse;

use super::Scope;
use super::evictor::{Answer, Pass};
use model::rules::{affinity, taints};
use model::{
    LabelSelector, Labels, NodeSelector, Operator, Pod, PodRef, PodSpec, Requirement, Text,
    Toleration, TopologySpread,
};
use units::{ClassId, NodeId, SortedMap, SortedSet};

/// The strategy.
#[derive(Clone, Debug, Default)]
pub struct RemovePodsViolatingTopologySpread {
    /// Whether constraints count that the scheduler only prefers (`ScheduleAnyway`).
    pub includes_soft: bool,
    /// Whether a pod only goes that fits a node of a domain with fewer pods than the mean.
    pub balances_by_fit: bool,
    /// Pods that the strategy looks at: namespaces before, labels when it evicts.
    pub scope: Scope,
}

/// A constraint with what bears on its domains; equal ones of several pods are looked at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Constraint {
    max_skew: i64,
    topology_key: Text,
    selector: LabelSelector,
    /// Labels and affinity that nodes must match to count, where the constraint honours them.
    affinity: Option<(Labels, Option<NodeSelector>)>,
    /// The taints that nodes may have to count, where the constraint honours them.
    tolerations: Option<Vec<Toleration>>,
}

/// A domain with its pods; those that go first are last.
struct Domain<'a> {
    value: Text,
    pods: Vec<&'a Pod>,
}

impl RemovePodsViolatingTopologySpread {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        let mut namespaces: SortedMap<Text, (Vec<&Pod>, SortedSet<ClassId>)> = SortedMap::new();
        for pod in pass.store.pods().iter() {
            let spec = pass.spec(pod.class);
            if self.scope.has_namespace(&spec.namespace) {
                let own = namespaces.entry(spec.namespace.clone()).or_default();
                own.0.push(pod);
                if !spec.topology_spread.is_empty() {
                    own.1.insert(pod.class);
                }
            }
        }
        let mut goes: SortedMap<PodRef, &Pod> = SortedMap::new();
        for (pods, specs) in namespaces.values() {
            for constraint in self.constraints(pass, specs) {
                let (nodes, domains) = domains(pass, &constraint, pods);
                if !is_balanced(&domains, constraint.max_skew) {
                    let room = Room {
                        nodes: &nodes,
                        constraint: &constraint,
                        by_fit: self.balances_by_fit,
                    };
                    balance(pass, &room, domains, &mut goes);
                }
            }
        }
        let mut full: SortedSet<Option<NodeId>> = SortedSet::new();
        for pod in goes.into_values() {
            let takes = self.scope.takes(pass.spec(pod.class));
            if full.contains(&pod.node()) || !takes || !pass.may_go(pod) || !pass.has_way_out(pod) {
                continue;
            }
            match pass.evict(pod) {
                Answer::Evicted | Answer::Refused => {}
                Answer::NodeLimit => {
                    full.insert(pod.node());
                }
                Answer::TotalLimit => return,
            }
        }
    }

    /// The constraints of pods, each once.
    fn constraints(&self, pass: &Pass<'_>, specs: &SortedSet<ClassId>) -> SortedSet<Constraint> {
        let specs = specs.iter().map(|&spec| &**pass.spec(spec));
        let rules = specs.flat_map(|spec| spec.topology_spread.iter().map(move |own| (spec, own)));
        let rules = rules.filter(|(_, rule)| rule.hard || self.includes_soft);
        rules
            .filter_map(|(spec, rule)| constraint(spec, rule))
            .collect()
    }
}

fn constraint(spec: &PodSpec, rule: &TopologySpread) -> Option<Constraint> {
    let mut selector = rule.selector.clone()?;
    for key in &rule.match_label_keys {
        if let Some(value) = spec.labels.get(key) {
            selector.requirements.push(Requirement {
                key: key.clone(),
                operator: Operator::In,
                values: vec![value.clone()],
            });
        }
    }
    let affinity = || {
        let required = spec.affinity.node.required.clone();
        (spec.node_selector.clone(), required)
    };
    Some(Constraint {
        max_skew: i64::from(rule.max_skew),
        topology_key: rule.topology_key.clone(),
        selector,
        affinity: rule.honor_node_affinity.then(affinity),
        tolerations: rule.honor_node_taints.then(|| spec.tolerations.clone()),
    })
}

/// The nodes that count for a constraint, and its domains from the smallest to the largest.
fn domains<'a>(
    pass: &Pass<'a>,
    constraint: &Constraint,
    pods: &[&'a Pod],
) -> (SortedMap<NodeId, Text>, Vec<Domain<'a>>) {
    // The pod of which only the wishes about nodes count.
    let (node_selector, required) = constraint.affinity.clone().unwrap_or_default();
    let mut wishes = PodSpec {
        node_selector,
        tolerations: constraint.tolerations.clone().unwrap_or_default(),
        ..PodSpec::default()
    };
    wishes.affinity.node.required = required;
    let mut nodes: SortedMap<NodeId, Text> = SortedMap::new();
    let mut by_value: SortedMap<Text, Vec<&Pod>> = SortedMap::new();
    for &node in &pass.nodes {
        let Some(object) = pass.node(node) else {
            continue;
        };
        let counts = affinity::admits(&wishes, object)
            && (constraint.tolerations.is_none() || taints::admits(&wishes, &object.taints));
        if let Some(value) = object
            .labels
            .get(&constraint.topology_key)
            .filter(|_| counts)
        {
            nodes.insert(node, value.clone());
            by_value.entry(value.clone()).or_default();
        }
    }
    for pod in pods {
        let value = pod.node().and_then(|node| nodes.get(&node));
        let Some(value) = value.filter(|_| !pass.is_going(pod.pod)) else {
            continue;
        };
        if constraint.selector.matches(&pass.spec(pod.class).labels) {
            by_value.entry(value.clone()).or_default().push(pod);
        }
    }
    let domains = by_value.into_iter().map(|(value, mut pods)| {
        pods.sort_by_cached_key(|pod| {
            let spec = pass.spec(pod.class);
            let affinity = &spec.affinity.node;
            let has_wishes = !spec.node_selector.is_empty()
                || affinity.required.is_some()
                || !affinity.preferred.is_empty();
            (
                pass.may_go(pod),
                !has_wishes,
                Reverse(spec.priority),
                pod.pod,
            )
        });
        Domain { value, pods }
    });
    let mut domains: Vec<Domain<'_>> = domains.collect();
    domains.sort_by_key(|domain| domain.pods.len());
    (nodes, domains)
}

fn is_balanced(domains: &[Domain<'_>], max_skew: i64) -> bool {
    match (domains.first(), domains.last()) {
        (Some(least), Some(most)) => (most.pods.len() - least.pods.len()) as i64 <= max_skew,
        _ => true,
    }
}

/// Room in which pods that go may land.
struct Room<'a> {
    nodes: &'a SortedMap<NodeId, Text>,
    constraint: &'a Constraint,
    by_fit: bool,
}

/// Takes pods from the largest domains and counts them to the smallest, as far as neither falls
/// short of the mean.
fn balance<'a>(
    pass: &Pass<'a>,
    room: &Room<'_>,
    mut domains: Vec<Domain<'a>>,
    goes: &mut SortedMap<PodRef, &'a Pod>,
) {
    let count = domains.len() as i64;
    let sum: i64 = domains.iter().map(|domain| domain.pods.len() as i64).sum();
    let max_skew = room.constraint.max_skew;
    let is_below = |domain: &Domain<'_>| (domain.pods.len() as i64) * count < sum;
    let below: SortedSet<Text> = (domains.iter().filter(|domain| is_below(domain)))
        .map(|domain| domain.value.clone())
        .collect();
    let targets = room
        .nodes
        .iter()
        .filter(|(_, value)| below.contains(*value));
    let targets: Vec<NodeId> = targets.map(|(&node, _)| node).collect();
    let (mut small, mut large) = (0, domains.len() - 1);
    while small < large {
        let size = |domain: &Domain<'_>| domain.pods.len() as i64;
        if size(&domains[large]) * count <= sum {
            large -= 1;
        }
        let skew = size(&domains[large]) - size(&domains[small]);
        if skew <= max_skew {
            small += 1;
            continue;
        }
        let above = ceil(size(&domains[large]) * count - sum, count);
        let lacking = ceil(sum - size(&domains[small]) * count, count);
        let half = ceil(skew - max_skew, 2);
        let moved = above.min(lacking).min(half);
        if moved <= 0 {
            small += 1;
            continue;
        }
        let keep = domains[large].pods.len() - moved as usize;
        let moved = domains[large].pods.split_off(keep);
        for &pod in &moved {
            if !room.by_fit || pass.fits_any_other(pod, &targets) {
                goes.insert(pod.pod, pod);
            }
        }
        domains[small].pods.extend(moved);
    }
}

/// A quotient rounded up.
const fn ceil(dividend: i64, divisor: i64) -> i64 {
    -((-dividend).div_euclid(divisor))
}
