//! Workloads kept at strength by controllers: availability, recovery and rollouts.

pub mod availability;
pub mod missing_replicas;
pub mod recovery;
pub mod rollouts;
