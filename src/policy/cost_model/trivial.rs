//! The trivial model: every node costs the same, and waiting costs more
//! (spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use super::octopus::{ANYWHERE, WAITING};
use scheduler::flow::network::Cost;
use scheduler::flow::{CostModel, Racks, TaskFacts};
use units::Instant;

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "trivial",
    summary: "Every node costs the same: tasks go wherever there is a slot.",
    reads_input: false,
    build: |_| Box::new(Trivial),
};

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct Trivial;

impl CostModel for Trivial {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn waiting(&self, _: &TaskFacts, _: Instant) -> Cost {
        WAITING
    }

    fn anywhere(&self, _: &TaskFacts, _: &Racks) -> Cost {
        ANYWHERE
    }

    fn clone_model(&self) -> Box<dyn CostModel> {
        Box::new(*self)
    }
}
