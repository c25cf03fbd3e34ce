//! Shortest job first: a task with a node costs the run time that it asks for, so that of the tasks
//! that compete for slots the shortest have them (spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use scheduler::flow::network::{Cost, MAX_COST};
use scheduler::flow::{CostModel, Racks, TaskFacts, UNIT};
use units::{Instant, NodeId};

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "shortest-job-first",
    summary: "Of tasks that compete for slots, those that ask for the shortest run time go first.",
    reads_input: false,
    uses_estimates: true,
    build: |_| Box::new(ShortestJobFirst),
};

/// The cost of a task without a node, and the highest of one with a node.
const WAITING: Cost = MAX_COST / 4;

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct ShortestJobFirst;

impl CostModel for ShortestJobFirst {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn waiting(&self, _: &TaskFacts, _: Instant) -> Cost {
        WAITING
    }

    fn anywhere(&self, task: &TaskFacts, _: &Racks) -> Cost {
        let nanos_per_unit = 1_000_000_000 / UNIT;
        (task.requested.as_nanos() / nanos_per_unit).min(WAITING - 1)
    }

    fn staying(&self, _: &TaskFacts, _: NodeId, _: &Racks) -> Cost {
        0
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(*self)
    }
}
