//! Watching a store from outside the control plane: metrics, tables, checks.

use model::{Event, Pod, TrafficNames, TrafficStretch};
use units::{Instant, NodeId};

use super::{Store, UsageSamples};

/// Something that fails or is whole again in the world, which the control plane may learn of or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Kind of failure, such as `down` or `control plane down`.
    pub what: &'static str,
    /// The affected node, if any.
    pub node: Option<NodeId>,
    /// `true` where the incident begins; else it is over.
    pub begins: bool,
}

/// Sees every change right after it was applied. Observers never influence a run.
pub trait Observer {
    /// A change was applied. `ended` is the record of the pod that the change ended, as it was
    /// before.
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store);

    /// Something failed or is whole again.
    fn incident(&mut self, at: Instant, incident: Incident, store: &Store) {
        let _ = (at, incident, store);
    }

    /// Everything of an instant has happened; `next` is when something happens next.
    fn settled(&mut self, at: Instant, store: &Store) {
        let _ = (at, store);
    }

    /// Called from time to time with the current measurements, once an instant has settled.
    fn usage(&mut self, at: Instant, store: &Store, usage: &dyn UsageSamples) {
        let _ = (at, store, usage);
    }

    /// Called with the outcomes of requests in a past time interval. Intervals of one service
    /// arrive in order; those of several services arrive when known, possibly after later changes.
    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        let _ = (stretch, names);
    }
}
