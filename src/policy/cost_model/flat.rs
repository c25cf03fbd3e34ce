//! Models under which all tasks are alike: a place costs what its node and the number of tasks there say,
//! and waiting is dearer than any place.

use scheduler::flow::network::Cost;
use scheduler::flow::{CostModel, Racks, TaskFacts, UNIT};
use units::{Instant, NodeId};

/// The cost of a task without a node.
pub const WAITING: Cost = 1_000_000 * UNIT;

/// The cost of a task with a node, beside those of the node and its load.
const ANYWHERE: Cost = UNIT;

/// A model under which all tasks are alike.
#[derive(Clone, Copy, Debug)]
pub struct Flat {
    /// The name of the model in the registry.
    pub(super) name: &'static str,
    /// The seed of the run.
    pub(super) seed: u64,
    /// The cost of a node under a seed.
    pub(super) of_node: fn(u64, NodeId) -> Cost,
    /// The cost of one more task on a node with so many.
    pub(super) of_load: fn(u32) -> Cost,
}

impl Flat {
    /// A model of this name under which all places cost the same.
    pub(super) const fn new(name: &'static str) -> Self {
        Self {
            name,
            seed: 0,
            of_node: |_, _| 0,
            of_load: |_| 0,
        }
    }
}

impl CostModel for Flat {
    fn name(&self) -> &'static str {
        self.name
    }

    fn waiting(&self, _: &TaskFacts, _: Instant) -> Cost {
        WAITING
    }

    fn anywhere(&self, _: &TaskFacts, _: &Racks) -> Cost {
        ANYWHERE
    }

    fn node(&self, node: NodeId) -> Cost {
        (self.of_node)(self.seed, node)
    }

    fn one_more(&self, tasks: u32) -> Cost {
        (self.of_load)(tasks)
    }

    fn staying(&self, _: &TaskFacts, _: NodeId, _: &Racks) -> Cost {
        0
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(*self)
    }
}
