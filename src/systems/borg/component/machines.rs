//! Machines: how they join, fall silent, are marked down, and how their tasks find new places at a
//! limited rate, as a large outage looks like a partition (spec: orchestrators-b.md section
//! 5.3).

use crate::parts::turn::Turn;
use std::sync::Arc;

use cluster::Store;
use model::{EndReason, Event, Node};
use units::{Instant, NodeId};

use super::super::machine::Machine;
use super::{Borgmaster, Due};

/// Knowledge of the master about a machine's agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contact {
    silent_since: Option<Instant>,
    is_up: bool,
    /// Whether the machine is declared to take tasks.
    is_declared_open: bool,
}

impl Contact {
    /// Whether the machine answers.
    pub(super) const fn is_heard(&self) -> bool {
        self.is_up && self.silent_since.is_none()
    }
}

impl Borgmaster {
    pub(super) fn joined(&mut self, node: NodeId, object: &Arc<Node>, store: &Store) {
        let offered = store.nodes().allocatable().row(node);
        self.cell.join(Machine::new(object.clone(), offered));
        self.contacts.push(Contact {
            silent_since: None,
            is_up: true,
            is_declared_open: !object.unschedulable,
        });
        self.pending.unblock();
    }

    pub(super) fn updated(&mut self, node: NodeId, object: &Arc<Node>, store: &Store) {
        let offered = store.nodes().allocatable().row(node);
        self.cell.declare(node, object, offered);
        if let Some(contact) = self.contacts.get_mut(node.index()) {
            contact.is_declared_open = !object.unschedulable;
        }
        self.follow(node);
        self.pending.unblock();
    }

    fn set_up(&mut self, node: NodeId, is_up: bool) {
        if let Some(contact) = self.contacts.get_mut(node.index()) {
            contact.is_up = is_up;
            if !is_up {
                self.vacate_all(node);
            }
        }
        self.follow(node);
    }

    /// A machine takes tasks while it is up and not cordoned.
    fn follow(&mut self, node: NodeId) {
        let Some(contact) = self.contacts.get(node.index()) else {
            return;
        };
        let is_open = contact.is_up && contact.is_declared_open;
        self.cell.open(node, is_open);
        if is_open {
            self.pending.unblock();
        }
    }

    pub(super) fn removed(&mut self, node: NodeId) {
        self.set_up(node, false);
    }

    /// The driver states that a node is up or down.
    pub(super) fn declared_ready(&mut self, node: NodeId, is_ready: bool) {
        let contact = self.contacts.get(node.index());
        if contact.is_some_and(|contact| contact.silent_since.is_none()) {
            self.set_up(node, is_ready);
        }
    }

    pub(super) fn silent(&mut self, at: Instant, node: NodeId) {
        if let Some(contact) = self.contacts.get_mut(node.index()) {
            contact.silent_since = Some(at);
            let after = at.saturating_add(self.options.unreachable_after);
            self.timers.push(after, Due::Down(node));
        }
    }

    pub(super) fn heard(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        if let Some(contact) = self.contacts.get_mut(node.index()) {
            contact.silent_since = None;
        }
        self.set_up(node, true);
        if !turn.store.nodes().is_ready(node) {
            let ready = true;
            turn.write(Event::NodeReadiness { node, ready });
        }
    }

    /// A machine that has been silent for too long is marked down.
    pub(super) fn down(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        let contact = self.contacts.get(node.index());
        let since = contact.and_then(|contact| contact.silent_since);
        let after = self.options.unreachable_after;
        if since.is_none_or(|since| turn.now.since(since) < after) {
            return;
        }
        self.set_up(node, false);
        if turn.store.nodes().is_ready(node) {
            let ready = false;
            turn.write(Event::NodeReadiness { node, ready });
        }
        let tasks = self.cell.machines()[node.index()].tasks.iter();
        let tasks = tasks.filter_map(|held| Some((node, held.holder.task()?)));
        self.lost.extend(tasks);
    }

    /// Tasks of machines that are down find new places, as fast as they may.
    pub(super) fn reschedule(&mut self, turn: &mut Turn<'_>) {
        while let Some(&(node, pod)) = self.lost.front() {
            let is_there = self.task(pod).is_some_and(|own| {
                own.machine == Some(node)
                    && !own.is_replaced
                    && turn.store.pods().get(pod).is_some()
            });
            let is_down = self
                .contacts
                .get(node.index())
                .is_some_and(|own| !own.is_up);
            if is_there && is_down {
                if !self.permits.take(turn.now) {
                    turn.out.wake_at(self.permits.free_at(turn.now));
                    return;
                }
                let reason = EndReason::NodeLost;
                if self.is_wanted(pod) {
                    self.replace(pod, reason, turn.out);
                } else {
                    turn.write(Event::PodEnded { pod, reason });
                }
            }
            self.lost.pop_front();
        }
    }
}
