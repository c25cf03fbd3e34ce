//! Requests, answers and news that come while no manager takes them: clients ask again, and engines are
//! looked at anew, once one does (spec: orchestrators-a.md section 1.5: containers are unaffected meanwhile).

use crate::parts::turn::Turn;
use model::{ObjectChange, PodRef};
use units::{Duration, Instant, ObjectId, SortedMap};

use super::super::contact::ContactEvent;
use super::{Due, SwarmManager};

/// Requests, answers and news that nobody has taken yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Unheard {
    /// Workloads that clients declared or deleted, with the instant at which each first did.
    declared: SortedMap<ObjectId, Instant>,
    /// Containers that engines have created, and that nobody has started.
    created: Vec<PodRef>,
    /// Engines, with what happened to the contact with each last while no manager was there.
    engines: SortedMap<usize, Option<ContactEvent>>,
}

impl SwarmManager {
    /// A client declares or deletes a workload, as far as a manager takes its requests.
    pub(super) fn declared_by_client(&mut self, change: &ObjectChange, turn: &mut Turn<'_>) {
        if !self.primary.accepts() {
            self.unheard.declared.entry(change.id()).or_insert(turn.now);
            return;
        }
        let (asked, stopped) = self.workloads.changed(change, turn.store);
        for event in stopped {
            turn.write(event);
        }
        turn.out.creations.extend(asked);
    }

    /// A client asks again for a workload as it wants it by now.
    pub(super) fn declare_again(&mut self, id: ObjectId, turn: &mut Turn<'_>) {
        let object = turn.store.objects().get(id).map(|row| row.object.clone());
        let change = match object {
            Some(object) => ObjectChange::Updated { id, object },
            None => ObjectChange::Deleted { id },
        };
        self.declared_by_client(&change, turn);
    }

    /// An engine has created a container that no manager is there to start.
    pub(super) fn keep_created(&mut self, pod: PodRef) {
        self.unheard.created.push(pod);
    }

    /// Something happened to the contact with an engine that no manager is there to notice.
    pub(super) fn keep_contact(&mut self, engine: usize, event: Option<ContactEvent>) {
        let last = self.unheard.engines.entry(engine).or_default();
        *last = event.or(*last);
    }

    /// A manager is there again: it looks at the engines.
    pub(super) fn look_again(&mut self, turn: &mut Turn<'_>) {
        for (engine, event) in std::mem::take(&mut self.unheard.engines) {
            self.follow(engine, event, turn);
        }
    }

    /// Requests are taken again: containers that were created are started, and clients ask for what they
    /// want, each when it would have anyway.
    pub(super) fn take_up(&mut self, turn: &mut Turn<'_>) {
        for pod in std::mem::take(&mut self.unheard.created) {
            self.created(pod, turn);
        }
        for (id, first) in std::mem::take(&mut self.unheard.declared) {
            let at = self.asks_again(turn.now, first);
            self.timers.push(at, Due::Declare(id));
        }
    }

    /// Instant from now on at which a client asks again that first asked at another.
    pub(super) fn asks_again(&self, now: Instant, first: Instant) -> Instant {
        let every = self.options.client_retry.as_nanos();
        let passed = now.since(first).as_nanos().max(0);
        let times = (passed + every - 1) / every.max(1);
        let at = first.saturating_add(Duration::from_nanos(times.max(1) * every));
        at.max(now)
    }
}
