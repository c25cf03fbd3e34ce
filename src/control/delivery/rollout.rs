//! Pushes, workloads and rollouts as the component of deliveries names them.

use model::Text;
use units::{Instant, ObjectId};

/// A push, by its pipeline and its number there.
#[derive(Clone, Copy, Debug)]
pub(super) struct PushNumber {
    pub(super) pipeline: usize,
    pub(super) number: usize,
}

impl PushNumber {
    pub(super) const fn new(pipeline: usize, number: usize) -> Self {
        Self { pipeline, number }
    }
}

/// The end of a rollout.
#[derive(Clone, Copy, Debug)]
pub(super) struct RolloutEnd<'a> {
    pub(super) image: &'a Text,
    pub(super) success: bool,
    pub(super) rolls_back: bool,
}

/// A workload at an instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct RolloutContext {
    pub(super) now: Instant,
    pub(super) id: ObjectId,
}
