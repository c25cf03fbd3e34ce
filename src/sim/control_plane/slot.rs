//! A component of the control plane in its place.

use cluster::{Commitment, Conflict, Store, View};
use control::{Component, Outbox, OwnWrites, Write};
use units::{Duration, Instant};

use super::step::RequestBuffer;

/// A component, what it sees, and what it is about to do.
pub(super) struct ComponentSlot {
    pub(super) component: Box<dyn Component>,
    /// The component's view, where that lags behind the store.
    pub(super) view: Option<View>,
    /// Changes of objects that the component made since its last step.
    pub(super) own: OwnWrites,
    /// Writes and creations that the component is still deciding on or can't send yet.
    pub(super) deciding: Option<RequestBuffer>,
    /// The component before it had seen anything, where it may come to forget what it has.
    pub(super) blank: Option<Box<dyn Component>>,
    /// Whether the component is away.
    pub(super) is_absent: bool,
    /// Requests that got lost, and when that is known.
    pub(super) unanswered: Vec<(Instant, Write)>,
    /// Whether the component has more to do at this instant, or is due to wake.
    pub(super) due: bool,
    /// The wake-up asked for last, so that it is not asked for again.
    pub(super) wake: Option<Instant>,
    /// The wake-up asked for last that no run goes on for.
    pub(super) wake_idle: Option<Instant>,
    /// The delivery to the view that was asked for last.
    pub(super) delivery: Option<Instant>,
    pub(super) outbox: Outbox,
}

impl ComponentSlot {
    /// A component that has seen nothing yet. A view that lags starts empty, so that the component
    /// reads the nodes like everything else.
    pub(super) fn new(
        component: Box<dyn Component>,
        lag: Duration,
        commitment: Commitment,
    ) -> Self {
        let lag = lag.saturating_add(component.watch_delay());
        let empty = || View::new(&Store::committed(commitment), lag);
        Self {
            component,
            view: (lag > Duration::ZERO).then(empty),
            own: OwnWrites::default(),
            deciding: None,
            blank: None,
            is_absent: false,
            unanswered: Vec::new(),
            due: true,
            wake: None,
            wake_idle: None,
            delivery: None,
            outbox: Outbox::default(),
        }
    }

    /// The component is away from now on: what it was asking for is never asked for.
    pub(super) fn leave(&mut self) {
        self.is_absent = true;
        self.deciding = None;
        self.unanswered.clear();
    }

    /// The part of a store that the component sees.
    pub(super) fn seen<'a>(&'a self, store: &'a Store) -> &'a Store {
        self.view.as_ref().map_or(store, |view| view.store())
    }

    /// Tells the component of requests that it has waited for in vain.
    pub(super) fn give_up(&mut self, now: Instant) {
        if self.unanswered.is_empty() {
            return;
        }
        let due = self.unanswered.extract_if(.., |(at, _)| *at <= now);
        for (_, write) in due.collect::<Vec<_>>() {
            self.component.refused(&write, &Conflict::Refused);
            self.due = true;
        }
    }
}
