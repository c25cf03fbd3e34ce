//! Octopus: the more tasks a node has, the more the next one costs, so that all have equally many
//! (camsas/firmament, `octopus_cost_model.cc`; spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use scheduler::flow::network::Cost;
use scheduler::flow::{CostModel, Racks, TaskFacts, UNIT};
use units::Instant;

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "octopus",
    summary: "Octopus: spreads tasks so that all nodes have equally many.",
    reads_input: false,
    build: |_| Box::new(Octopus),
};

/// The cost of a task without a node.
pub const WAITING: Cost = 1_000_000 * UNIT;

/// The cost of a task with a node, beside that of the node's load.
pub const ANYWHERE: Cost = UNIT;

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Octopus;

impl CostModel for Octopus {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn waiting(&self, _: &TaskFacts, _: Instant) -> Cost {
        WAITING
    }

    fn anywhere(&self, _: &TaskFacts, _: &Racks) -> Cost {
        ANYWHERE
    }

    fn one_more(&self, tasks: u32) -> Cost {
        i64::from(tasks) * UNIT
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(*self)
    }
}
