//! Machines and their keys, and which engine leads.

use crate::parts::turn::Turn;
use cluster::Store;
use model::{EndReason, Event, Text};
use units::{Duration, Instant, NodeId};

use super::Fleet;

/// A machine.
#[derive(Clone, Debug, Default)]
pub(super) struct Machine {
    name: Text,
    /// `true` if the machine's key is in the registry.
    pub(super) is_there: bool,
    is_silent: bool,
    /// `true` while its agent is stopped, as whoever drains a machine does: Fleet knows no cordon, and the
    /// engine loads the units of a stopped agent elsewhere.
    is_stopped: bool,
    /// Instant of the machine's first beat.
    since: Instant,
    expires: Option<Instant>,
}

impl Fleet {
    fn machine_mut(&mut self, node: NodeId) -> &mut Machine {
        if self.machines.len() <= node.index() {
            self.machines.resize(node.index() + 1, Machine::default());
        }
        &mut self.machines[node.index()]
    }

    /// Whether a machine's key is in the registry. A declaration that changes does not bring the key
    /// of a machine back that fell silent: only its agent does.
    pub(super) fn has_key(&self, node: NodeId) -> bool {
        let machine = self.machines.get(node.index());
        machine.is_some_and(|machine| machine.is_there)
    }

    /// Whether a machine's agent was stopped on purpose.
    pub(super) fn is_stopped(&self, node: NodeId) -> bool {
        let machine = self.machines.get(node.index());
        machine.is_some_and(|machine| machine.is_stopped)
    }

    /// A machine's key is in the registry, or its metadata changed.
    pub(super) fn joined(&mut self, at: Instant, node: NodeId, store: &Store) {
        let Some(object) = store.nodes().object(node) else {
            return;
        };
        let machine = self.machine_mut(node);
        if !machine.is_there {
            machine.since = at;
        }
        machine.name = object.name.clone();
        machine.is_stopped = object.unschedulable;
        if machine.is_stopped {
            self.gone(node);
            return;
        }
        machine.is_there = true;
        let labels = object.labels.clone();
        self.engine.put_machine(&object.name, labels);
        self.needs_round = true;
    }

    /// A machine's key is gone.
    pub(super) fn gone(&mut self, node: NodeId) {
        let machine = self.machine_mut(node);
        if !std::mem::take(&mut machine.is_there) {
            return;
        }
        let name = machine.name.clone();
        if let Some(expires) = machine.expires.take() {
            self.expiries.remove(&(expires, node));
        }
        self.engine.remove_machine(&name);
        self.needs_round = true;
    }

    /// Nothing is heard of a machine: its key ends its life after its last beat.
    pub(super) fn silent(&mut self, at: Instant, node: NodeId) {
        if self.leader == Some(node) {
            let renewed = self.round_before(at);
            self.leadership.claim(renewed, node.index(), 0);
        }
        let options = self.setup.options;
        let beat = options.presence_beat().as_nanos().max(1);
        let machine = self.machine_mut(node);
        machine.is_silent = true;
        if !machine.is_there {
            return;
        }
        let beats = at.since(machine.since).as_nanos().max(0) / beat * beat;
        let last = machine.since.saturating_add(Duration::from_nanos(beats));
        let expires = last.saturating_add(options.agent_ttl);
        machine.expires = Some(expires);
        self.expiries.insert((expires, node));
    }

    /// A machine is heard again: it beats at once.
    pub(super) fn heard(&mut self, node: NodeId, store: &Store) {
        let now = self.now;
        let machine = self.machine_mut(node);
        (machine.is_silent, machine.since) = (false, now);
        if let Some(expires) = machine.expires.take() {
            self.expiries.remove(&(expires, node));
        }
        if !self.machine_mut(node).is_there {
            self.joined(now, node, store);
        }
    }

    /// Keys end.
    pub(super) fn expire(&mut self, turn: &mut Turn<'_>) {
        while let Some(&(at, node)) = self.expiries.first()
            && at <= self.now
        {
            self.expiries.pop_first();
            self.machine_mut(node).expires = None;
            self.gone(node);
            if turn.store.nodes().is_ready(node) {
                turn.write(Event::NodeReadiness { node, ready: false });
            }
            let lost = self.globals.extract_all(|(_, on), _| *on == node);
            for (_, pod) in lost {
                if let Some(pod) = pod.filter(|pod| turn.store.pods().get(*pod).is_some()) {
                    let reason = EndReason::NodeLost;
                    turn.write(Event::PodEnded { pod, reason });
                }
            }
        }
    }

    /// Sets the number of engines that are away, the one that leads first, then those of the first
    /// machines; their agents go on. With 0 all are back.
    pub(super) fn engines_away(&mut self, now: Instant, count: usize) {
        self.away.clear();
        // Whoever leads next looks at everything.
        self.needs_round = true;
        if count == 0 {
            return;
        }
        if let Some(leader) = self.leader {
            let renewed = self.round_before(now);
            self.leadership.claim(renewed, leader.index(), 0);
        }
        // Those that are not heard now come last: their engines are away when they are back, if all are.
        let machines = |is_there: bool| {
            let machines = self.machines.iter().enumerate();
            let machines = machines.filter(move |(_, machine)| machine.is_there == is_there);
            machines.map(|(index, _)| NodeId(index as u32))
        };
        let leader = self.leader;
        let others = machines(true).chain(machines(false));
        let others = others.filter(|node| Some(*node) != leader);
        let away = leader.into_iter().chain(others).take(count);
        self.away = away.collect();
    }

    /// The machine whose engine may lead: the one that did if it is heard, else the first that is.
    pub(super) fn candidate(&self, store: &Store) -> Option<NodeId> {
        let is_heard = |node: &NodeId| {
            let machine = self.machines.get(node.index());
            machine.is_some_and(|machine| !machine.is_silent && !machine.name.is_empty())
                && store.nodes().is_ready(*node)
                && !self.away.contains(node)
        };
        let known = self.leader.filter(is_heard);
        known.or_else(|| store.nodes().present().find(is_heard))
    }

    /// Whether the engine of a machine leads in this round: another one does once the lease has ended.
    pub(super) fn lead(&mut self, next: NodeId) -> bool {
        let leads = self.leadership.claim(self.now, next.index(), 0);
        if leads {
            self.leader = Some(next);
        }
        leads
    }
}
