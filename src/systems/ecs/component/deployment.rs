//! Deployments of a service.

use std::sync::Arc;

use model::PodSpec;
use serde::{Deserialize, Serialize};

use super::super::breaker::CircuitBreaker;

/// The present deployment of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Deployment {
    pub(super) number: u64,
    pub(super) template: Arc<PodSpec>,
    pub(super) breaker: CircuitBreaker,
    pub(super) is_failed: bool,
    /// Whether it goes back to a deployment that was completed, and is not there yet.
    pub(super) is_rollback: bool,
}

/// A deployment whose tasks were all there and healthy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Completed {
    pub(super) number: u64,
    pub(super) template: Arc<PodSpec>,
}

impl Deployment {
    pub(super) fn new(number: u64, template: Arc<PodSpec>, desired: u64) -> Self {
        Self {
            number,
            template,
            breaker: CircuitBreaker::new(desired),
            is_failed: false,
            is_rollback: false,
        }
    }
}
