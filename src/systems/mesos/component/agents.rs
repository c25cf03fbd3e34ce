//! Agents: when they register, when they are given up, and what becomes of their tasks
//! (spec: orchestrators-b.md section 1.7).

use crate::parts::turn::Turn;
use cluster::Store;
use model::{Event, Node, PodRef};
use serde::{Deserialize, Serialize};
use units::{Duration, Identity, Instant, NodeId, PodId, SortedMap};

use super::super::fast::amounts::{Amounts, Bundle, REVOCABLE, subtract_to_nothing};
use super::super::framework::forget;
use super::super::section::MesosReservation;
use super::{Held, MesosMaster};

/// State in which the master believes an agent to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Belief {
    /// It is not registered.
    #[default]
    Absent,
    /// It is registered.
    Here,
    /// It did not answer.
    Unreachable,
}

/// An agent as its master knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AgentState {
    pub(super) belief: Belief,
    /// Instant of the agent's first ping.
    first_ping: Instant,
    pub(super) is_silent: bool,
    /// Instant at which the agent is to be given up.
    overdue: Option<Instant>,
    /// Instant at which revocable tasks were last killed on the agent.
    pub(super) corrected: Option<Instant>,
}

impl AgentState {
    /// Instant at which the agent is to be given up, if it is silent.
    pub(super) const fn overdue(&self) -> Option<Instant> {
        self.overdue
    }
}

impl MesosMaster {
    pub(super) fn agent_mut(&mut self, node: NodeId) -> &mut AgentState {
        if self.agents.len() <= node.index() {
            self.agents.resize(node.index() + 1, AgentState::default());
        }
        &mut self.agents[node.index()]
    }

    pub(super) fn joined(&mut self, at: Instant, node: NodeId, store: &Store) {
        if store.nodes().object(node).is_some() {
            self.register(node, store);
            self.agent_mut(node).first_ping = at;
        }
    }

    pub(super) fn updated(&mut self, node: NodeId, store: &Store) {
        if self.agent_mut(node).belief != Belief::Here {
            return;
        }
        let Some(object) = store.nodes().object(node) else {
            return;
        };
        let total = self.bundle(node, object, store);
        self.allocator.update_agent(node.0, total);
        // An agent under maintenance takes nothing new.
        let is_active = !object.unschedulable;
        self.allocator.set_agent_active(node.0, is_active);
        self.is_requested |= is_active;
    }

    pub(super) fn left(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        self.take_out(node, turn);
        *self.agent_mut(node) = AgentState::default();
        self.overdue.retain(|(_, known)| *known != node);
        self.registering.retain(|(_, known)| *known != node);
    }

    /// A node is declared up or down by somebody else: what was on one that is down has ended.
    pub(super) fn readiness(&mut self, node: NodeId, ready: bool, turn: &mut Turn<'_>) {
        match (ready, self.agent_mut(node).belief) {
            (false, Belief::Here) => {
                self.take_out(node, turn);
                self.agent_mut(node).belief = Belief::Absent;
            }
            (true, Belief::Absent | Belief::Unreachable) if self.campaigns.is_none() => {
                self.register(node, turn.store);
            }
            _ => {}
        }
    }

    /// Nothing is heard of an agent from now on. A ping at this very instant was answered.
    pub(super) fn silent(&mut self, at: Instant, node: NodeId) {
        let options = self.options.observer;
        let agent = self.agent_mut(node);
        agent.is_silent = true;
        if agent.belief != Belief::Here || agent.overdue.is_some() {
            return;
        }
        let period = options.ping_period.as_nanos().max(1);
        let since = at.since(agent.first_ping).as_nanos().max(0);
        let missed = (since / period + 1) + i64::from(options.max_missed);
        let wait = Duration::from_nanos(period.saturating_mul(missed));
        let overdue = agent.first_ping.saturating_add(wait);
        agent.overdue = Some(overdue);
        self.overdue.insert((overdue, node));
    }

    /// An agent is heard again. Whoever answers one ping of those that count is kept; a master that took
    /// over meanwhile has yet to know it.
    pub(super) fn heard(&mut self, at: Instant, node: NodeId, store: &Store) {
        let period = self.options.observer.ping_period;
        let agent = self.agent_mut(node);
        agent.is_silent = false;
        let is_awaited = agent.belief == Belief::Absent && agent.overdue.is_some();
        if agent.belief == Belief::Unreachable || is_awaited {
            self.removals.cancel(store.nodes().name(node));
            self.register(node, store);
            return;
        }
        let Some(overdue) = agent.overdue else {
            return;
        };
        let last_ping = Instant::from_nanos(overdue.as_nanos() - period.as_nanos());
        if at <= last_ping || at > overdue {
            agent.overdue = None;
            self.overdue.remove(&(overdue, node));
            self.removals.cancel(store.nodes().name(node));
        }
    }

    /// Gives up agents whose time is over, as fast as that is allowed; registers those that are back.
    pub(super) fn watch(&mut self, turn: &mut Turn<'_>) {
        while let Some(&(at, node)) = self.overdue.first()
            && at <= self.now
        {
            self.overdue.pop_first();
            self.removals.push(turn.store.nodes().name(node).into());
        }
        for name in self.removals.take(self.now) {
            if let Some(node) = turn.store.nodes().by_name(&name) {
                self.give_up(node, turn);
            }
        }
        while let Some(&(at, node)) = self.registering.first()
            && at <= self.now
        {
            self.registering.pop_first();
            let agent = *self.agent_mut(node);
            let is_ready = turn.store.nodes().is_ready(node);
            if agent.is_silent || !(is_ready || agent.belief == Belief::Unreachable) {
                continue;
            }
            if !is_ready {
                turn.write(Event::NodeReadiness { node, ready: true });
            }
            self.register(node, turn.store);
        }
    }

    fn give_up(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        self.agent_mut(node).overdue = None;
        self.take_out(node, turn);
        self.agent_mut(node).belief = Belief::Unreachable;
        if turn.store.nodes().is_ready(node) {
            turn.write(Event::NodeReadiness { node, ready: false });
        }
        for (framework, pods) in tasks_on(&self.held, turn.store, node) {
            if self.options.frameworks[framework].is_partition_aware {
                let seat = &mut self.seats[framework];
                seat.framework.reached(self.now, &pods, false, turn.store);
                seat.is_touched = true;
            } else {
                for pod in pods {
                    forget(pod, turn);
                }
            }
        }
        // One that was heard too late registers again, once it is known to be lost.
        if !self.agent_mut(node).is_silent {
            let at = self.registration(node, turn.store);
            let at = at.saturating_add(Duration::from_nanos(1));
            self.registering.insert((at, node));
        }
    }

    /// Instant at which an agent registers that is to do so now, after its back-off.
    fn registration(&self, node: NodeId, store: &Store) -> Instant {
        let span = self.options.stated.registration_backoff.as_nanos().max(1) as u64;
        let agent = Identity::of(store.nodes().name(node));
        let entity = agent.nth(self.now.as_nanos() as u64);
        let mut stream = rng::Stream::of(self.options.seed, "mesos-register", entity);
        let wait = Duration::from_nanos(stream.below(span) as i64);
        self.now.saturating_add(wait)
    }

    /// An agent is offered no more, and offers of it are taken back.
    fn take_out(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        self.rescind(|offer| offer.agent == node.0, turn);
        self.allocator.remove_agent(node.0);
    }

    /// An agent registers with what runs on it.
    pub(super) fn register(&mut self, node: NodeId, store: &Store) {
        let now = self.now;
        let Some(object) = store.nodes().object(node) else {
            return;
        };
        let object = object.clone();
        let total = self.bundle(node, &object, store);
        let was = std::mem::replace(
            self.agent_mut(node),
            AgentState {
                belief: Belief::Here,
                first_ping: now,
                is_silent: false,
                overdue: None,
                corrected: None,
            },
        );
        if let Some(overdue) = was.overdue {
            self.overdue.remove(&(overdue, node));
        }
        self.allocator.add_agent(node.0, total);
        if object.unschedulable {
            self.allocator.set_agent_active(node.0, false);
        }
        for slot in store.nodes().pods(node) {
            let held = self.held.get(slot.index()).and_then(Option::as_ref);
            if let Some(task) = held.and_then(|held| held.task.as_ref()) {
                self.allocator.hold(task.client, node.0, &task.taken);
            }
        }
        if was.belief == Belief::Unreachable {
            for (framework, pods) in tasks_on(&self.held, store, node) {
                let seat = &mut self.seats[framework];
                seat.framework.reached(now, &pods, true, store);
                seat.is_touched = true;
            }
        }
        self.is_requested = true;
    }

    /// Resources of an agent, with its reservations.
    fn bundle(&mut self, node: NodeId, object: &Node, store: &Store) -> Bundle {
        let mut total = Bundle::of(self.columns.total(store, node));
        if self.has_rivals() {
            subtract_to_nothing(&mut total.plain, &self.taken_by_others(node, store));
        }
        let is_on = |own: &&MesosReservation| {
            let mut labels = own.labels.iter();
            labels.all(|(key, value)| object.labels.get(key).is_some_and(|own| **own == **value))
        };
        let reservations: Vec<MesosReservation> = self
            .options
            .stated
            .reservations
            .iter()
            .filter(is_on)
            .cloned()
            .collect();
        for own in reservations {
            let role = self.allocator.role(&own.role.as_str().into());
            let wanted = match &own.amount {
                None => total.plain.clone(),
                Some(amount) => self.columns.stated(amount),
            };
            let least = |(have, wanted): (&i64, &i64)| (*have).min(*wanted);
            let amounts: Amounts = total.plain.iter().zip(&wanted).map(least).collect();
            subtract_to_nothing(&mut total.plain, &amounts);
            let reserved = Bundle {
                plain: Amounts::from_elem(0, self.columns.count()),
                reserved: [(role, amounts)].into_iter().collect(),
            };
            total.add(&reserved);
        }
        if self.options.stated.oversubscription.is_some() {
            let offered = self.revocable.get(node.index()).cloned().flatten();
            let offered = offered.unwrap_or_else(|| Amounts::from_elem(0, self.columns.count()));
            total.reserved.push((REVOCABLE, offered));
        }
        total
    }

    /// Registers agents with a new master: those that are heard within the back-off; those that are
    /// not have their time to.
    pub(super) fn register_again(&mut self, store: &Store) {
        let now = self.now;
        let nodes: Vec<NodeId> = store.nodes().present().collect();
        self.overdue.clear();
        self.removals = super::Removals::new(self.options.observer.removal_limit);
        for node in nodes {
            let agent = self.agent_mut(node);
            let is_awaited = agent.belief == Belief::Absent && agent.overdue.is_some();
            agent.overdue = None;
            if agent.belief != Belief::Here && !is_awaited {
                continue;
            }
            agent.belief = Belief::Absent;
            if agent.is_silent {
                let until = now.saturating_add(super::super::master::REREGISTER_TIMEOUT);
                agent.overdue = Some(until);
                self.overdue.insert((until, node));
                continue;
            }
            let at = self.registration(node, store);
            self.registering.insert((at, node));
        }
    }
}

/// The pods of a node that frameworks launched, in the order of their creation, by framework.
pub(super) fn tasks_on(
    held: &[Option<Held>],
    store: &Store,
    node: NodeId,
) -> SortedMap<usize, Vec<PodRef>> {
    let mut all: SortedMap<usize, SortedMap<PodId, PodRef>> = SortedMap::new();
    for slot in store.nodes().pods(node) {
        let known = held.get(slot.index()).and_then(Option::as_ref);
        if let Some(known) = known.filter(|known| known.task.is_some()) {
            let own = all.entry(known.framework).or_default();
            own.insert(known.pod.id, known.pod);
        }
    }
    let lists = all.into_iter();
    lists
        .map(|(framework, pods)| (framework, pods.into_values().collect()))
        .collect()
}
