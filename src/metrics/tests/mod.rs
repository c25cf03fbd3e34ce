//! Tests over several families: edges by hand, published tables, and the outputs of the recorder.

mod edge_cases;
mod edge_values;
mod edge_windows;
pub(crate) mod fixture;
mod job_objects;
mod outputs;
mod placements;
mod published;
mod queues;
mod returning;
mod scenes;
mod topology_hole;
