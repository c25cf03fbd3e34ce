//! Moves of instances that are shut down for it: cold migrations and resizes of a cloud, from the wish of a user
//! to its confirmation (spec: orchestrators-a.md section 6.3).

use serde::{Deserialize, Serialize};
use units::{ClassId, Duration};

/// Step of a cold migration or a resize, or the end of a live migration that does not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Relocation {
    /// A user asks for it.
    Asked {
        /// Class of the pod afterwards; its own one asks for a cold migration.
        class: ClassId,
        /// Answer of the user once the pod runs at its new place; `None` gives none.
        answer: Option<RelocationAnswer>,
    },
    /// No node takes the pod, or its state does not allow it: it stays as it is.
    Refused,
    /// What the pod held before is given back.
    Confirmed,
    /// The pod goes back to where it was, as it was.
    Reverted,
    /// No node takes the pod, which is to leave its node while it runs: it stays until one does.
    Stranded,
    /// The pod's live migration took too long: it stays until its node is in use again.
    GivenUp,
}

/// Answer of a user to a move, some time after the pod runs at its new place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelocationAnswer {
    /// It is confirmed.
    Confirm {
        /// Time after which it is.
        after: Duration,
    },
    /// It is reverted.
    Revert {
        /// Time after which it is.
        after: Duration,
    },
}
