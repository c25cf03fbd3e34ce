//! News for the engine from those who talk to the API.

use std::time::Duration;

use crate::wire::observation::{Kind, Observation};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// All objects of a kind were listed: what of them is new.
    Listed(Kind, Vec<Observation>),
    /// An object came, changed or went.
    Seen(Observation),
    /// A binding was written, after a time from the decision on.
    Bound {
        /// Unique identifier of the pod.
        uid: String,
        /// The time.
        took: Duration,
    },
    /// The API refused what was decided on a pod.
    Unwritten {
        /// Unique identifier of the pod.
        uid: String,
        /// Namespace and name of the pod.
        place: String,
        /// Reason.
        why: String,
    },
    /// Something that users should know.
    Doubt(String),
    /// Something that can't go on.
    Failed(String),
}
