//! `LowNodeUtilization` and `HighNodeUtilization`: how much of nodes is requested, and pods that go
//! from nodes used much to those used little, or from nodes used little so that these can go. Use is
//! what pods request, not what they use, as in the original.

use std::cmp::Reverse;

use super::evictor::{Answer, Pass};
use model::qos::QosClass;
use model::resource_list::{CPU, MEMORY, PODS};
use model::rules::taints;
use model::{Pod, Taint, Text};
use units::{ClassId, NodeId, Quantity, SortedMap, SortedSet};

/// Shares of what nodes offer by resource, in millionths.
pub type Shares = SortedMap<Text, i64>;

/// All of it.
const ALL: i64 = 1_000_000;

/// The strategy that evens use out.
#[derive(Clone, Debug, Default)]
pub struct LowNodeUtilization {
    /// A node that is used no more than this of every resource is used little.
    pub thresholds: Shares,
    /// A node that is used more than this of any resource is used much.
    pub targets: Shares,
    /// Whether both are distances from the mean over all nodes.
    pub by_deviation: bool,
    /// Number of little-used nodes that must be exceeded; with fewer the strategy does nothing.
    pub number_of_nodes: usize,
    /// Pods of these namespaces stay.
    pub excluded: Vec<Text>,
}

/// The strategy that empties nodes.
#[derive(Clone, Debug, Default)]
pub struct HighNodeUtilization {
    /// A node that is used no more than this of every resource is used little.
    pub thresholds: Shares,
    /// Number of little-used nodes that must be exceeded; with fewer the strategy does nothing.
    pub number_of_nodes: usize,
    /// Pods of these namespaces stay.
    pub excluded: Vec<Text>,
}

/// Requests on a node, by resource, in billionths.
#[derive(Debug)]
struct Load {
    node: NodeId,
    used: Vec<i128>,
    capacity: Vec<i128>,
    low: Vec<i128>,
    high: Vec<i128>,
}

impl Load {
    fn is_below(&self) -> bool {
        let mut both = self.used.iter().zip(&self.low);
        both.all(|(used, low)| used <= low)
    }

    fn is_above(&self) -> bool {
        let mut both = self.used.iter().zip(&self.high);
        both.any(|(used, high)| used > high)
    }
}

/// The resources that are looked at, and what pods request of them.
struct Requests {
    names: Vec<Text>,
    by_class: SortedMap<ClassId, Vec<i128>>,
}

impl Requests {
    /// Those of thresholds, and processor, memory and pods; those that no node offers are left out.
    fn new(pass: &Pass<'_>, thresholds: &Shares) -> Self {
        let mut names: SortedSet<Text> = thresholds.keys().cloned().collect();
        names.extend([CPU, MEMORY, PODS].map(Text::from));
        let is_offered = |name: &Text| pass.nodes.iter().any(|&node| offered(pass, node, name) > 0);
        Self {
            names: names.into_iter().filter(is_offered).collect(),
            by_class: SortedMap::new(),
        }
    }

    fn of(&mut self, pass: &Pass<'_>, class: ClassId) -> &[i128] {
        let names = &self.names;
        self.by_class.entry(class).or_insert_with(|| {
            let requests = pass.spec(class).requests().unwrap_or_default();
            let amount = |name: &Text| match &**name {
                PODS => Quantity::from_units(1).nanos(),
                name => requests.get(name).nanos(),
            };
            names.iter().map(amount).collect()
        })
    }

    /// Requests on every node.
    fn loads(&mut self, pass: &Pass<'_>) -> Vec<Load> {
        let nodes = pass.nodes.iter().map(|&node| {
            let mut used = vec![0; self.names.len()];
            for pod in pass.pods_on(node) {
                let own = self.of(pass, pod.class);
                used.iter_mut().zip(own).for_each(|(sum, own)| *sum += own);
            }
            let capacity = self.names.iter().map(|name| offered(pass, node, name));
            Load {
                node,
                capacity: capacity.collect(),
                used,
                low: Vec::new(),
                high: Vec::new(),
            }
        });
        nodes.collect()
    }
}

/// Amount of a resource that a node offers, in billionths.
fn offered(pass: &Pass<'_>, node: NodeId, name: &str) -> i128 {
    let nodes = pass.store.nodes();
    if name == PODS {
        let pods = nodes.allocatable().row(node).pods;
        return i128::from(pods) * Quantity::from_units(1).nanos();
    }
    nodes
        .object(node)
        .map_or(0, |object| object.allocatable.get(name).nanos())
}

const fn part(capacity: i128, share: i64) -> i128 {
    capacity * share as i128 / ALL as i128
}

impl LowNodeUtilization {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        let mut requests = Requests::new(pass, &self.thresholds);
        let mut loads = requests.loads(pass);
        self.set_limits(&requests.names, &mut loads);
        let (mut little, mut much) = (Vec::new(), Vec::new());
        let count = loads.len();
        for load in loads {
            let is_closed = pass.node(load.node).is_none_or(|node| node.unschedulable);
            if !is_closed && load.is_below() {
                little.push(load);
            } else if load.is_above() {
                much.push(load);
            }
        }
        if little.is_empty()
            || little.len() <= self.number_of_nodes
            || little.len() == count
            || much.is_empty()
        {
            return;
        }
        much.sort_by_key(|load| (Reverse(weight(&requests.names, load)), load.node));
        let moved = Move {
            excluded: &self.excluded,
            until_below: true,
        };
        moved.run(pass, &mut requests, &mut much, &little);
    }

    fn set_limits(&self, names: &[Text], loads: &mut [Load]) {
        let stated = |shares: &Shares, name: &Text| shares.get(name).copied();
        let means: Vec<i64> = (0..names.len()).map(|place| mean(loads, place)).collect();
        for load in loads {
            for (place, name) in names.iter().enumerate() {
                let capacity = load.capacity[place];
                let low = stated(&self.thresholds, name);
                let high = stated(&self.targets, name);
                let (low, high) = match (self.by_deviation, low) {
                    (true, Some(low)) if low > 0 => (
                        (means[place] - low).clamp(0, ALL),
                        (means[place] + high.unwrap_or(low)).clamp(0, ALL),
                    ),
                    (true, _) => (ALL, ALL),
                    (false, low) => (low.unwrap_or(ALL), high.unwrap_or(ALL)),
                };
                load.low.push(part(capacity, low));
                load.high.push(part(capacity, high));
            }
        }
    }
}

/// The mean share of a resource that is requested of nodes.
fn mean(loads: &[Load], place: usize) -> i64 {
    let shares = loads.iter().map(|load| match load.capacity[place] {
        0 => 0,
        capacity => load.used[place] * i128::from(ALL) / capacity,
    });
    let mean = shares.sum::<i128>() / (loads.len() as i128).max(1);
    i64::try_from(mean).unwrap_or(ALL)
}

impl HighNodeUtilization {
    pub(super) fn run(&self, pass: &mut Pass<'_>) {
        let mut requests = Requests::new(pass, &self.thresholds);
        let mut loads = requests.loads(pass);
        let count = loads.len();
        let (mut little, mut others) = (Vec::new(), Vec::new());
        for load in &mut loads {
            for (place, name) in requests.names.iter().enumerate() {
                let low = self.thresholds.get(name).copied().unwrap_or(ALL);
                load.low.push(part(load.capacity[place], low));
                load.high.push(load.capacity[place]);
            }
        }
        for load in loads {
            let is_closed = pass.node(load.node).is_none_or(|node| node.unschedulable);
            if load.is_below() {
                little.push(load);
            } else if !is_closed {
                others.push(load);
            }
        }
        if little.is_empty()
            || little.len() <= self.number_of_nodes
            || little.len() == count
            || others.is_empty()
        {
            return;
        }
        little.sort_by_key(|load| (weight(&requests.names, load), load.node));
        let moved = Move {
            excluded: &self.excluded,
            until_below: false,
        };
        moved.run(pass, &mut requests, &mut little, &others);
    }
}

/// Weight that orders nodes: the sum of bytes, thousandths of cores, pods and further amounts, as
/// the original has it.
fn weight(names: &[Text], load: &Load) -> i128 {
    let amounts = names.iter().zip(&load.used).map(|(name, used)| {
        let per = if &**name == CPU {
            1_000_000
        } else {
            1_000_000_000
        };
        used / per
    });
    amounts.sum()
}

/// Pods that go from some nodes to others.
struct Move<'a> {
    excluded: &'a [Text],
    /// Whether a node is done once it is not used much any more.
    until_below: bool,
}

impl Move<'_> {
    fn run(&self, pass: &mut Pass<'_>, requests: &mut Requests, from: &mut [Load], to: &[Load]) {
        let mut left = vec![0_i128; requests.names.len()];
        for load in to {
            for (place, left) in left.iter_mut().enumerate() {
                *left += load.high[place] - load.used[place];
            }
        }
        let taints: Vec<&[Taint]> = to
            .iter()
            .filter_map(|load| Some(&pass.node(load.node)?.taints[..]))
            .collect();
        for load in from {
            if self.empty(pass, requests, load, &mut left, &taints) == Some(()) {
                continue;
            }
            return;
        }
    }

    /// Pods of one node go; `None` once no more may.
    fn empty(
        &self,
        pass: &mut Pass<'_>,
        requests: &mut Requests,
        load: &mut Load,
        left: &mut [i128],
        taints: &[&[Taint]],
    ) -> Option<()> {
        let pods = pass.pods_on(load.node).into_iter();
        let pods = pods.filter(|pod| pass.may_go(pod)).collect();
        for pod in in_order_of_eviction(pass, pods) {
            let goes_on = (!self.until_below || load.is_above()) && left.iter().all(|&own| own > 0);
            if !goes_on {
                return Some(());
            }
            let spec = pass.spec(pod.class);
            let is_taken = taints.iter().any(|taints| taints::admits(spec, taints));
            if !is_taken || self.excluded.contains(&spec.namespace) || !pass.has_way_out(pod) {
                continue;
            }
            match pass.evict(pod) {
                Answer::Evicted => {
                    let own = requests.of(pass, pod.class);
                    for (place, own) in own.iter().enumerate() {
                        load.used[place] -= own;
                        left[place] -= own;
                    }
                }
                Answer::Refused => {}
                Answer::NodeLimit => return Some(()),
                Answer::TotalLimit => return None,
            }
        }
        Some(())
    }
}

/// Pods in the order in which they go: by priority, then by quality of service, then by age.
pub(super) fn in_order_of_eviction<'a>(pass: &Pass<'a>, mut pods: Vec<&'a Pod>) -> Vec<&'a Pod> {
    pods.sort_by_cached_key(|pod| {
        let spec = pass.spec(pod.class);
        (spec.priority, Reverse(QosClass::of(spec)), pod.pod)
    });
    pods
}
