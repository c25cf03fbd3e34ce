//! One run of a candidate, as the log keeps it.

use serde::{Deserialize, Serialize};

/// One run of a candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    /// Value of the metric.
    pub(super) value: f64,
    /// Digest over all that happened.
    pub(super) digest: String,
    /// Whether anything was drawn under its seed.
    pub(super) chance: bool,
}
