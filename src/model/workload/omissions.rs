//! Fields that a declaration of a workload leaves to others.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

/// Fields of a workload that its last declaration does not state, as `kubectl apply` tells them by the
/// annotation `last-applied-configuration`. What others write into such a field (an autoscaler, `kubectl
/// scale`) stays until a declaration states it; a field that was stated and is no more gets its default.
/// Adds nothing to digests: its effect does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omissions {
    /// The number of pods.
    pub replicas: bool,
    /// Whether rollouts stand still.
    pub paused: bool,
}

impl Omissions {
    /// Fields that neither this declaration nor the one before states.
    #[must_use]
    pub const fn and(self, before: Self) -> Self {
        Self {
            replicas: self.replicas && before.replicas,
            paused: self.paused && before.paused,
        }
    }

    /// Whether the declaration states every field.
    pub const fn is_empty(&self) -> bool {
        !self.replicas && !self.paused
    }
}

impl Hash for Omissions {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}
