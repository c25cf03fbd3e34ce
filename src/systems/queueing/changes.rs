//! Objects of Kueue that change while the cluster runs: flavors, cohorts, quotas and queues.

use model::queueing::{ClusterQueue, StopPolicy};
use model::{Event, ObjectChange, Text};
use units::Instant;

use super::Queueing;
use crate::parts::turn::Turn;

impl Queueing {
    /// The next time at which objects change.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.later.front().map(|own| own.at)
    }

    /// Takes in the objects of this time. A queue that was deleted goes once no workload holds its quota, which
    /// counts until then; nothing of it is admitted meanwhile (the original's `TerminateClusterQueue`, and its
    /// finalizer `resource-in-use`).
    pub(super) fn change(&mut self, now: Instant, turn: &mut Turn<'_>) {
        let mut target = None;
        while self.next_change().is_some_and(|at| at <= now) {
            target = self.later.pop_front().map(|own| own.objects);
        }
        let is_emptied = self.leaving.iter().any(|own| !self.holds(&own.name));
        if target.is_none() && !is_emptied {
            return;
        }
        let mut leaving = std::mem::take(&mut self.leaving);
        if let Some(target) = target {
            let before = self.objects.take_changeable();
            self.objects.merge(target);
            leaving.extend(before.queues.into_iter().map(|own| ClusterQueue {
                stop: StopPolicy::Hold,
                ..own
            }));
        }
        let is_there = |name: &Text| self.objects.queues.iter().any(|own| own.name == *name);
        leaving.retain(|own| !is_there(&own.name) && self.holds(&own.name));
        let mut objects = self.objects.clone();
        objects.queues.extend(leaving.iter().cloned());
        self.leaving = leaving;
        let snapshot = super::snapshot(&objects, self.seed);
        self.controller.reconfigure(snapshot, &objects.local_queues);
        self.ground.renew();
        self.unshown.clear();
        self.priorities.clone_from(&objects.priorities);
        self.drained = super::drained(&objects);
        self.drain();
        self.hide_deleted(turn);
        self.is_awake = true;
    }

    /// Whether workloads hold quota of a queue.
    fn holds(&self, queue: &str) -> bool {
        let snapshot = self.controller.snapshot();
        let queue = snapshot.queue_named(queue);
        queue.is_some_and(|queue| !snapshot.queue(queue).holdings.is_empty())
    }

    /// Stops the workloads of queues that are drained.
    fn drain(&mut self) {
        let states = self.controller.states();
        let drained = states.filter_map(|own| {
            let workload = &own.workload;
            let queue = (workload.namespace.clone(), workload.queue.clone());
            let reason = *self.drained.get(&queue)?;
            Some((queue.0, workload.name.clone(), reason))
        });
        let drained: Vec<(Text, Text, &str)> = drained.collect();
        for (namespace, name, reason) in drained {
            self.controller.drain(&namespace, &name, reason);
        }
    }

    /// Deletes the objects of queues that are no more.
    fn hide_deleted(&mut self, turn: &mut Turn<'_>) {
        let snapshot = self.controller.snapshot();
        let mut deleted = Vec::new();
        self.shown.retain(|name, status| {
            let is_there = snapshot.queue_named(name).is_some();
            if !is_there {
                deleted.push((status.namespace.clone(), name.clone()));
            }
            is_there
        });
        for (namespace, name) in deleted {
            if let Some(id) = turn.store.objects().find("ClusterQueue", &namespace, &name) {
                turn.write(Event::Object(ObjectChange::Deleted { id }));
            }
        }
    }
}
