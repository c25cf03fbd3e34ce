//! Numbers of pods that fit into the domains of topologies, kept from one decision to the next: only those
//! of lowest domains whose usage has changed are computed anew.

use std::sync::Arc;

use model::{PodSpec, Text};
use units::SortedMap;

use super::Usage;
use super::count::{Counts, Exclusions, PodDemand, Shape, add_up, is_open, most_pods};
use super::tree::FlavorTopology;
use crate::names::{Names, Resource};

/// Most kinds of pods whose numbers are kept.
const MOST_KINDS: usize = 32;

/// All that the numbers of pods depend on besides the nodes and their usage.
#[derive(Clone, Debug)]
struct Kind {
    /// Name of the flavor whose nodes they may use.
    flavor: Text,
    usage: Usage,
    requests: Vec<(Resource, i64)>,
    /// Pods, for their wishes about nodes.
    spec: Arc<PodSpec>,
    slice_size: i64,
    slice_level: usize,
    inner: SortedMap<usize, i64>,
}

impl Kind {
    fn is_of(&self, topology: &FlavorTopology, wanted: &PodDemand<'_>, shape: &Shape) -> bool {
        let wishes_alike = || {
            let (one, other) = (&*self.spec, wanted.spec);
            std::ptr::eq(one, other)
                || (one.node_selector == other.node_selector
                    && one.tolerations == other.tolerations
                    && one.affinity.node.required == other.affinity.node.required)
        };
        self.flavor == topology.flavor.name
            && self.usage == wanted.usage
            && self.requests == wanted.requests
            && self.slice_size == shape.slice_size
            && self.slice_level == shape.slice_level
            && self.inner == shape.inner
            && wishes_alike()
    }
}

/// Numbers of one kind of pods, as a topology stood.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    kind: Kind,
    /// Number of the nodes' state, and of the changes of usage that are counted in.
    nodes: u64,
    usage: u64,
    /// Numbers by domain.
    pub(super) counts: Vec<Counts>,
    /// The nodes that were left out.
    pub(super) exclusions: Exclusions,
    /// Of each open lowest domain, the resource that limits it; `None` for all other domains.
    limiting: Vec<Option<Resource>>,
}

impl Numbers {
    fn of(
        kind: Kind,
        names: &Names,
        topology: &FlavorTopology,
        wanted: &PodDemand<'_>,
        shape: &Shape,
    ) -> Self {
        let all = topology.domains.len();
        let mut numbers = Self {
            kind,
            nodes: topology.nodes_version(),
            usage: topology.usage_version(),
            counts: vec![Counts::default(); all],
            exclusions: Exclusions::default(),
            limiting: vec![None; all],
        };
        for (number, domain) in topology.domains.iter().enumerate() {
            let Some(leaf) = &domain.leaf else {
                continue;
            };
            numbers.exclusions.count_node();
            if is_open(topology, leaf, wanted.spec, &mut numbers.exclusions)
                && let Some((pods, limiting)) =
                    most_pods(leaf, names, wanted.requests, wanted.usage, &[])
            {
                numbers.limiting[number] = Some(limiting);
                numbers.counts[number] = Counts::without_leader(pods);
                if pods == 0 {
                    numbers.exclusions.add_resource(limiting);
                }
            }
        }
        for root in topology.at_level.first().into_iter().flatten() {
            add_up(topology, *root, 0, shape, &mut numbers.counts);
        }
        numbers
    }

    /// Whether only usage has changed since, and less than that of all lowest domains.
    fn can_follow(&self, topology: &FlavorTopology) -> bool {
        let changed = topology.changed_since(self.usage);
        self.nodes == topology.nodes_version()
            && (self.kind.usage == Usage::Nothing
                || changed.is_some_and(|changed| changed.len() < self.counts.len()))
    }

    fn is_behind(&self, topology: &FlavorTopology) -> bool {
        self.kind.usage == Usage::Present && self.usage != topology.usage_version()
    }

    /// Computes the numbers of lowest domains anew whose usage has changed, and of those above.
    fn follow(&mut self, names: &Names, topology: &FlavorTopology) {
        for number in topology.changed_since(self.usage).unwrap_or_default() {
            let leaf = topology.domains[*number].leaf.as_ref();
            let Some((leaf, before)) = leaf.zip(self.limiting[*number]) else {
                continue;
            };
            let now = most_pods(leaf, names, &self.kind.requests, self.kind.usage, &[]);
            let Some((pods, limiting)) = now else {
                continue;
            };
            let old = self.counts[*number].pods;
            if old == 0 {
                self.exclusions.remove_resource(before);
            }
            if pods == 0 {
                self.exclusions.add_resource(limiting);
            }
            self.limiting[*number] = Some(limiting);
            if pods != old {
                self.change_leaf(topology, *number, pods);
            }
        }
        self.usage = topology.usage_version();
    }

    fn change_leaf(&mut self, topology: &FlavorTopology, leaf: usize, pods: i64) {
        let kind = &self.kind;
        let mut level = topology.levels.len() - 1;
        let mut old = self.counts[leaf];
        let mut new = Counts::without_leader(pods);
        let mut number = leaf;
        loop {
            if level == kind.slice_level {
                new.slices = new.pods / kind.slice_size;
                new.slices_with_leader = new.slices;
            }
            self.counts[number] = new;
            let Some(above) = topology.domains[number].parent else {
                return;
            };
            let inner = kind.inner.get(&level).copied().unwrap_or(1);
            let before = self.counts[above];
            let more = new.pods / inner * inner - old.pods / inner * inner;
            let slices = before.slices + new.slices - old.slices;
            (old, new) = (before, Counts::without_leader(before.pods + more));
            (new.slices, new.slices_with_leader) = (slices, slices);
            (number, level) = (above, level - 1);
        }
    }
}

/// Numbers of the kinds of pods that were decided about last.
#[derive(Clone, Debug, Default)]
pub struct CountCache {
    /// The kind that was used last is the last one. Shared by copies until they change.
    kinds: Vec<Arc<Numbers>>,
}

impl CountCache {
    /// Numbers of pods without a leader, of which nothing is assumed, as a topology stands.
    pub(super) fn numbers(
        &mut self,
        topology: &FlavorTopology,
        names: &Names,
        spec: &Arc<PodSpec>,
        wanted: &PodDemand<'_>,
        shape: &Shape,
    ) -> &Numbers {
        let mut kinds = self.kinds.iter();
        let known = kinds.position(|kind| kind.kind.is_of(topology, wanted, shape));
        let known = known.map(|place| self.kinds.remove(place));
        let numbers = if let Some(mut own) = known.filter(|own| own.can_follow(topology)) {
            if own.is_behind(topology) {
                Arc::make_mut(&mut own).follow(names, topology);
            }
            own
        } else {
            let kind = Kind {
                flavor: topology.flavor.name.clone(),
                usage: wanted.usage,
                requests: wanted.requests.to_vec(),
                spec: spec.clone(),
                slice_size: shape.slice_size,
                slice_level: shape.slice_level,
                inner: shape.inner.clone(),
            };
            Arc::new(Numbers::of(kind, names, topology, wanted, shape))
        };
        if self.kinds.len() >= MOST_KINDS {
            self.kinds.remove(0);
        }
        self.kinds.push(numbers);
        &self.kinds[self.kinds.len() - 1]
    }
}
