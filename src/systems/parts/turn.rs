//! The turn of a component: what its steps read and write.

use cluster::Store;
use control::Outbox;
use model::Event;
use units::Instant;

/// The turn of a component, which it hands on to its steps.
pub(crate) struct Turn<'a> {
    /// The present instant.
    pub(crate) now: Instant,
    /// The cluster as the component sees it.
    pub(crate) store: &'a Store,
    /// The component's output.
    pub(crate) out: &'a mut Outbox,
}

impl<'a> Turn<'a> {
    /// A turn at an instant.
    pub(crate) fn new(now: Instant, store: &'a Store, out: &'a mut Outbox) -> Self {
        Self { now, store, out }
    }

    /// The same turn at another instant.
    pub(crate) fn at(&mut self, now: Instant) -> Turn<'_> {
        Turn::new(now, self.store, self.out)
    }

    /// Asks for a change that was decided on what the component sees.
    pub(crate) fn write(&mut self, event: Event) {
        self.out.write(self.store, event);
    }
}
