//! A control plane that takes over from another in the midst of a run, with what is stored alone, as a
//! new leader does.

use cluster::Store;
use model::Event;
use units::Instant;

use super::seats::Seats;
use super::{Driver, Plane};
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

    /// Another control plane takes over; it reads the log from its beginning.
    pub(crate) fn hand_over(&mut self, plane: Plane) {
        let now = self.now;
        self.seats = Seats::new(plane.components);
        self.seats.restart(now);
        self.seats.await_machines(now, &self.machines.awaited());
        // What the one before had in mind is not stored.
        for release in releases(&self.store) {
            self.happened(release);
        }
        self.lapses.clear();
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
