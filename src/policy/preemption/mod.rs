//! Preemption in the pipeline: which pods go so that one of higher priority has room.

pub mod borg_preemption;
