//! Shapes of workloads: all that decisions about them depend on (spec: batch-on-kubernetes.md 1.6.3).

use std::sync::Arc;

use model::queueing::{QueuedWorkload, TopologyRequest};
use model::{PodSpec, Text};
use units::{SortedMap, SortedSet};

use super::Controller;

/// Number of shapes that are kept though no workload may have them any more.
const SPARE: usize = 1024;

/// Number of a shape; it never stands for another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShapeId(u64);

/// All that decisions about a workload depend on; workloads of equal shapes get equal answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shape {
    priority: i32,
    sets: Vec<SetShape>,
}

/// All that decisions about a pod set depend on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct SetShape {
    count: i64,
    min_count: Option<i64>,
    name: Text,
    topology: Option<TopologyRequest>,
    spec: Arc<PodSpec>,
}

impl Shape {
    fn of(workload: &QueuedWorkload) -> Self {
        let sets = workload.pod_sets.iter().map(|set| {
            let reclaimed = workload.reclaimable.get(&set.name).copied().unwrap_or(0);
            SetShape {
                count: (set.count - reclaimed).max(0),
                min_count: set.min_count,
                name: set.name.clone(),
                topology: set.topology.clone(),
                spec: set.spec.clone(),
            }
        });
        Self {
            priority: workload.priority,
            sets: sets.collect(),
        }
    }
}

/// Shapes by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Shapes {
    /// Shared by copies of a controller until one of them meets a new shape.
    known: Arc<SortedMap<Shape, ShapeId>>,
    next: u64,
}

impl Shapes {
    /// The number of a workload's shape.
    pub(super) fn number(&mut self, workload: &QueuedWorkload) -> ShapeId {
        let shape = Shape::of(workload);
        if let Some(known) = self.known.get(&shape) {
            return *known;
        }
        self.next += 1;
        let id = ShapeId(self.next);
        Arc::make_mut(&mut self.known).insert(shape, id);
        id
    }
}

impl Controller {
    /// The number of a workload's shape. Shapes that no workload has are dropped once they are the most.
    pub(super) fn shape_of(&mut self, workload: &QueuedWorkload) -> ShapeId {
        if self.shapes.known.len() > 2 * self.states.len() + SPARE {
            let states = self.states.values();
            let own = states.flat_map(|state| {
                let kept = state.cursor.iter().map(|cursor| cursor.shape);
                kept.chain([state.shape])
            });
            let noted = self.waiting.values().flat_map(|own| own.noted.iter());
            let used: SortedSet<ShapeId> = own.chain(noted.copied()).collect();
            Arc::make_mut(&mut self.shapes.known).retain(|_, id| used.contains(id));
        }
        self.shapes.number(workload)
    }
}
