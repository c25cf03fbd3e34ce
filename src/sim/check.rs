//! Costly checks after every event, for tests and debug runs.

use cluster::check::conservation;
use cluster::{Observer, Store};
use model::{Event, Pod};
use units::Instant;

/// Recomputes the store's derived state after every change and remembers the first disagreement.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    failure: Option<String>,
    last: Instant,
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
        if let Err(what) = conservation(store) {
            self.failure = Some(format!("at {at}, after {event:?}: {what}"));
        }
    }
}
