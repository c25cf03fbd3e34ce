//! Hosts that are lost and come back, as the control plane meets them: it hears nothing, and what
//! came to pass meanwhile is settled when it hears again (spec: kubernetes.md 2.7, 2.8;
//! orchestrators-b.md 10.3).

use cluster::Incident;
use control::node::{Assignment, Report, StopOrder};
use model::node::DISK_PRESSURE_TAINT;
use model::{
    EndReason, Event, EvictionCause, Node, NodeContact, PodChange, PodRef, Taint, TaintEffect, Text,
};
use units::NodeId;

use super::SimError;
use super::cell::Cell;
use super::engine::Engine;
use super::hosts::{Pace, Trouble};
use super::options::NodeLife;
use super::queue::Upcoming;

impl Engine<'_> {
    /// A declared outage of a node begins, or is over.
    pub(super) fn outage_of(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        begins: bool,
    ) -> Result<(), SimError> {
        let incident = Incident {
            what: Trouble::Crash.name(),
            node: Some(node),
            begins,
        };
        self.observer.incident(self.now, incident, &cell.store);
        self.trouble(cell, node, Trouble::Crash, begins)
    }

    /// Trouble of a host begins, or is over.
    pub(super) fn trouble(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        trouble: Trouble,
        begins: bool,
    ) -> Result<(), SimError> {
        match trouble {
            Trouble::Crash | Trouble::Partition if begins => self.host_lost(cell, node, trouble),
            Trouble::Slow(pace) => {
                self.host_slow(cell, node, pace, begins);
                Ok(())
            }
            Trouble::DiskFull => self.disk_full(cell, node, begins),
            Trouble::Runtime if begins => {
                self.runtime_lost(cell, node);
                Ok(())
            }
            Trouble::Crash | Trouble::Partition | Trouble::Runtime => {
                self.host_back(cell, node, trouble)
            }
        }
    }

    /// Work on a host takes longer, or as long as it takes.
    fn host_slow(&mut self, cell: &mut Cell, node: NodeId, pace: Pace, is_slow: bool) {
        if cell.store.nodes().object(node).is_none() {
            return;
        }
        let before = cell.hosts.pace(node);
        cell.hosts.set_slow(node, pace, is_slow);
        let paces = (before, cell.hosts.pace(node));
        if paces.0 == paces.1 {
            return;
        }
        for pod in pods_on(cell, node) {
            let queue = &mut self.queue;
            cell.machine
                .stretch(self.now, pod, paces, cell.number, queue);
            if let Some(contention) = &mut cell.contention {
                contention.stretch(self.now, pod.id, paces);
            }
        }
        self.expect_tick(cell);
    }

    /// A disk is full, or has room again: its node says so by its condition, from which a taint
    /// follows (spec: kubernetes.md 2.7).
    fn disk_full(&mut self, cell: &mut Cell, node: NodeId, begins: bool) -> Result<(), SimError> {
        let is_full = cell.hosts.set_full(node, begins);
        self.pressure(cell, node, DISK_PRESSURE_TAINT, is_full)
    }

    /// A node says that it is short of something, or no longer: by a taint, which follows from its
    /// condition.
    pub(super) fn pressure(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        key: &str,
        holds: bool,
    ) -> Result<(), SimError> {
        let Some(object) = cell.store.nodes().object(node) else {
            return Ok(());
        };
        let is_it = |taint: &Taint| *taint.key == *key;
        if object.taints.iter().any(is_it) == holds {
            return Ok(());
        }
        let mut changed = (**object).clone();
        changed.taints.retain(|taint| !is_it(taint));
        changed.taints.extend(holds.then(|| Taint {
            key: key.into(),
            value: Text::default(),
            effect: TaintEffect::NoSchedule,
        }));
        let object = std::sync::Arc::new(changed);
        self.observed(cell, Event::NodeUpdated { node, object })
    }

    /// The runtime of a host stops answering: its agent says so once it has waited for it.
    fn runtime_lost(&mut self, cell: &mut Cell, node: NodeId) {
        if cell.store.nodes().object(node).is_none() {
            return;
        }
        let (is_first, _) = cell.hosts.strike(self.now, node, Trouble::Runtime);
        if is_first {
            let at = cell.hosts.unready_at(self.now, node);
            self.queue.push(at, Upcoming::Status(node).of(cell.number));
        }
    }

    /// The agent of a node says whether it is ready, and its pods, where something else is believed
    /// of them.
    pub(super) fn post_status(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        if cell.store.nodes().object(node).is_none() {
            return Ok(());
        }
        if cell.hosts.is_unready(self.now, node) {
            return self.observed(cell, Event::NodeReadiness { node, ready: false });
        }
        if !cell.agent.posts_status() || !cell.hosts.is_reached(node) {
            return Ok(());
        }
        if !cell.store.nodes().is_ready(node) {
            self.observed(cell, Event::NodeReadiness { node, ready: true })?;
        }
        for pod in pods_on(cell, node) {
            if !cell.store.pod_states().is_terminating(pod) {
                cell.agent.relisted(self.now, pod, &mut cell.agent_output);
                self.carry(cell)?;
            }
        }
        Ok(())
    }

    /// The control plane believes that a node, or a pod on it, is not ready; an agent that can be
    /// reached puts that right when it posts its status next.
    pub(super) fn doubted(&mut self, cell: &Cell, node: NodeId) {
        if cell.agent.posts_status() && cell.hosts.is_reached(node) {
            let at = cell.hosts.next_heartbeat(self.now, node);
            self.queue.push(at, Upcoming::Status(node).of(cell.number));
        }
    }

    /// A host goes down or is cut off.
    pub(super) fn host_lost(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        trouble: Trouble,
    ) -> Result<(), SimError> {
        if cell.store.nodes().object(node).is_none() {
            return Ok(());
        }
        let last_heartbeat = cell.hosts.last_heartbeat(self.now, node);
        let (is_first, was_heard) = cell.hosts.strike(self.now, node, trouble);
        if is_first
            && trouble == Trouble::Crash
            && let Some(images) = &mut cell.machine.images
        {
            images.host_lost(self.now, node);
            self.expect_tick(cell);
        }
        self.host_of_traffic(cell, node);
        if self.options.node_life == NodeLife::Declared {
            return if is_first && trouble == Trouble::Crash {
                self.node_down(cell, node)
            } else {
                Ok(())
            };
        }
        if is_first && trouble == Trouble::Crash {
            for pod in pods_on(cell, node) {
                cell.machine.interrupt(self.now, pod);
                if let Some(contention) = &mut cell.contention {
                    contention.forget(self.now, pod.id);
                }
            }
            if let Some(lost) = cell.hosts.lost_mut(node) {
                // How a pod ended is on the disk and outlives the crash; nothing else does.
                lost.unsent
                    .retain(|report| matches!(report, Report::Ended(..)));
                let unseen = std::mem::take(&mut lost.unseen);
                for since in unseen.into_values() {
                    cell.hosts.stopped_unseen(self.now, since);
                }
            }
        }
        if was_heard {
            let contact = NodeContact::Silent { last_heartbeat };
            self.observed(cell, Event::NodeContact { node, contact })?;
        }
        Ok(())
    }

    /// What kept a host away is over.
    pub(super) fn host_back(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        trouble: Trouble,
    ) -> Result<(), SimError> {
        if cell.store.nodes().object(node).is_none() {
            return Ok(());
        }
        let was_heard = cell.hosts.is_heard(node);
        let lost = cell.hosts.relieve(self.now, node, trouble);
        if trouble == Trouble::Crash && cell.hosts.is_up(node) {
            self.images_interrupted(cell, node)?;
        }
        self.host_of_traffic(cell, node);
        if self.options.node_life == NodeLife::Declared {
            let is_up = trouble == Trouble::Crash && cell.hosts.is_up(node);
            if is_up {
                return self.observed(cell, Event::NodeReadiness { node, ready: true });
            }
            if trouble != Trouble::Runtime {
                return Ok(());
            }
        }
        if !was_heard && cell.hosts.is_heard(node) {
            let contact = NodeContact::Steady;
            self.observed(cell, Event::NodeContact { node, contact })?;
        }
        let Some(lost) = lost else {
            return self.post_status(cell, node);
        };
        if !cell.store.nodes().is_ready(node) {
            self.observed(cell, Event::NodeReadiness { node, ready: true })?;
        }
        for since in lost.unseen.into_values() {
            cell.hosts.stopped_unseen(self.now, since);
        }
        self.report_images(cell, node)?;
        if let Some(contention) = &mut cell.contention {
            contention.look_again(self.now, node);
            self.expect_tick(cell);
        }
        for report in lost.unsent {
            self.report(cell, report)?;
        }
        self.reconcile(cell, node, lost.crashed, &lost.untold)
    }

    /// A node that is heard again learns what it is to run, and says what it runs.
    fn reconcile(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        crashed: bool,
        untold: &[PodRef],
    ) -> Result<(), SimError> {
        for pod in pods_on(cell, node) {
            let order = stop_order(cell, pod, node);
            if untold.contains(&pod) {
                match order {
                    // It was told to end before its node knew of it.
                    Some(order) => {
                        let reason = order.reason;
                        self.observed(cell, Event::PodEnded { pod, reason })?;
                    }
                    None => self.assign(cell, pod)?,
                }
                continue;
            }
            let Some(assignment) = assignment(cell, pod) else {
                continue;
            };
            let (now, out) = (self.now, &mut cell.agent_output);
            match order {
                _ if crashed => cell.agent.rebooted(now, assignment, order, out),
                Some(order) => cell.agent.stopping(now, order, out),
                None => {
                    let state = cell.store.pod_states().get(pod);
                    if state.is_some_and(|state| !state.is_held) {
                        cell.agent.released(now, pod, out);
                    }
                    cell.agent.relisted(now, pod, out);
                }
            }
            self.carry(cell)?;
        }
        Ok(())
    }

    /// A node is cordoned, and its pods are told to end: what a handler of notices does.
    pub(super) fn drain(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        self.cordon(cell, node, true)?;
        if !cell.hosts.is_reached(node) {
            return Ok(());
        }
        for pod in pods_on(cell, node) {
            if cell.store.pod_states().is_terminating(pod) {
                continue;
            }
            let (grace, reason) = (
                cell.store.grace_of(pod),
                EndReason::Evicted(EvictionCause::Spot),
            );
            let change = PodChange::Terminating { grace, reason };
            self.observed(cell, Event::PodChanged { pod, change })?;
            self.stop(cell, pod, (grace, reason))?;
        }
        Ok(())
    }

    /// A node takes no new pods, or takes them again.
    pub(super) fn cordon(
        &mut self,
        cell: &mut Cell,
        node: NodeId,
        unschedulable: bool,
    ) -> Result<(), SimError> {
        let Some(object) = cell.store.nodes().object(node) else {
            return Ok(());
        };
        if object.unschedulable == unschedulable {
            return Ok(());
        }
        let object = std::sync::Arc::new(Node {
            unschedulable,
            ..(**object).clone()
        });
        self.observed(cell, Event::NodeUpdated { node, object })
    }

    /// A node renews its lease, where that is stepped.
    pub(super) fn heartbeat(&mut self, cell: &mut Cell, node: NodeId) -> Result<(), SimError> {
        if cell.store.nodes().object(node).is_none() {
            return Ok(());
        }
        let next = cell.hosts.next_heartbeat(self.now, node);
        self.queue
            .push(next, Upcoming::Heartbeat(node).of(cell.number));
        if cell.hosts.is_reached(node) {
            let contact = NodeContact::Heard;
            self.observed(cell, Event::NodeContact { node, contact })?;
        }
        Ok(())
    }
}

/// The order to stop that the control plane has given for a pod.
fn stop_order(cell: &Cell, pod: PodRef, node: NodeId) -> Option<StopOrder> {
    let order = cell.store.pod_states().get(pod)?.terminating?;
    Some(StopOrder {
        pod,
        node,
        grace: order.grace,
        reason: order.reason,
    })
}

/// The pods on a node, in the order of their creation.
pub(super) fn pods_on(cell: &Cell, node: NodeId) -> Vec<PodRef> {
    let slots = cell.store.nodes().pods(node).iter();
    let pods = slots.filter_map(|&slot| cell.store.pods().at(slot));
    let mut pods: Vec<PodRef> = pods.map(|record| record.pod).collect();
    pods.sort_unstable();
    pods
}

/// A pod as its node is told of it.
pub(super) fn assignment(cell: &Cell, pod: PodRef) -> Option<Assignment> {
    let record = cell.store.pods().get(pod)?;
    Some(Assignment {
        pod,
        node: record.node()?,
        time_limit: record.time_limit(),
        is_owned: cell.store.pod_states().get(pod).is_some(),
        spec: cell.store.class(record.class).object.clone(),
    })
}
