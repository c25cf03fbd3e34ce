//! Claims on nodes as the store keeps them.

use std::sync::Arc;

use model::Event;
use model::event::Hold;
use units::{ComponentId, Instant};

use super::store::Store;

impl Store {
    /// The holds, by owner and number.
    pub fn holds(&self) -> impl Iterator<Item = &Arc<Hold>> {
        self.holds.values()
    }

    /// A hold that is there, by its owner's number.
    pub fn hold(&self, owner: ComponentId, number: u64) -> Option<&Hold> {
        self.holds.get(&(owner, number)).map(|hold| &**hold)
    }

    /// The release of a hold that has lapsed by now; `None` if it was released, or placed anew for
    /// longer.
    pub fn lapsed(&self, now: Instant, owner: ComponentId, number: u64) -> Option<Event> {
        let until = self.hold(owner, number)?.until?;
        (until <= now).then_some(Event::HoldReleased { owner, number })
    }
}
