//! Container instances: how they join, drain, fall silent, and are given up.

use crate::parts::turn::Turn;
use model::{EndReason, Event, Node};
use units::{Instant, NodeId};

use super::super::request;
use super::{Due, Ecs};

/// The agent of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agent {
    /// Instant since which nothing is heard.
    silent_since: Option<Instant>,
    is_connected: bool,
    /// `false` while the instance drains.
    pub(super) is_open: bool,
    /// Number of tasks on the instance, those of daemons aside.
    pub(super) tasks: u32,
}

impl Ecs {
    pub(super) fn joined(&mut self, object: &Node) {
        self.cluster.add_instance(request::instance(object));
        self.agents.push(Agent {
            silent_since: None,
            is_connected: true,
            is_open: !object.unschedulable,
            tasks: 0,
        });
        self.look_at_all();
        self.changed();
    }

    /// A node was declared anew: it has other attributes, and a cordoned one drains.
    pub(super) fn updated(&mut self, node: NodeId, object: &Node) {
        if let Some(agent) = self.agents.get_mut(node.index()) {
            agent.is_open = !object.unschedulable;
            let attributes = request::attributes(object);
            self.cluster.set_attributes(node.index(), attributes);
            self.follow(node);
            self.look_at_all();
        }
    }

    /// An instance takes tasks while its agent is connected and it does not drain.
    fn follow(&mut self, node: NodeId) {
        let Some(agent) = self.agents.get(node.index()) else {
            return;
        };
        let takes = agent.is_connected && agent.is_open;
        self.cluster.set_active(node.index(), takes);
        if takes {
            self.changed();
        }
    }

    fn set_connected(&mut self, node: NodeId, is_connected: bool) {
        if let Some(agent) = self.agents.get_mut(node.index()) {
            agent.is_connected = is_connected;
            self.follow(node);
        }
    }

    /// An instance was terminated, and its tasks with it: their services start others, those on their own are
    /// not replaced (Amazon ECS Developer Guide, "Deregistering an Amazon EC2 backed container instance").
    pub(super) fn removed(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        self.lose_tasks(node, turn);
        if let Some(agent) = self.agents.get_mut(node.index()) {
            agent.is_open = false;
        }
        self.set_connected(node, false);
        self.look_at_all();
    }

    /// The driver states that a node is up or down.
    pub(super) fn declared_ready(&mut self, node: NodeId, is_ready: bool) {
        let agent = self.agents.get(node.index());
        if agent.is_some_and(|agent| agent.silent_since.is_none()) {
            self.set_connected(node, is_ready);
        }
    }

    pub(super) fn silent(&mut self, at: Instant, node: NodeId) {
        let Some(agent) = self.agents.get_mut(node.index()) else {
            return;
        };
        agent.silent_since = Some(at);
        let after = at.saturating_add(self.options.agent_timeout);
        self.timers.push(after, Due::Disconnected(node));
        let after = at.saturating_add(self.options.replace_after);
        self.timers.push(after, Due::GivenUp(node));
    }

    pub(super) fn heard(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        if let Some(agent) = self.agents.get_mut(node.index()) {
            agent.silent_since = None;
        }
        self.set_connected(node, true);
        if !turn.store.nodes().is_ready(node) {
            let ready = true;
            turn.write(Event::NodeReadiness { node, ready });
        }
    }

    /// Whether an agent has been silent for a time that was waited for.
    fn is_silent_for(&self, now: Instant, node: NodeId, time: units::Duration) -> bool {
        let agent = self.agents.get(node.index());
        let since = agent.and_then(|agent| agent.silent_since);
        since.is_some_and(|since| now.since(since) >= time)
    }

    pub(super) fn disconnected(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        if self.is_silent_for(turn.now, node, self.options.agent_timeout) {
            self.set_connected(node, false);
            if turn.store.nodes().is_ready(node) {
                let ready = false;
                turn.write(Event::NodeReadiness { node, ready });
            }
        }
    }

    /// An instance that is silent for too long is given up: its tasks are stopped, and their services
    /// start others.
    pub(super) fn given_up(&mut self, node: NodeId, turn: &mut Turn<'_>) {
        if self.is_silent_for(turn.now, node, self.options.replace_after) {
            self.lose_tasks(node, turn);
        }
    }

    fn lose_tasks(&self, node: NodeId, turn: &mut Turn<'_>) {
        for own in self.tasks.iter().flatten() {
            if own.instance == Some(node.index()) && turn.store.pods().get(own.pod).is_some() {
                let (pod, reason) = (own.pod, EndReason::NodeLost);
                turn.write(Event::PodEnded { pod, reason });
            }
        }
    }

    /// Whether the tasks of an instance are to be replaced: it drains.
    pub(super) fn drains(&self, instance: usize) -> bool {
        let agent = self.agents.get(instance);
        agent.is_some_and(|agent| !agent.is_open)
    }

    /// Whether daemons run on an instance.
    pub(super) fn runs_daemons(&self, instance: usize) -> bool {
        !self.drains(instance) && self.takes_daemons(instance)
    }

    /// Has all daemons looked at.
    pub(super) fn look_at_daemons(&mut self) {
        let daemons = self.services.iter().filter(|(_, own)| own.is_daemon());
        self.dirty.extend(daemons.map(|(&id, _)| id));
    }

    fn look_at_all(&mut self) {
        self.dirty.extend(self.services.keys().copied());
    }
}
