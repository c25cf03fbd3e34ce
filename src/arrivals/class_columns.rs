//! The columns of a table that the classes of a workload need: a table has those alone that some class fills.

use crate::pod::settings::has_settings;
use model::PodSpec;

/// The columns that the classes of a workload need in a table, beside those of their requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassColumns {
    /// Whether pods may have settings such as labels, limits and several containers.
    pub has_pods: bool,
    /// Whether pods may be resized while they run.
    pub has_resizes: bool,
}

impl ClassColumns {
    /// Returns the columns of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            has_pods: self.has_pods || other.has_pods,
            has_resizes: self.has_resizes || other.has_resizes,
        }
    }

    /// The columns that a spec needs.
    pub fn of(spec: &PodSpec) -> Self {
        Self {
            has_pods: has_settings(spec),
            has_resizes: { spec.behaviour.as_ref() }.is_some_and(|own| !own.resizes.is_empty()),
        }
    }
}
