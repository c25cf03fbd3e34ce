//! What a component sees: the store itself, or a copy of it fed the same log later.

use crate::units::{Duration, Instant, Revision};

use super::Store;

/// A copy of a store that lags behind it by a fixed delay (watch delay, stale cache).
#[derive(Clone, Debug)]
pub struct View {
    copy: Store,
    cursor: Revision,
    lag: Duration,
}

impl View {
    /// A view that starts as a copy of the store and from then on lags behind it.
    pub fn new(store: &Store, lag: Duration) -> Self {
        Self {
            copy: store.fork(),
            cursor: store.revision(),
            lag,
        }
    }

    /// The cluster as it is seen.
    pub fn store(&self) -> &Store {
        &self.copy
    }

    /// Up to where the store's log was delivered.
    pub fn cursor(&self) -> Revision {
        self.cursor
    }

    /// Delivers every change made at or before `now - lag`; returns when the next one is due.
    pub fn advance(&mut self, store: &Store, now: Instant) -> Option<Instant> {
        for entry in store.log().since(self.cursor) {
            let due = entry.at.saturating_add(self.lag);
            if due > now {
                return Some(due);
            }
            self.copy
                .apply(entry.at, entry.event.clone())
                .expect("invariant: a view accepts what its store accepted");
            self.cursor = Revision(self.cursor.0 + 1);
        }
        None
    }

    /// Forgets the part of the copy's log that its reader has seen.
    pub fn truncate(&mut self, upto: Revision) {
        self.copy.truncate(upto);
    }
}
