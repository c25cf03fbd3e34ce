//! Changes of a cache, in order, for those who follow it: pods that came to nodes or left them one
//! by one, nodes that left and came back; everything else only by a number that grows.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use model::Node;

/// Changes of pods that are kept at least; who lags further behind looks at everything again.
const PODS_KEPT: usize = 1 << 16;

/// Changes of nodes that are kept at least, with what nodes that left declared.
const NODES_KEPT: usize = 1 << 12;

/// Identity of a cache; a copy gets a new one.
#[derive(Debug, Default)]
pub struct Identity(Arc<()>);

impl Identity {
    /// One more handle on the same identity.
    pub fn handle(&self) -> Self {
        Self(self.0.clone())
    }

    /// Whether both are the same.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Class of a change that concerns a node and no pods.
pub const NO_CLASS: u32 = u32::MAX;

/// Pods of a class came to a node or left it.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// The node.
    pub slot: u32,
    /// The class, by its number among all classes that ever had pods, or [`NO_CLASS`].
    pub class: u32,
    /// Number of further pods.
    pub all: i32,
    /// Number of further pods among those that have not been asked to end.
    pub staying: i32,
}

/// Change of the nodes.
#[derive(Clone, Debug)]
pub enum NodeChange {
    /// A node left; its pods are in the log of these.
    Left {
        /// The slot that it had.
        slot: usize,
        /// The node as it declared itself.
        object: Arc<Node>,
    },
    /// The node that left this slot is there again, as it was but for its pods.
    Back(usize),
    /// The nodes stand in another order.
    Order,
    /// Anything else.
    Other,
}

/// The newest changes of pods.
pub type ChangeLog = Log<Change, PODS_KEPT>;

/// The newest changes of nodes.
pub type NodeLog = Log<NodeChange, NODES_KEPT>;

/// The newest changes of a kind, `KEPT` at least. A copy knows none of them: it has no followers yet.
#[derive(Debug)]
pub struct Log<T, const KEPT: usize> {
    changes: Vec<T>,
    /// Number of changes that are forgotten.
    forgotten: u64,
}

impl<T, const KEPT: usize> Clone for Log<T, KEPT> {
    fn clone(&self) -> Self {
        Self {
            changes: Vec::new(),
            forgotten: self.end(),
        }
    }
}

impl<T, const KEPT: usize> Default for Log<T, KEPT> {
    fn default() -> Self {
        Self {
            changes: Vec::new(),
            forgotten: 0,
        }
    }
}

impl<T, const KEPT: usize> Log<T, KEPT> {
    /// Number of changes that there ever were.
    pub fn end(&self) -> u64 {
        self.forgotten + self.changes.len() as u64
    }

    /// The changes after the first `position` ones; `None` if some of them are forgotten.
    pub fn since(&self, position: u64) -> Option<&[T]> {
        let skipped = position.checked_sub(self.forgotten)?;
        self.changes.get(usize::try_from(skipped).ok()?..)
    }

    pub(super) fn push(&mut self, change: T) {
        if self.changes.len() >= 2 * KEPT {
            self.changes.drain(..KEPT);
            self.forgotten += KEPT as u64;
        }
        self.changes.push(change);
    }
}

/// Something that counts how often it may have been changed.
#[derive(Clone, Debug, Default)]
pub struct VersionCell<T> {
    inner: T,
    version: u64,
}

impl<T> VersionCell<T> {
    /// Number of times that the value may have been changed.
    pub fn version(&self) -> u64 {
        self.version
    }
}

impl<T> Deref for VersionCell<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for VersionCell<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.version += 1;
        &mut self.inner
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lags_too_far_behind_is_told() {
        let mut log = ChangeLog::default();
        let change = |slot| Change {
            slot,
            class: 0,
            all: 1,
            staying: 1,
        };
        for slot in 0..=2 * PODS_KEPT as u32 {
            log.push(change(slot));
        }
        assert_eq!(log.end(), 2 * PODS_KEPT as u64 + 1);
        assert!(log.since(0).is_none());
        let newest = log.since(2 * PODS_KEPT as u64).expect("the newest one");
        assert_eq!(newest.len(), 1);
        assert_eq!(newest[0].slot, 2 * PODS_KEPT as u32);
        assert!(log.since(log.end()).is_some_and(<[Change]>::is_empty));
    }
}
