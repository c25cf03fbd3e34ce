//! Octopus: the more tasks a node has, the more the next one costs, so that all have equally many
//! (camsas/firmament, `octopus_cost_model.cc`; spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use super::flat::Flat;
use scheduler::flow::UNIT;

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "octopus",
    summary: "Octopus: spreads tasks so that all nodes have equally many.",
    reads_input: false,
    build: |_| Box::new(MODEL),
};

/// The model.
const MODEL: Flat = Flat {
    of_load: |tasks| i64::from(tasks) * UNIT,
    ..Flat::new("octopus")
};
