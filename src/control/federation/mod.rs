//! Federation: cells, each a part of the nodes with a control plane of its own, and the component above
//! them that divides replicas among them, as `KubeFed` does (spec: kubernetes.md section 5).

mod component;
mod planner;

pub use component::{CellOptions, Federation, FederationOptions, WorkloadOptions, member_name};
pub use planner::{CellPlan, PlannedCell, Preference, Preferences, plan};
