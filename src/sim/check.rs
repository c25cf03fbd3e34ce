//! Costly checks after every event, for tests and debug runs.

use cluster::check::conservation;
use cluster::{Observer, Store};
use model::{Event, Pod};
use units::Instant;

/// Number of nodes and pods of a cluster for each change that may pass unchecked.
const ROWS_PER_CHANGE: usize = 100;

/// Recomputes the store's derived state and remembers the first disagreement: after every change of
/// a small cluster, and of a large one as often as its size allows, as a recount looks at every row.
/// A sum that went wrong once stays wrong, so a later recount finds it, too.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    failure: Option<String>,
    last: Instant,
    /// Changes since the last recount.
    unchecked: usize,
}

impl Checker {
    /// The first disagreement, if there was one.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}

impl Observer for Checker {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        if self.failure.is_some() {
            return;
        }
        if at < self.last {
            self.failure = Some(format!("time went back from {} to {at}", self.last));
        }
        self.last = at;
        self.unchecked += 1;
        if self.unchecked * ROWS_PER_CHANGE < store.nodes().len() + store.pods().living() {
            return;
        }
        self.unchecked = 0;
        if let Err(what) = conservation(store) {
            self.failure = Some(format!("at {at}, after {event:?}: {what}"));
        }
    }
}
