//! The two logs of a store: the object log, from which no reader may fall off, and a ring of changed
//! nodes for caches, where one that fell off rescans.

use std::collections::VecDeque;

use model::Event;
use serde::{Deserialize, Serialize};
use units::{Instant, NodeId, Revision};

/// A change with the instant it was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Instant of the change.
    pub at: Instant,
    /// The event.
    pub event: Event,
}

/// The changes of a store, from the oldest that some watcher has not read yet.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Revision of the change before the first entry.
    base: u64,
    entries: Vec<LogEntry>,
    /// Number of entries that every reader has read: they go once they are the greater part.
    read: usize,
}

impl Log {
    /// Revision of the last change.
    #[inline]
    pub fn head(&self) -> Revision {
        Revision(self.base + self.entries.len() as u64)
    }

    /// The changes after a revision, oldest first.
    ///
    /// # Panics
    /// If they are gone already: the driver keeps what a registered cursor has not read.
    #[inline]
    pub fn since(&self, cursor: Revision) -> impl Iterator<Item = &LogEntry> {
        let oldest = self.base + self.read as u64;
        assert!(
            cursor.0 >= oldest,
            "invariant: a watcher's cursor ({cursor}) is not behind the log ({oldest})"
        );
        self.entries[(cursor.0 - self.base) as usize..].iter()
    }

    /// The last change.
    #[inline]
    pub fn last(&self) -> Option<&LogEntry> {
        self.entries.last()
    }

    /// Forgets everything up to and including a revision.
    #[inline]
    pub fn truncate(&mut self, upto: Revision) {
        let count = upto.0.saturating_sub(self.base) as usize;
        self.read = self.read.max(count.min(self.entries.len()));
        if self.read == self.entries.len() {
            self.entries.clear();
        } else if 2 * self.read > self.entries.len() {
            self.entries.drain(..self.read);
        } else {
            return;
        }
        self.base += self.read as u64;
        self.read = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, at: Instant, event: Event) {
        self.entries.push(LogEntry { at, event });
    }
}

/// Number of node changes that the ring remembers. A cache that is further behind would touch so
/// many nodes that a scan is cheaper.
const RING_LENGTH: usize = 1 << 14;

/// The last node changes, oldest first.
#[derive(Clone, Debug, Default)]
pub struct NodeRing {
    changes: VecDeque<(Revision, NodeId)>,
    /// Everything after this revision is still in the ring.
    complete_since: Revision,
}

impl NodeRing {
    /// The nodes changed after a revision (with repetitions), or `None` if some are forgotten.
    pub fn since(&self, cursor: Revision) -> Option<impl Iterator<Item = NodeId>> {
        if cursor < self.complete_since {
            return None;
        }
        // There is at most one change a revision, so those after the cursor are among the last.
        let head = self.changes.back().map_or(cursor, |&(head, _)| head);
        let most = head.0.saturating_sub(cursor.0) as usize;
        let mut start = self.changes.len().saturating_sub(most);
        let mut end = self.changes.len();
        while start < end {
            let middle = usize::midpoint(start, end);
            if self.changes[middle].0 <= cursor {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        Some(self.changes.range(start..).map(|&(_, node)| node))
    }

    pub(super) fn push(&mut self, at: Revision, node: NodeId) {
        if self.changes.len() == RING_LENGTH
            && let Some((revision, _)) = self.changes.pop_front()
        {
            self.complete_since = revision;
        }
        self.changes.push_back((at, node));
    }
}
