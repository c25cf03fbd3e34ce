//! Amazon ECS: services of tasks on container instances, placed by constraints and ordered
//! strategies, replaced within the bounds of healthy percentages, with a circuit breaker for
//! deployments, capacity providers that scale groups of instances, and Fargate.
//!
//! Follows the developer guide, awsdocs/amazon-ecs-developer-guide 49232cf; where it is silent, the
//! rules of this project (spec: orchestrators-a.md section 7).

mod agent;
pub mod breaker;
pub mod capacity;
mod checks;
mod component;
mod entry;
pub mod fargate;
pub mod fast;
pub(crate) mod fit;
mod levels;
pub mod options;
pub mod placement;
pub mod query;
mod request;
pub mod section;
pub mod service;

pub use entry::ENTRY;
pub(crate) use entry::WITH_PORTS;
pub use options::EcsOptions;
pub use request::attributes;

#[cfg(test)]
mod tests;
