//! Numbers of pods and slices that fit into each domain (spec: batch-on-kubernetes.md 1.9.2).

use model::{PodSpec, Taint, rules};
use units::SortedMap;

use super::tree::{FlavorTopology, Leaf};
use super::{Usage, Values};
use crate::names::{Names, Resource};

/// Numbers that fit into a domain, with and without a leader beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) pods: i64,
    pub(super) pods_with_leader: i64,
    pub(super) slices: i64,
    pub(super) slices_with_leader: i64,
    pub(super) leaders: i64,
}

impl Counts {
    /// Numbers of a lowest domain for pods without a leader.
    pub(super) fn without_leader(pods: i64) -> Self {
        Self {
            pods,
            pods_with_leader: pods,
            ..Self::default()
        }
    }
}

/// Shape of the wanted set: pods in slices, perhaps with a leader.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// Number of pods.
    pub(super) count: i64,
    /// Number of leaders, 0 or 1.
    pub(super) leaders: i64,
    /// Pods of a slice.
    pub(super) slice_size: i64,
    /// Level of slices.
    pub(super) slice_level: usize,
    /// Pods of inner slices, by level.
    pub(super) inner: SortedMap<usize, i64>,
    /// Level at which domains are sought first.
    pub(super) level: usize,
    pub(super) is_required: bool,
    /// Whether any domains will do.
    pub(super) is_free: bool,
    /// Whether the domains with the least room are taken first.
    pub(super) takes_least: bool,
    /// Layers of slices, in messages.
    pub(super) layers: Vec<(usize, i64)>,
}

impl Shape {
    /// Number of slices.
    pub(super) fn slices(&self) -> i64 {
        self.count / self.slice_size
    }
}

/// Pods that are sought.
pub(super) struct PodDemand<'a> {
    /// Requests of one pod, `pods` included.
    pub(super) requests: &'a [(Resource, i64)],
    /// Requests of the leader.
    pub(super) leader: Option<&'a [(Resource, i64)]>,
    /// Pods, for their wishes about nodes.
    pub(super) spec: &'a PodSpec,
    /// Usage that is taken into account.
    pub(super) usage: Usage,
    /// Usage of pod sets that were placed before.
    pub(super) assumed: &'a SortedMap<Values, Vec<(Resource, i64)>>,
    /// Domain that all pods have to be in.
    pub(super) within: Option<usize>,
}

/// Nodes that were left out, by reason.
#[derive(Clone, Debug, Default)]
pub(super) struct Exclusions {
    total: usize,
    selector: usize,
    affinity: usize,
    taints: SortedMap<String, usize>,
    resources: SortedMap<Resource, usize>,
}

impl Exclusions {
    /// The end of a message: nothing if no node was left out.
    pub(super) fn words(&self, names: &Names) -> String {
        let mut reasons = Vec::new();
        for (name, count) in [("nodeSelector", self.selector), ("affinity", self.affinity)] {
            if count > 0 {
                reasons.push(format!("{name}: {count}"));
            }
        }
        let taints = self.taints.iter();
        reasons.extend(taints.map(|(taint, count)| format!("taint {taint:?}: {count}")));
        let resources = self.resources.iter();
        reasons.extend(resources.map(|(resource, count)| {
            format!("resource {:?}: {count}", names.resource_name(*resource))
        }));
        if reasons.is_empty() {
            return String::new();
        }
        reasons.sort();
        format!(
            ". Total nodes: {}; excluded: {}",
            self.total,
            reasons.join(", ")
        )
    }

    pub(super) fn count_node(&mut self) {
        self.total += 1;
    }

    /// A node has no room for a pod, by one resource.
    pub(super) fn add_resource(&mut self, limiting: Resource) {
        *self.resources.entry(limiting).or_default() += 1;
    }

    /// A node has room again that one resource left out.
    pub(super) fn remove_resource(&mut self, limiting: Resource) {
        if let Some(count) = self.resources.get_mut(&limiting) {
            *count -= 1;
            if *count == 0 {
                self.resources.remove(&limiting);
            }
        }
    }

    fn taint(&mut self, taint: &Taint) {
        let words = if taint.value.is_empty() {
            format!("{}:{:?}", taint.key, taint.effect)
        } else {
            format!("{}={}:{:?}", taint.key, taint.value, taint.effect)
        };
        *self.taints.entry(words).or_default() += 1;
    }
}

/// Numbers that fit into every domain of a topology, and which nodes were left out.
pub(super) fn counts(
    topology: &FlavorTopology,
    names: &Names,
    wanted: &PodDemand<'_>,
    shape: &Shape,
) -> (Vec<Counts>, Exclusions) {
    let mut counts = vec![Counts::default(); topology.domains.len()];
    let mut exclusions = Exclusions::default();
    for (number, domain) in topology.domains.iter().enumerate() {
        let Some(leaf) = &domain.leaf else {
            continue;
        };
        if wanted
            .within
            .is_some_and(|within| !topology.is_below(number, within))
        {
            continue;
        }
        exclusions.count_node();
        if is_open(topology, leaf, wanted.spec, &mut exclusions) {
            let assumed = if wanted.assumed.is_empty() {
                None
            } else {
                wanted.assumed.get(topology.leaf_place(&domain.values))
            };
            let assumed = assumed.map_or(&[][..], Vec::as_slice);
            counts[number] = of_leaf(leaf, names, wanted, assumed, &mut exclusions);
        }
    }
    for root in topology.at_level.first().into_iter().flatten() {
        add_up(topology, *root, 0, shape, &mut counts);
    }
    (counts, exclusions)
}

/// Whether the node of a leaf may have the pods at all.
pub(super) fn is_open(
    topology: &FlavorTopology,
    leaf: &Leaf,
    spec: &PodSpec,
    exclusions: &mut Exclusions,
) -> bool {
    let Some(node) = &leaf.node else {
        return true;
    };
    let is_tolerated = |taint: &Taint| {
        let tolerations = spec.tolerations.iter().chain(&topology.flavor.tolerations);
        rules::taints::covering(tolerations, taint).is_some()
    };
    let repelling = rules::taints::REPELLING;
    let mut taints = rules::taints::untolerated(&node.taints, repelling, is_tolerated);
    if let Some(taint) = taints.next() {
        exclusions.taint(taint);
        return false;
    }
    let mut selector = spec.node_selector.iter();
    if !selector.all(|(key, value)| node.labels.get(key) == Some(value)) {
        exclusions.selector += 1;
        return false;
    }
    if !rules::affinity::meets(spec.affinity.node.required.as_ref(), node) {
        exclusions.affinity += 1;
        return false;
    }
    true
}

/// Number of pods that fit into a leaf, and the resource that limits it.
pub(super) fn most_pods(
    leaf: &Leaf,
    names: &Names,
    requests: &[(Resource, i64)],
    usage: Usage,
    assumed: &[(Resource, i64)],
) -> Option<(i64, Resource)> {
    let by_resource = requests.iter().map(|(resource, amount)| {
        let count = leaf.count_of(*resource, *amount, usage, assumed);
        (count, names.resource_name(*resource), *resource)
    });
    by_resource
        .min()
        .map(|(pods, _, limiting)| (pods, limiting))
}

fn of_leaf(
    leaf: &Leaf,
    names: &Names,
    wanted: &PodDemand<'_>,
    assumed: &[(Resource, i64)],
    exclusions: &mut Exclusions,
) -> Counts {
    let most = most_pods(leaf, names, wanted.requests, wanted.usage, assumed);
    let Some((pods, limiting)) = most else {
        return Counts::default();
    };
    if pods == 0 {
        exclusions.add_resource(limiting);
    }
    let mut counts = Counts::without_leader(pods);
    if let Some(leader) = wanted.leader
        && leaf.count(leader, wanted.usage, assumed) > 0
    {
        let beside = [assumed, leader].concat();
        counts.leaders = 1;
        counts.pods_with_leader = leaf.count(wanted.requests, wanted.usage, &beside);
    }
    counts
}

/// Adds up what fits into the domains below.
pub(super) fn add_up(
    topology: &FlavorTopology,
    number: usize,
    level: usize,
    shape: &Shape,
    counts: &mut Vec<Counts>,
) {
    let children = &topology.domains[number].children;
    if !children.is_empty() {
        let inner = shape.inner.get(&(level + 1)).copied().unwrap_or(1);
        let mut sum = Counts::default();
        let (mut least_pods, mut least_slices) = (None, None);
        for child in children {
            add_up(topology, *child, level + 1, shape, counts);
            let of_child = counts[*child];
            let pods = of_child.pods / inner * inner;
            let pods_with_leader = of_child.pods_with_leader / inner * inner;
            sum.pods += pods;
            sum.slices += of_child.slices;
            sum.leaders = sum.leaders.max(of_child.leaders);
            if shape.leaders == 0 || of_child.leaders > 0 {
                let less = |known: Option<i64>, new: i64| known.map_or(new, |known| known.min(new));
                let slices = of_child.slices - of_child.slices_with_leader;
                least_pods = Some(less(least_pods, pods - pods_with_leader));
                least_slices = Some(less(least_slices, slices));
            }
        }
        sum.pods_with_leader = least_pods.map_or(0, |less| sum.pods - less);
        sum.slices_with_leader = least_slices.map_or(0, |less| sum.slices - less);
        counts[number] = sum;
    }
    if level == shape.slice_level {
        let own = &mut counts[number];
        own.slices = own.pods / shape.slice_size;
        own.slices_with_leader = own.pods_with_leader / shape.slice_size;
    }
}
