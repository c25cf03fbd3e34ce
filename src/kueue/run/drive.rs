//! Queues of a cluster as a component runs them: which workloads have changed, when something
//! happens by itself, and workloads that held quota before.

use std::sync::Arc;

use model::queueing::{ClusterQueueStatus, Condition, FlavorUsage, QueuedWorkload};
use model::{Labels, Text};
use units::{Instant, SortedSet};

use super::{Controller, Stage, State, Unadmitted};
use crate::names::Names;
use crate::tree::NodeId;

/// Name of the condition of a workload that runs.
pub const ADMITTED: &str = "Admitted";
/// Name of the condition of a workload that has ended.
const FINISHED: &str = "Finished";

impl State {
    /// The workload as its object shows it: with the conditions of its stage.
    pub fn shown(&self) -> QueuedWorkload {
        let mut workload = (*self.workload).clone();
        let condition = |kind: &str, since: Instant| Condition {
            kind: kind.into(),
            holds: true,
            reason: kind.into(),
            since,
        };
        if let Some(since) = self.admitted {
            workload.conditions.push(condition(ADMITTED, since));
        }
        if self.stage == Stage::Finished {
            let since = self.admitted.unwrap_or(workload.created);
            workload.conditions.push(condition(FINISHED, since));
        }
        workload
    }
}

impl Controller {
    /// States the labels of a namespace; one that is not stated has its name alone, in the label that
    /// the API server gives to every namespace.
    pub fn set_namespace(&mut self, name: Text, labels: Labels) {
        self.namespaces.insert(name, labels);
    }

    /// Whether a queue takes workloads of a namespace.
    pub(super) fn takes(&self, queue: NodeId, namespace: &Text) -> bool {
        // Workloads come by local queues, whose namespaces are known.
        let labels = self.namespaces.get(namespace);
        labels.is_some_and(|labels| self.snapshot.queue(queue).takes(labels))
    }

    /// Namespaces and names of the workloads that have changed since this was called last; those that
    /// are gone are not among them.
    pub fn take_changed(&mut self) -> Vec<(Text, Text)> {
        let changed = self.take_changed_numbers();
        let states = changed.iter().filter_map(|number| self.states.get(number));
        let names = states.map(|own| (own.workload.namespace.clone(), own.workload.name.clone()));
        names.collect()
    }

    /// Numbers of the workloads that have changed since this or [`Self::take_changed`] was called last.
    pub fn take_changed_numbers(&mut self) -> SortedSet<usize> {
        std::mem::take(&mut self.changed)
    }

    /// The queues whose status may have changed since this was last asked; at first, all of them.
    pub fn take_changed_queues(&mut self) -> SortedSet<NodeId> {
        std::mem::take(&mut self.changed_queues)
    }

    /// The next time at which something happens by itself; `None` if nothing does.
    pub fn next_due(&self) -> Option<Instant> {
        // What was to happen to workloads that have moved on does not.
        let mut alarms = self.alarms.iter();
        let alarm = alarms.find(|(_, number)| self.is_due_some_time(*number));
        let alarm = alarm.map(|(at, _)| *at);
        let tree = &self.snapshot.tree;
        let waiting = self.waiting.iter();
        let set_aside = waiting.filter(|(_, own)| !own.inadmissible.is_empty());
        let retries = set_aside.filter_map(|(queue, _)| self.retries.get(&tree.root(*queue)));
        retries.copied().chain(alarm).min()
    }

    /// Takes in the state of a workload as an earlier controller left it.
    pub fn adopt(&mut self, workload: QueuedWorkload) {
        let Some(number) = self.number(&workload.namespace, &workload.name) else {
            return;
        };
        self.release(number);
        self.dequeue(number);
        let workload = self.limit_ranges.adjusted(workload);
        let admitted = workload.holding(ADMITTED).map(|own| own.since);
        let shape = self.shape_of(&workload);
        let state = self.state_mut(number);
        state.shape = shape;
        state.evicted = workload
            .holding(crate::workload::EVICTED)
            .map(|own| own.reason.clone());
        state.stage = match (&workload.admission, admitted) {
            _ if workload.holding(FINISHED).is_some() => Stage::Finished,
            (None, _) => Stage::Pending,
            (Some(_), None) => Stage::QuotaReserved,
            (Some(_), Some(_)) => Stage::Admitted,
        };
        state.admitted = admitted;
        let mut workload = workload;
        let is_own = |own: &Condition| !matches!(&*own.kind, ADMITTED | FINISHED);
        workload.conditions.retain(is_own);
        state.workload = Arc::new(workload);
        match state.stage {
            Stage::QuotaReserved | Stage::Admitted => {
                self.hold(number);
                self.set_alarm(number);
            }
            Stage::Pending => self.enqueue(number),
            Stage::Finished => {}
        }
    }

    /// Number of workloads that wait in queues.
    pub fn pending(&self) -> usize {
        let waiting = self.waiting.values();
        waiting
            .map(|own| own.active().len() + own.inadmissible.len())
            .sum()
    }

    /// Answers to the first workload that waits in each queue of the cluster, as things are: none of a queue
    /// whose first workload fits by itself.
    pub fn first_unadmitted(&self) -> Vec<Unadmitted> {
        let mut found = Vec::new();
        let mut trial = self.clone();
        for (&queue, waiting) in &self.waiting {
            let active = waiting.active().next().map(|key| key.number);
            let Some(number) = active.or(waiting.inadmissible.first().copied()) else {
                continue;
            };
            let own = self.snapshot.queue(queue);
            let name = own.spec.name.clone();
            let message = if own.is_active {
                let entry = trial.try_head(number);
                entry.map(|entry| entry.message).unwrap_or_default()
            } else {
                format!("ClusterQueue {name} is inactive")
            };
            if !message.is_empty() {
                found.push(Unadmitted {
                    queue: name,
                    workload: self.states[&number].workload.clone(),
                    message,
                });
            }
        }
        found
    }

    /// Status of a queue.
    pub fn status(&self, queue: NodeId) -> ClusterQueueStatus {
        let snapshot = &self.snapshot;
        let own = snapshot.queue(queue);
        let waiting = self.waiting.get(&queue);
        let pending = waiting.map_or(0, |waiting| {
            waiting.active().len() + waiting.inadmissible.len()
        });
        let mut usage = Vec::new();
        for group in &own.spec.groups {
            for quotas in &group.flavors {
                for quota in &quotas.resources {
                    usage.extend(self.usage(queue, &quotas.flavor, &quota.resource));
                }
            }
        }
        ClusterQueueStatus {
            namespace: Text::default(),
            name: own.spec.name.clone(),
            pending: pending as u64,
            reserving: own.holdings.len() as u64,
            usage,
        }
    }

    fn usage(&self, queue: NodeId, flavor: &Text, resource: &Text) -> Option<FlavorUsage> {
        let (tree, names) = (&self.snapshot.tree, &self.snapshot.names);
        let pair =
            names.known_pair(names.known_flavor(flavor)?, names.known_resource(resource)?)?;
        let (nominal, used) = (tree.quota(queue, pair).nominal, tree.usage(queue, pair));
        let quantity = |amount: i64| Names::quantity(resource, amount);
        Some(FlavorUsage {
            flavor: flavor.clone(),
            resource: resource.clone(),
            nominal: quantity(nominal),
            total: quantity(used),
            borrowed: quantity((used - nominal).max(0)),
        })
    }
}
