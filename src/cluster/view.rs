//! View of a component: the store itself, or a copy of it fed the same log later.

use units::{Duration, Instant, Revision};

use super::Store;

/// A copy of a store that lags behind it by a delay (watch delay, stale cache).
#[derive(Clone, Debug)]
pub struct View {
    copy: Store,
    cursor: Revision,
    /// Delay with which later changes are shown; `None` while none are.
    lag: Option<Duration>,
}

impl View {
    /// A view that starts as a copy of the store and from then on lags behind it.
    pub fn new(store: &Store, lag: Duration) -> Self {
        Self {
            copy: store.fork(),
            cursor: store.revision(),
            lag: Some(lag),
        }
    }

    /// A view of a store as it is, with what its reader has not read yet.
    pub fn now(store: &Store) -> Self {
        Self {
            copy: store.clone(),
            cursor: store.revision(),
            lag: Some(Duration::ZERO),
        }
    }

    /// Sets the delay with which changes are shown from now on; without one they are not shown.
    pub fn show(&mut self, lag: Option<Duration>) {
        self.lag = lag;
    }

    /// The cluster as it is seen.
    pub fn store(&self) -> &Store {
        &self.copy
    }

    /// Revision up to which the store's log was delivered.
    pub fn cursor(&self) -> Revision {
        self.cursor
    }

    /// Delivers every change made at or before `now - lag`; returns when the next one is due.
    /// While no changes are shown, nothing is due.
    pub fn advance(&mut self, store: &Store, now: Instant) -> Option<Instant> {
        for entry in store.log().since(self.cursor) {
            let due = entry.at.saturating_add(self.lag?);
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
