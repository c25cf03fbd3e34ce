//! Groups of pods that wait for quota, whose pods may stand in several files.

use std::sync::Arc;

use model::{PodSpec, Text};

/// Pods of a group that are alike and stand in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GroupPart {
    pub(super) spec: Arc<PodSpec>,
    /// Name of the first of them.
    pub(super) first: Text,
    pub(super) pods: u32,
    /// Name of their queue.
    pub(super) queue: Text,
    /// Number of pods of the group.
    pub(super) total: u32,
}

impl GroupPart {
    /// Adds parts that are not known yet.
    pub(super) fn extend(known: &mut Vec<Self>, others: Vec<Self>) {
        for part in others {
            if known.iter().all(|own| own.first != part.first) {
                known.push(part);
            }
        }
    }
}
