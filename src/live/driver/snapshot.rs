//! Snapshots: the state of a control plane as a text, from which a log can begin. A snapshot holds what
//! is stored, as the API server of a real cluster does, and what components keep in a log of their own.
//! What they keep in mind is no part of it, so they begin anew, as those of a new leader do. The control
//! plane that takes a snapshot goes on from it as well: it and one that is restored cannot differ.

use cluster::{Digest, History, Store};
use serde::{Deserialize, Serialize};
use units::{Instant, SortedSet};

use super::ended::Ended;
use super::events::Events;
use super::labels::{NamedLabels, OwnLabels};
use super::links::Links;
use super::machines::Machines;
use super::seats::{Forgetful, Remembered};
use super::services::{NamedPorts, Ports};
use super::tally::{NamedTally, Tallies};
use super::usage::Measured;
use super::{Drain, Driver, DriverError, Plane};

/// State of a control plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    at: Instant,
    /// Number of the control server's term.
    epoch: u64,
    /// Instant at which the term began; zero in a snapshot of an older version.
    #[serde(default)]
    opened: Instant,
    /// Digest of all changes and commands until then.
    digest: String,
    history: History,
    links: Links,
    drains: SortedSet<Drain>,
    machines: Machines,
    services: Vec<NamedPorts>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<NamedLabels>,
    events: Events,
    #[serde(default, skip_serializing_if = "Ended::is_empty")]
    ended: Ended,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tallies: Vec<NamedTally>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    memories: Vec<Remembered>,
}

impl Driver {
    /// A control plane in the state of a snapshot.
    ///
    /// # Errors
    /// The snapshot leads to no cluster.
    pub fn restored(plane: Plane, snapshot: &Snapshot) -> Result<Self, DriverError> {
        let mut driver = Self::new(plane);
        driver.go_on_from(snapshot)?;
        Ok(driver)
    }

    /// Goes on from what is stored alone, at an instant; returns that. If it fails, nothing has changed.
    ///
    /// # Errors
    /// What is stored can't be written and read.
    pub(crate) fn compacted(&mut self, now: Instant) -> Result<Snapshot, DriverError> {
        let at = now.max(self.now);
        let memories = self.seats.memories().map_err(Forgetful::into_error)?;
        let snapshot = Snapshot {
            at,
            epoch: self.epoch,
            opened: self.opened,
            digest: self.digest(),
            history: self.store.history(at),
            links: self.links.clone(),
            drains: self.drains.clone(),
            machines: self.machines.clone(),
            services: self.ports.present(&self.store),
            labels: self.labels.present(&self.store),
            events: self.events.clone(),
            ended: self.ended.clone(),
            tallies: self.tallies.present(&self.store),
            memories,
        };
        self.go_on_from(&snapshot)?;
        Ok(snapshot)
    }

    /// Refuses to have the simulator begin in the midst of a run where a component keeps more than what
    /// is stored.
    ///
    /// # Errors
    /// A component does.
    pub(crate) fn check_simulated_beginning(&self) -> Result<(), DriverError> {
        let memories = self.seats.memories().map_err(Forgetful::into_error)?;
        match memories.into_iter().next() {
            None => Ok(()),
            Some(own) => Err(DriverError::Midst {
                component: own.component,
            }),
        }
    }

    fn go_on_from(&mut self, snapshot: &Snapshot) -> Result<(), DriverError> {
        let failed = |why: &dyn std::fmt::Display| DriverError::Snapshot {
            at: snapshot.at,
            why: why.to_string(),
        };
        let text = serde_json::to_string(snapshot).map_err(|error| failed(&error))?;
        // Whoever starts from the text must be where this control plane is.
        let read: Snapshot = serde_json::from_str(&text).map_err(|error| failed(&error))?;
        if read != *snapshot {
            return Err(failed(&"its text says something else"));
        }
        let store = Store::restored(self.store.commitment(), &snapshot.history);
        let store = store.map_err(|conflict| failed(&conflict))?;
        let seats = self
            .seats
            .successors(snapshot.at, &snapshot.memories, &store);
        self.seats = seats.map_err(Forgetful::into_error)?;
        self.store = store;
        self.digest = Digest::new();
        self.digest.include(&text);
        self.now = snapshot.at;
        self.epoch = snapshot.epoch;
        self.opened = snapshot.opened;
        self.links = snapshot.links.clone();
        self.drains = snapshot.drains.clone();
        self.machines = snapshot.machines.clone();
        self.ports = Ports::of(&snapshot.services);
        self.labels = OwnLabels::of(&snapshot.labels);
        self.events = snapshot.events.clone();
        self.ended = snapshot.ended.clone();
        self.tallies = Tallies::of(&snapshot.tallies);
        // Their holds are gone with what they had in mind.
        self.lapses.clear();
        self.measured = Measured::default();
        self.seats
            .await_machines(self.now, &self.machines.awaited());
        Ok(())
    }
}

impl Forgetful {
    pub(super) fn into_error(self) -> DriverError {
        match self {
            Self::Lost(component) => DriverError::Memory { component },
            Self::Failed(component, why) => DriverError::Recall { component, why },
        }
    }
}
