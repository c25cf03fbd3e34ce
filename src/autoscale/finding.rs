//! What is wrong with an autoscaler's or a balancer's declaration.

pub use model::finding::{Finding, Findings, Problem};
