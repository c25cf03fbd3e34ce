//! The largest hole by level of a topology: the share of the free GPUs that is in one domain, such as one
//! block or one rack. A job that needs a domain of its own starts only where the hole is large enough.

use std::sync::Arc;

use model::{Event, Labels, Text};
use units::{NodeId, SortedMap};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::state::{Amounts, NodeChange, Resource};
use crate::statistics::integral::{Level, ratio};
use crate::statistics::max_tree::MaxTree;
use crate::values::{Direction, Statistic, Values, of_each};

const MEAN: Statistic = Statistic::ratio("mean", Direction::Higher);
const END: Statistic = Statistic::ratio("end", Direction::Higher);

/// Number of levels that are measured, from the highest on.
const LEVELS: usize = 3;

const NAMES: [&str; LEVELS] = ["level_1", "level_2", "level_3"];

/// `topology_hole.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "topology_hole",
    title: Title::new("topology hole"),
    group: Group::Capacity.at(85),
    short_lists: &[],
    series: &[],
    summary: "Share of the free GPUs that is in the domain with the most free ones, by level of a topology.",
    statistics: &of_each::<LEVELS, 2, 6>(NAMES, [MEAN, END]),
    formula: "mean: integral of max over domains of free(domain, gpu), over integral of sum of free(n, gpu); end: \
              that ratio at W1; levels as the first Topology by name has them, from the highest on",
    denominators: "free GPUs of the nodes that take new pods; holds count as used",
    census: "nodes that take new pods; those without the labels of a level are in none of its domains",
    censoring: "none: nothing is censored",
    source: "batch-on-kubernetes.md 1.9",
    construct: |setup| Box::new(TopologyHole::new(&setup.topology)),
};

/// A level with its domains.
#[derive(Clone, Debug, Default)]
struct Domains {
    /// Number of each domain, by the values of the labels down to the level.
    numbers: SortedMap<Vec<Text>, usize>,
    /// Domain of each node.
    of_node: Vec<Option<usize>>,
    free: Vec<i64>,
    holes: MaxTree,
    largest: Level,
}

#[derive(Clone, Debug)]
struct TopologyHole {
    labels: Arc<[Text]>,
    levels: Vec<Domains>,
    room: Amounts,
}

impl TopologyHole {
    fn new(labels: &Arc<[Text]>) -> Self {
        Self {
            labels: Arc::clone(labels),
            levels: vec![Domains::default(); labels.len().min(LEVELS)],
            room: Amounts::default(),
        }
    }

    fn join(&mut self, node: NodeId, labels: &Labels) {
        let mut path = Vec::new();
        let mut values = self.labels.iter().map(|key| labels.get(key));
        for own in &mut self.levels {
            let value = values.next().flatten();
            path.extend(value.cloned());
            let is_whole = value.is_some();
            if own.of_node.len() <= node.index() {
                own.of_node.resize(node.index() + 1, None);
            }
            let next = own.numbers.len();
            own.of_node[node.index()] =
                is_whole.then(|| *own.numbers.entry(path.clone()).or_insert(next));
            own.free.resize(own.numbers.len(), 0);
            if !is_whole {
                return;
            }
        }
    }
}

impl Collector for TopologyHole {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Declared, EventKind::Nodes]
    }

    fn event(&mut self, change: &Change<'_>) {
        if let Event::NodeAdded { node, object } = change.event {
            self.join(*node, &object.labels);
        }
    }

    fn node(&mut self, change: &NodeChange<'_>) {
        let index = Resource::Gpu as usize;
        let [before, now] = change.rooms.map(|room| room[index]);
        self.room = *change.room;
        if before == now {
            return;
        }
        for own in &mut self.levels {
            for node in change.nodes {
                let domain = own.of_node.get(node.index()).copied().flatten();
                if let Some(domain) = domain {
                    own.free[domain] += now - before;
                    own.holes.set(domain, own.free[domain]);
                }
            }
            own.largest.set(i128::from(own.holes.max()), change.clock);
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let (clock, areas) = (end.clock(), &end.state.areas);
        let index = Resource::Gpu as usize;
        for (name, own) in NAMES.into_iter().zip(&self.levels) {
            let largest = &own.largest;
            let room = &areas.room(Resource::Gpu);
            let mean = largest.area(clock).ratio(room, "free gpu");
            let (hole, free) = match largest.last(clock) {
                Some(hole) if end.is_clipped() => (hole, areas.room[index].amount()),
                _ => (largest.amount(), self.room.of(Resource::Gpu)),
            };
            values.put(MEAN.of(name), mean);
            values.put(END.of(name), ratio(hole, free, "free gpu"));
        }
        values.put_undefined(if self.levels.is_empty() {
            "no Topology is declared"
        } else {
            "the topology has fewer levels"
        });
    }
}
