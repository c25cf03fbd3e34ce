//! Watching a store from outside the control plane: metrics, tables, checks.

use model::{Event, Pod, PodRef, Text, TrafficNames, TrafficStretch};
use units::{Instant, NodeId};

use super::{Store, UsageSamples};

/// Kind of incident: the API refuses to evict pods of a node, as their disruption budgets don't allow it.
pub const EVICTION_REFUSED: &str = "eviction refused";

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

/// Measurements of the nodes whose pods use something else than when they were told last.
#[derive(Clone, Copy)]
pub struct UsageNews<'a> {
    /// The nodes, in order.
    pub nodes: &'a [NodeId],
    /// The use of their pods from now until the next change.
    pub usage: &'a dyn UsageSamples,
}

/// Sees every change right after it was applied. Observers never influence a run.
///
/// An observer that counts the pods that ended:
///
/// ```
/// use std::sync::Arc;
///
/// use cluster::{Conflict, Observer, Store};
/// use model::{Event, Node, Pod};
/// use units::Instant;
///
/// #[derive(Default)]
/// struct Ends(u64);
///
/// impl Observer for Ends {
///     fn observe(&mut self, _at: Instant, event: &Event, _ended: Option<&Pod>, _store: &Store) {
///         self.0 += u64::from(matches!(event, Event::PodEnded { .. }));
///     }
/// }
///
/// let (mut store, mut ends) = (Store::new(), Ends::default());
/// let joined = store.node_added(Arc::new(Node::default()));
/// let ended = store.apply(Instant::ZERO, joined.clone())?;
/// ends.observe(Instant::ZERO, &joined, ended.as_ref(), &store);
/// assert_eq!(ends.0, 0);
/// # Ok::<(), Conflict>(())
/// ```
pub trait Observer {
    /// A change was applied. `ended` is the record of the pod that the change ended, as it was
    /// before.
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store);

    /// Something failed or is whole again.
    fn incident(&mut self, at: Instant, incident: Incident, store: &Store) {
        let _ = (at, incident, store);
    }

    /// An autoscaler of nodes orders none for a pod that waits, for this reason; `None` where it no longer holds.
    fn unprovided(&mut self, at: Instant, pod: PodRef, why: Option<&Text>, store: &Store) {
        let _ = (at, pod, why, store);
    }

    /// Everything of an instant has happened; `next` is when something happens next.
    fn settled(&mut self, at: Instant, store: &Store) {
        let _ = (at, store);
    }

    /// Pods of some nodes use something else from now on; called once an instant has settled.
    fn usage(&mut self, at: Instant, store: &Store, news: UsageNews<'_>) {
        let _ = (at, store, news);
    }

    /// Called with the outcomes of requests in a past time interval. Intervals of one service
    /// arrive in order; those of several services arrive when known, possibly after later changes.
    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        let _ = (stretch, names);
    }
}
