//! The vertical autoscaler (spec: kubernetes.md 3.2): [`usage`] takes in samples and
//! out-of-memory kills, [`recommend`] makes requests of them, [`evictions`] says which pods are
//! to come back with these, [`admit`] gives them to new pods.
//!
//! Amounts are milli-cores and bytes. What is transcendental in the original is computed by
//! [`rng::math`] (logarithms) or, where last digits decide, by the original's own
//! algorithm (powers), so recommendations equal the recorded ones to the unit.

mod go_math;
pub mod histogram;
pub mod recommender;
#[cfg(test)]
mod tests;
pub mod updater;
pub mod usage;

pub use control::admission::vertical::{ContainerResources, RequestLimit, admit};
pub use histogram::{Buckets, DecayingHistogram};
pub use recommender::{ContainerPolicy, Recommendation, RecommenderSettings, recommend};
pub use updater::{PendingResize, UpdatedPod, UpdaterSettings, Updates, evictions, updates};
pub use usage::{ContainerUsage, Usage};

use super::float::to_i64;

/// Amount that means no bound.
pub const MAX_AMOUNT: i64 = 100_000_000_000_000;

/// Cpu and memory of a container.
pub use model::ResourceUsage as Amounts;

/// A float as an amount: not below 0, not above [`MAX_AMOUNT`], cut. What is no number becomes
/// the least integer, as in the original, and is raised by the next lower bound.
fn amount(value: f64) -> i64 {
    if value < 0.0 {
        0
    } else if value > MAX_AMOUNT as f64 {
        MAX_AMOUNT
    } else {
        to_i64(value)
    }
}

/// An amount times a factor.
fn scaled(own: i64, factor: f64) -> i64 {
    amount(own as f64 * factor)
}
