//! The families of metrics, by what they are about. A family is one file with its `ENTRY`, which
//! holds all facts about it, and a line in [`registry`](crate::registry).

pub mod autoscaling;
pub mod disruption;
pub mod jobs;
pub mod money;
pub mod packing;
pub mod run;
pub mod services;
pub mod sharing;
pub mod traffic;
pub mod waiting;
