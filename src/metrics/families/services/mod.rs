//! Workloads kept at strength by controllers: availability, recovery, rollouts and deliveries.

pub mod availability;
pub mod deliveries;
pub mod exposure;
pub mod missing_replicas;
pub mod recovery;
pub mod rollouts;
pub mod spread;
pub mod storage;
