//! The simulator's side: the control plane of an experiment, and the stories of records in the simulator. The driver
//! itself knows no simulator.

pub mod chosen;
pub mod story;
