//! Faults in the declaration of an autoscaler or a balancer.

pub use model::finding::{Finding, Findings, Problem};
