//! Nodes as managers hear of them: heartbeats, downs, returns, tasks that are given up, constraints
//! that are enforced (spec: orchestrators-a.md section 2.8).

use crate::parts::turn::Turn;
use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use model::{self, DeviceSet, EndReason, Event, EvictionCause, Text};
use rng::Stream;
use units::{Duration, Identity, Instant, NodeId};

use super::component::{Due, SwarmKitManager};
use super::dispatcher::HeartbeatOptions;
use super::enforcer::{Placed, rejected};
use super::node::{Availability, NodeStatus};
use super::request;
use super::service::{Mode, Task};
use super::task::DesiredState;

/// Watch over a node.
#[derive(Clone, Debug)]
pub(super) struct NodeWatch {
    pub(super) id: Text,
    rng: Stream,
    /// A beat that was heard, and the period until the next.
    beat: Instant,
    period: Duration,
    is_silent: bool,
    /// `true` if the node's silence is what tells that it is down.
    is_observed: bool,
    /// Instant from which the node counts as down, while it is silent.
    expires: Option<Instant>,
    pub(super) down_since: Option<Instant>,
    /// `true` if the node's labels changed while there was no leader to enforce constraints.
    is_unchecked: bool,
}

impl NodeWatch {
    fn new(now: Instant, id: Text, options: &HeartbeatOptions, seed: u64) -> Self {
        let mut rng = Stream::of(seed, "swarmkit.heartbeat", Identity::of(&id));
        let period = options.draw(&mut rng);
        Self {
            id,
            rng,
            beat: now,
            period,
            is_silent: false,
            is_observed: false,
            expires: None,
            down_since: None,
            is_unchecked: false,
        }
    }

    /// The last beat before a node fell silent at `now`.
    fn advance(&mut self, now: Instant, options: &HeartbeatOptions) {
        while self.beat.saturating_add(self.period) < now {
            self.beat = self.beat.saturating_add(self.period);
            self.period = options.draw(&mut self.rng);
        }
    }
}

impl SwarmKitManager {
    pub(super) fn node_added(&mut self, now: Instant, node: NodeId, object: &Arc<model::Node>) {
        let number = node.index();
        let known = request::node(object, number, self.options.managers);
        self.scheduler.put_node(known);
        let id = object.name.clone();
        self.node_ids.insert(id.clone(), number);
        let heartbeat = self.options.heartbeat;
        let watch = NodeWatch::new(now, id, &heartbeat, self.seed);
        self.nodes.push(watch);
        self.dirty.extend(self.services.keys());
        self.committed(now);
    }

    /// A node that was gone when these managers took over, under the name that the store has for it.
    pub(super) fn node_gone(&mut self, now: Instant, id: Text) {
        let watch = NodeWatch::new(now, id, &self.options.heartbeat, self.seed);
        self.nodes.push(watch);
    }

    /// A node is down since before these managers took over.
    pub(super) fn still_down(&mut self, node: NodeId, since: Instant, is_silent: bool) {
        let watch = &mut self.nodes[node.index()];
        watch.down_since = Some(since);
        (watch.is_silent, watch.is_observed) = (is_silent, is_silent);
        let orphans = since.saturating_add(self.options.orphan_timeout);
        self.timers.push(orphans, Due::Orphans(node.index()));
        if let Some(known) = self.scheduler.node_mut(&watch.id) {
            known.status = NodeStatus::Down;
        }
    }

    /// A node's declaration changed: availability and labels follow, and what it may no longer have
    /// is rejected.
    pub(super) fn node_updated(
        &mut self,
        node: NodeId,
        object: &Arc<model::Node>,
        turn: &mut Turn<'_>,
    ) {
        let declared = request::node(object, node.index(), self.options.managers);
        let capacity = declared.available.clone();
        let Some(known) = self.scheduler.node_mut(&object.name) else {
            return;
        };
        let has_new_labels = known.labels != declared.labels;
        let is_resumed = known.availability == Availability::Pause
            && declared.availability == Availability::Active;
        known.availability = declared.availability;
        known.labels = declared.labels;
        (known.role, known.ip) = (declared.role, declared.ip);
        (known.os, known.architecture) = (declared.os, declared.architecture);
        if has_new_labels && self.raft.accepts() {
            self.enforce(node, &capacity, turn);
        } else if has_new_labels {
            self.nodes[node.index()].is_unchecked = true;
        }
        self.empty(&object.name, turn);
        if is_resumed && self.raft.accepts() {
            self.renew(node, turn);
        }
        self.dirty.extend(self.services.keys());
        self.committed(turn.now);
    }

    /// A node that drains gives its tasks to the restart rule; those of global services just go, as the
    /// look at their service finds. The next leader looks again.
    fn empty(&mut self, id: &Text, turn: &mut Turn<'_>) {
        let node = self.scheduler.nodes().get(id);
        if node.is_none_or(|node| node.availability != Availability::Drain) || !self.raft.accepts()
        {
            return;
        }
        let here = self.tasks.iter().filter(|(_, task)| {
            let service = task.service.and_then(|own| self.services.get(&own));
            let is_global = service.is_some_and(|own| own.mode == Mode::Global);
            task.node.as_ref() == Some(id) && task.is_wanted && !is_global
        });
        let here: Vec<u64> = here.map(|(&number, _)| number).collect();
        for number in here {
            let reason = EndReason::Evicted(EvictionCause::Drain);
            self.shut_down(number, reason, turn);
            self.replace(turn.now, number, turn.out);
        }
    }

    fn enforce(&mut self, node: NodeId, capacity: &super::task::Resources, turn: &mut Turn<'_>) {
        let id = self.nodes[node.index()].id.clone();
        let here = self
            .tasks
            .iter()
            .filter(|(_, task)| task.node.as_ref() == Some(&id));
        let mut placed: Vec<Placed> = here
            .map(|(_, task)| Placed {
                task: task.id.clone(),
                constraints: task.spec.constraints.clone(),
                reservations: task.spec.reservations.clone(),
                desired: if task.is_wanted {
                    DesiredState::Running
                } else {
                    DesiredState::Shutdown
                },
                observed: task.observed,
            })
            .collect();
        placed.sort_by(|one, other| one.task.cmp(&other.task));
        let Some(known) = self.scheduler.nodes().get(&id) else {
            return;
        };
        for task in rejected(known, capacity, &placed) {
            let found = self.tasks.iter().find(|(_, known)| known.id == task);
            if let Some((&number, _)) = found {
                self.shut_down(number, EndReason::Rejected, turn);
                self.replace(turn.now, number, turn.out);
            }
        }
    }

    /// A node falls silent: when it counts as down is known by its last beat.
    pub(super) fn silent(&mut self, now: Instant, node: usize) {
        let options = self.options.heartbeat;
        let Some(watch) = self.nodes.get_mut(node) else {
            return;
        };
        watch.advance(now, &options);
        watch.is_silent = true;
        watch.is_observed = true;
        let expires = watch.beat.saturating_add(options.grace_of(watch.period));
        watch.expires = Some(expires);
        self.timers.push(expires.max(now), Due::Down(node));
    }

    /// A node is heard again: it registers, and takes tasks again.
    pub(super) fn heard(&mut self, now: Instant, node: usize) {
        let options = self.options.heartbeat;
        let Some(watch) = self.nodes.get_mut(node) else {
            return;
        };
        watch.is_silent = false;
        watch.expires = None;
        watch.down_since = None;
        watch.beat = now;
        watch.period = options.draw(&mut watch.rng);
        let id = watch.id.clone();
        self.set_status(now, &id, NodeStatus::Ready);
    }

    fn set_status(&mut self, now: Instant, id: &Text, status: NodeStatus) {
        if let Some(known) = self.scheduler.node_mut(id) {
            known.status = status;
        }
        self.dirty.extend(self.services.keys());
        self.committed(now);
    }

    /// The managers are told at once that a node is down or up.
    pub(super) fn declared(&mut self, node: usize, is_up: bool, turn: &mut Turn<'_>) {
        if self.nodes.get(node).is_none_or(|watch| watch.is_observed) {
            return;
        }
        if is_up {
            self.nodes[node].is_silent = false;
            let id = self.nodes[node].id.clone();
            self.set_status(turn.now, &id, NodeStatus::Ready);
        } else {
            self.down(node, turn);
        }
    }

    /// A silent node's grace is over, unless it was heard meanwhile or nobody leads.
    pub(super) fn expired(&mut self, node: usize, turn: &mut Turn<'_>) {
        let watch = &self.nodes[node];
        let is_due = watch.is_silent && watch.expires.is_some_and(|at| at <= turn.now);
        if !is_due || watch.down_since.is_some() || !self.raft.accepts() {
            return;
        }
        let id = NodeId::from_index(node);
        if turn.store.nodes().is_ready(id) {
            let ready = false;
            turn.write(Event::NodeReadiness { node: id, ready });
        }
        self.down(node, turn);
    }

    /// A node is down: every task there is handed to the restart rule at once.
    pub(super) fn down(&mut self, node: usize, turn: &mut Turn<'_>) {
        if !self.raft.accepts() {
            // The next leader finds out.
            self.nodes[node].is_silent = true;
            return;
        }
        let orphans = turn.now.saturating_add(self.options.orphan_timeout);
        self.nodes[node].down_since = Some(turn.now);
        self.timers.push(orphans, Due::Orphans(node));
        let id = self.nodes[node].id.clone();
        self.set_status(turn.now, &id, NodeStatus::Down);
        let here = self.tasks.iter();
        let here = here.filter(|(_, task)| task.node.as_ref() == Some(&id));
        let here: Vec<(u64, Task)> = here.map(|(&own, task)| (own, task.clone())).collect();
        for (number, task) in here {
            if !task.is_wanted {
                self.release_successor(turn.now, number, &task);
                continue;
            }
            self.shut_down(number, EndReason::NodeLost, turn);
            self.replace(turn.now, number, turn.out);
        }
    }

    /// A node has been down for too long: its tasks are forgotten.
    pub(super) fn orphan(&mut self, node: usize, turn: &mut Turn<'_>) {
        let watch = &self.nodes[node];
        let since = watch
            .down_since
            .map(|since| since.saturating_add(self.options.orphan_timeout));
        if since.is_none_or(|until| until > turn.now) || !self.raft.accepts() {
            return;
        }
        let id = watch.id.clone();
        let here = self
            .tasks
            .values()
            .filter(|task| task.node.as_ref() == Some(&id));
        for pod in here.filter_map(|task| task.pod) {
            let reason = EndReason::NodeLost;
            turn.write(Event::PodEnded { pod, reason });
        }
    }

    /// An election ends: the new leader knows the nodes, and waits longer for those that are silent.
    pub(super) fn elect(&mut self, turn: &mut Turn<'_>) {
        if !self.raft.elect(turn.now) {
            return;
        }
        let options = self.options.heartbeat;
        for node in 0..self.nodes.len() {
            let watch = &mut self.nodes[node];
            if watch.is_silent && watch.down_since.is_none() {
                let period = options.draw(&mut watch.rng);
                let expires = turn
                    .now
                    .saturating_add(options.grace_after_election(period));
                watch.expires = Some(expires);
                self.timers.push(expires, Due::Down(node));
                // A leader knows only who has registered with it.
                let id = watch.id.clone();
                if let Some(known) = self.scheduler.node_mut(&id) {
                    known.status = NodeStatus::Unknown;
                }
            }
            // What fell due while nobody led.
            let watch = &mut self.nodes[node];
            let is_unchecked = std::mem::take(&mut watch.is_unchecked);
            if let Some(since) = watch.down_since
                && since.saturating_add(self.options.orphan_timeout) < turn.now
            {
                self.timers.push(turn.now, Due::Orphans(node));
            }
            let name = self.nodes[node].id.clone();
            self.empty(&name, turn);
            let id = NodeId::from_index(node);
            if is_unchecked && let Some(object) = turn.store.nodes().object(id) {
                let capacity = request::capacity(object);
                self.enforce(id, &capacity, turn);
            }
        }
        self.take_up(turn);
        self.dirty.extend(self.services.keys());
        self.committed(turn.now);
    }
}

/// The first devices of a node that are free; those given in the same step are not.
pub(super) fn free_devices(store: &Store, node: NodeId, asked: i64, out: &Outbox) -> DeviceSet {
    let mut devices = DeviceSet::EMPTY;
    if asked == 0 {
        return devices;
    }
    let taken = |device: usize| {
        out.writes.iter().any(|write| match &write.event {
            Event::PodBound {
                node: other,
                devices,
                ..
            } => *other == node && devices.contains(device),
            _ => false,
        })
    };
    let rooms = store.nodes().gpu_room(node).iter().enumerate();
    let free = rooms.filter(|&(device, &room)| room >= 1_000 && !taken(device));
    for (device, _) in free.take(usize::try_from(asked).unwrap_or(0)) {
        devices.insert(device);
    }
    devices
}
