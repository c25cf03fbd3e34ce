//! The trivial model: every node costs the same, and waiting costs more
//! (spec: orchestrators-b.md section 6.4).

use super::CostModelEntry;
use super::flat::Flat;

/// The registry's entry.
pub const ENTRY: CostModelEntry = CostModelEntry {
    name: "trivial",
    summary: "Every node costs the same: tasks go wherever there is a slot.",
    reads_input: false,
    uses_estimates: false,
    build: |_| Box::new(Flat::new("trivial")),
};
