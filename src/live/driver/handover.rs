//! A control plane that takes over from another in the midst of a run, with what is stored alone, as a
//! new leader does.

use cluster::Store;
use model::Event;
use units::{Instant, Revision};

use super::seats::{Forgetful, Seats};
use super::{Driver, DriverError, Plane};
use crate::wire::Registration;

/// A node as a driver hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hearing {
    /// Name of the node.
    pub(crate) node: String,
    /// Instant of the last heartbeat.
    pub(crate) heard: Instant,
    /// `true` if the node counts as silent.
    pub(crate) is_silent: bool,
}

impl Driver {
    /// Keeps the log of the store from now on, so that another control plane can take over. Nothing of it
    /// may have been read.
    pub(crate) fn keep_log(&mut self) {
        self.keeps_log = true;
    }

    /// Another control plane takes over; it reads the log from its beginning, and goes on from what
    /// components of its own names knew.
    ///
    /// # Errors
    /// A component needs more than what is stored, and none of its name says it.
    pub(crate) fn hand_over(&mut self, plane: Plane) -> Result<(), DriverError> {
        let now = self.now;
        let mut seats = Seats::new(plane.components);
        if self.store.revision() == Revision::default() {
            seats.restart(now);
        } else {
            let memories = self.seats.memories().map_err(Forgetful::into_error)?;
            let recalled = seats.recall(now, &memories, &self.store);
            recalled.map_err(Forgetful::into_error)?;
        }
        self.seats = seats;
        self.seats.await_machines(now, &self.machines.awaited());
        // What the one before had in mind is not stored.
        for release in releases(&self.store) {
            self.happened(release);
        }
        self.lapses.clear();
        Ok(())
    }

    /// The last registrations of the nodes that are there, by name.
    pub(crate) fn registrations(&self) -> Vec<Registration> {
        self.links.registrations()
    }

    /// The nodes of the cluster as they are heard.
    pub(crate) fn hearing(&self) -> Vec<Hearing> {
        let nodes = self.store.nodes();
        let rows = nodes.present().filter_map(|node| {
            let link = self.links.get(node)?;
            Some(Hearing {
                node: nodes.name(node).to_owned(),
                heard: link.heard,
                is_silent: link.is_silent,
            })
        });
        rows.collect()
    }
}

fn releases(store: &Store) -> Vec<Event> {
    let holds = store.holds();
    let releases = holds.map(|hold| Event::HoldReleased {
        owner: hold.owner,
        number: hold.number,
    });
    releases.collect()
}
