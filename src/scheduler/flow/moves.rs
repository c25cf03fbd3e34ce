//! Tasks that lose their nodes: to wait, or to go on on other nodes.
//!
//! A task that is taken off its node ends, and a pod of its name comes back with the rest of its work. It
//! keeps its input, the time that it has waited and the time that it has run. One that moves is bound to
//! its new node as soon as it is back; the others wait, and are in the next round.

use cluster::Store;
use control::Outbox;
use model::{DeviceSet, EndReason, Event, EvictionCause, PodChange, PodName, PodRef};
use units::{ClassId, Instant, NodeId, SortedMap, SortedSet};

use super::cost_model::TaskFacts;
use super::{Flow, number};

/// A task that lost its node.
#[derive(Clone, Debug)]
struct EvictedTask {
    facts: TaskFacts,
    /// The node that it moves to.
    to: Option<NodeId>,
}

/// Tasks that lost their nodes, on their way back.
#[derive(Clone, Debug, Default)]
pub(super) struct EvictedTasks {
    /// Names of tasks, by number.
    names: SortedMap<u64, PodName>,
    /// Numbers of tasks that were asked to terminate: a late view shows them on their nodes for a while.
    leaving: SortedSet<u64>,
    /// Nodes that tasks move to which were asked to terminate, by number.
    destinations: SortedMap<u64, NodeId>,
    /// Tasks that are away.
    away: SortedMap<PodName, Vec<EvictedTask>>,
    /// Tasks that are back and not in the network, by number.
    back: SortedMap<u64, EvictedTask>,
    /// Tasks that are back, with the nodes that they move to.
    bound_for: Vec<(PodRef, NodeId)>,
}

impl EvictedTasks {
    /// A pod was submitted: one that comes back, or a new one.
    pub(super) fn created(&mut self, number: u64, name: &PodName) {
        self.names.insert(number, name.clone());
        if let Some(away) = self.away.get_mut(name) {
            let back = away.remove(0);
            if away.is_empty() {
                self.away.remove(name);
            }
            self.back.insert(number, back);
        }
    }

    /// A task ended, about which these facts are known.
    pub(super) fn ended(&mut self, number: u64, facts: Option<TaskFacts>, reason: EndReason) {
        let to = self.destinations.remove(&number);
        self.leaving.remove(&number);
        self.back.remove(&number);
        let name = self.names.remove(&number);
        if let (EndReason::Evicted(_), Some(name), Some(facts)) = (reason, name, facts) {
            let away = self.away.entry(name).or_default();
            away.push(EvictedTask { facts, to });
        }
    }

    /// A task that was to move ends, or ended, otherwise, or it stays until it may be
    /// [told again](Self::tell_again).
    pub(super) fn refused(&mut self, number: u64) {
        self.destinations.remove(&number);
    }

    /// Tasks asked to terminate may still have their nodes.
    pub(super) fn tell_again(&mut self) {
        self.leaving.clear();
    }

    /// Facts about a pod that has come back.
    pub(super) fn take(&mut self, pod: PodRef, number: u64) -> Option<TaskFacts> {
        let EvictedTask { facts, to } = self.back.remove(&number)?;
        self.bound_for.extend(to.map(|to| (pod, to)));
        Some(facts)
    }
}

/// Room for tasks that move: what is free, and what others of their class leave.
#[derive(Debug, Default)]
struct Destinations {
    leaving: SortedMap<(ClassId, NodeId), u32>,
    /// The class that moves to a node in this round, and the number of its tasks that still may.
    open: SortedMap<NodeId, (ClassId, u32)>,
}

impl Flow {
    /// Takes the tasks off their nodes that the flow leads elsewhere; `true` if there were any.
    pub(super) fn take_off(
        &mut self,
        found: &[(u64, NodeId)],
        store: &Store,
        out: &mut Outbox,
    ) -> bool {
        let mut preempted = self.graph.preempted();
        preempted.retain(|number| !self.absent.leaving.contains(number));
        let mut moves = found.to_vec();
        moves.retain(|(number, _)| {
            let is_leaving = self.absent.leaving.contains(number);
            self.graph.may_lose(*number).is_some() && !is_leaving
        });
        if preempted.is_empty() && moves.is_empty() {
            return false;
        }
        let mut room = Destinations::default();
        let movers = moves.iter().map(|&(number, _)| number);
        for number in preempted.iter().copied().chain(movers) {
            if let (Some(known), Some(from)) = (self.task_of(number), self.graph.may_lose(number)) {
                *room.leaving.entry((known.class, from)).or_default() += 1;
            }
        }
        let mut taken_off = 0;
        for (number, to) in moves {
            let Some(known) = self.task_of(number) else {
                continue;
            };
            if !self.admit(known.class, to, &mut room, store) {
                self.is_news = true;
                continue;
            }
            let (pod, change) = (known.pod, PodChange::Moving { to });
            out.write(store, Event::PodChanged { pod, change });
            self.absent.destinations.insert(number, to);
            self.absent.leaving.insert(number);
            evict(pod, store, out);
            taken_off += 1;
        }
        for number in preempted {
            if let Some(known) = self.task_of(number) {
                self.absent.leaving.insert(number);
                evict(known.pod, store, out);
                taken_off += 1;
            }
        }
        // Who gets the room is for the next round, once they are back.
        self.is_news |= taken_off > 0;
        taken_off > 0
    }

    /// Whether a node has room for one more task of a class that moves there. A node may have room for
    /// either of two classes, and not for both: the first one goes there alone.
    fn admit(
        &mut self,
        class: ClassId,
        to: NodeId,
        room: &mut Destinations,
        store: &Store,
    ) -> bool {
        let leaving = room.leaving.get(&(class, to)).copied().unwrap_or(0);
        let own = room.open.entry(to).or_insert_with(|| {
            let free = self.rooms.here(store, class, to);
            (class, free.saturating_add(leaving))
        });
        let is_open = own.0 == class && own.1 > 0;
        own.1 -= u32::from(is_open);
        is_open
    }

    /// Binds tasks that move and are back to their nodes; `true` if there were any.
    pub(super) fn go_on(&mut self, now: Instant, store: &Store, out: &mut Outbox) -> bool {
        let mut rooms: SortedMap<NodeId, (ClassId, Vec<DeviceSet>)> = SortedMap::new();
        let mut bound = 0;
        for (pod, node) in std::mem::take(&mut self.absent.bound_for) {
            let Some(known) = self.known(pod).filter(|known| known.waits) else {
                continue;
            };
            let class = known.class;
            let (taken, devices) = rooms
                .entry(node)
                .or_insert_with(|| (class, self.rooms.devices(store, class, node)));
            if *taken != class || self.graph.is_full(node) {
                continue;
            }
            let Some(devices) = devices.pop() else {
                continue;
            };
            self.wait_no_longer(pod);
            self.graph.put(number(pod), node, now);
            out.write(store, Event::PodBound { pod, node, devices });
            bound += 1;
        }
        out.decided_pods += bound;
        out.decided_jobs += bound;
        bound > 0
    }
}

fn evict(pod: PodRef, store: &Store, out: &mut Outbox) {
    let reason = EndReason::Evicted(EvictionCause::Preemption);
    out.write(store, Event::PodEnded { pod, reason });
}
