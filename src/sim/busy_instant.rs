//! The bound on events at one instant. Components and node agents that keep each other busy while no time passes
//! would run for ever.

use cluster::Store;
use units::{Instant, Revision};

/// Events and rounds at one instant that are always allowed.
const ALLOWED: u64 = 1 << 17;

/// Further events and rounds allowed per living pod and node.
const ALLOWED_PER_OBJECT: u64 = 64;

/// Counts the events and rounds of the present instant.
#[derive(Clone, Debug)]
pub(super) struct BusyInstant {
    at: Instant,
    /// Revision of the store when the instant began.
    begun: Revision,
    count: u64,
    bound: u64,
}

impl Default for BusyInstant {
    fn default() -> Self {
        Self {
            at: Instant::ZERO,
            begun: Revision::default(),
            count: 0,
            bound: ALLOWED,
        }
    }
}

impl BusyInstant {
    /// Another event or round; returns whether there are more of them than any instant needs.
    #[inline]
    pub(super) fn is_endless(&mut self, now: Instant, store: &Store) -> bool {
        if now != self.at {
            *self = Self {
                at: now,
                begun: store.revision(),
                ..Self::default()
            };
        }
        self.count += 1;
        self.count > self.bound && self.is_beyond(store)
    }

    /// Whether the count exceeds what the cluster's size allows. What was there or created at this instant
    /// counts, also if it is gone: a million pods may end at once.
    #[cold]
    fn is_beyond(&mut self, store: &Store) -> bool {
        let objects = (store.pods().living() + store.nodes().len()) as u64;
        self.bound = self.bound.max(ALLOWED + ALLOWED_PER_OBJECT * objects);
        self.count > self.bound
    }

    /// Number of events and rounds so far.
    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    /// Revision of the store when the instant began.
    pub(super) const fn begun(&self) -> Revision {
        self.begun
    }
}
