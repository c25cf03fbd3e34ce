//! Hosts that are lost and come back, as the control plane meets them: it hears nothing, and what
//! came to pass meanwhile is settled when it hears again (spec: kubernetes.md 2.7, 2.8;
//! orchestrators-b.md 10.3).

use std::sync::Arc;

use cluster::Store;
use control::node::{Assignment, StopOrder};
use control::node_api::{self, Notice, condition, pods_on};
use model::node::{DISK_PRESSURE_TAINT, NOT_READY_TAINT};
use model::{EndReason, Event, EvictionCause, Node, NodeContact, PodRef, Taint, TaintEffect, Text};
use units::{Duration, Instant, NodeId};

use super::super::context::Context;
use super::super::hosts::{HostFault, HostOutage, Pace, PaceChange, Trouble};
use super::super::message::{PodResync, ToControlPlane, ToNodes, ToSurroundings};
use super::super::options::NodeLife;
use super::super::queue::QueueEvent;
use super::NodePlane;

impl NodePlane {
    /// Trouble of a host begins, or is over.
    pub(super) fn trouble(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        node: NodeId,
        trouble: Trouble,
        begins: bool,
    ) {
        if store.nodes().object(node).is_none() {
            return;
        }
        match trouble {
            Trouble::Crash | Trouble::Partition if begins => {
                self.host_lost(ctx, store, node, trouble);
            }
            Trouble::Slow(pace) => self.host_slow(ctx, store, node, pace, begins),
            Trouble::DiskFull => self.disk_full(ctx, store, node, begins),
            Trouble::Runtime if begins => self.runtime_lost(ctx, node),
            Trouble::Crash | Trouble::Partition | Trouble::Runtime => {
                self.host_back(ctx, store, node, trouble);
            }
        }
    }

    /// Work on a host takes longer, or as long as it takes.
    fn host_slow(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        node: NodeId,
        pace: Pace,
        is_slow: bool,
    ) {
        let before = self.hosts.pace(node);
        self.hosts.set_slow(node, pace, is_slow);
        let after = self.hosts.pace(node);
        if before == after {
            return;
        }
        let change = PaceChange { before, after };
        for pod in pods_on(store, node) {
            if let Some(end) = self.machine.stretch(ctx.now(), pod, change) {
                ctx.expect(end, QueueEvent::Exit(pod));
            }
            if let Some(contention) = &mut self.contention {
                contention.stretch(ctx.now(), pod.id, change);
            }
        }
        self.expect_tick(ctx);
    }

    /// A disk is full, or has room again: its node says so by its condition, from which a taint
    /// follows (spec: kubernetes.md 2.7).
    fn disk_full(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId, begins: bool) {
        let is_full = self.hosts.set_full(node, begins);
        if let Some(event) = condition(store, node, DISK_PRESSURE_TAINT, is_full) {
            ctx.send(ToControlPlane::Happened(event));
        }
    }

    /// The runtime of a host stops answering: its agent says so once it has waited for it.
    fn runtime_lost(&mut self, ctx: &mut Context<'_>, node: NodeId) {
        let struck = self.hosts.strike(ctx.now(), node, Trouble::Runtime);
        if struck.is_first {
            let at = self.hosts.unready_at(ctx.now(), node);
            ctx.expect(at, QueueEvent::Status(node));
        }
    }

    /// The agent of a node says whether it is ready, and its pods, where something else is believed
    /// of them.
    pub(in super::super) fn post_status(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        node: NodeId,
    ) {
        if store.nodes().object(node).is_none() {
            return;
        }
        if self.hosts.is_unready(ctx.now(), node) {
            let event = Event::NodeReadiness { node, ready: false };
            ctx.send(ToControlPlane::Happened(event));
            return;
        }
        if !self.agent.posts_status() || !self.hosts.is_reached(node) {
            return;
        }
        if self.hosts.is_starting(ctx.now(), node) {
            return;
        }
        if !store.nodes().is_ready(node) {
            let event = Event::NodeReadiness { node, ready: true };
            ctx.send(ToControlPlane::Happened(event));
        }
        for pod in pods_on(store, node) {
            ctx.send(ToNodes::Relist(pod));
        }
    }

    /// Nodes that join from now on take this time until they are Ready.
    pub(in super::super) const fn set_node_ready(&mut self, span: Duration) {
        self.node_ready = span;
    }

    /// Changes an event to what the API takes: a node that is not Ready as it joins has the taint that
    /// says so (admission plugin `TaintNodesByCondition`).
    #[inline]
    pub(in super::super) fn admit(&self, ctx: &Context<'_>, event: &mut Event) {
        if let Event::NodeAdded { object, .. } = event
            && self.node_ready > Duration::ZERO
            && matches!(ctx.options().node_life, NodeLife::Observed(_))
        {
            mark_not_ready(object);
        }
    }

    /// A node joins: where that takes time, its agent says that it is not ready yet, and later that
    /// it is.
    pub(super) fn joins(&mut self, ctx: &mut Context<'_>, node: NodeId) {
        if self.node_ready <= Duration::ZERO {
            return;
        }
        let ready = ctx.now().saturating_add(self.node_ready);
        self.hosts.starts_until(node, ready);
        let event = Event::NodeReadiness { node, ready: false };
        ctx.send(ToControlPlane::Happened(event));
        ctx.expect(ready, QueueEvent::Status(node));
    }

    /// An agent says how a pod is that was not asked to terminate.
    pub(super) fn relist(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        if !store.pod_states().is_terminating(pod) {
            self.agent.relisted(ctx.now(), pod, &mut self.output);
            self.hand_over(ctx);
        }
    }

    /// The control plane believes that a node, or a pod on it, is not ready; an agent that can be
    /// reached puts that right when it posts its status next.
    pub(super) fn doubted(&self, ctx: &mut Context<'_>, node: NodeId) {
        if self.agent.posts_status() && self.hosts.is_reached(node) {
            let at = self.hosts.next_heartbeat(ctx.now(), node);
            ctx.expect(at, QueueEvent::Status(node));
        }
    }

    /// A host goes down or is cut off.
    fn host_lost(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId, trouble: Trouble) {
        let now = ctx.now();
        let last_heartbeat = self.hosts.last_heartbeat(now, node);
        let HostFault {
            crashes, was_heard, ..
        } = self.hosts.strike(now, node, trouble);
        if crashes && let Some(images) = &mut self.images {
            images.host_lost(now, node);
            self.expect_tick(ctx);
        }
        self.tell_clients(ctx, node);
        if ctx.options().node_life == NodeLife::Declared {
            if crashes && ctx.options().node_timeout > Duration::ZERO {
                self.fall_silent(ctx, store, node);
            } else if crashes {
                Self::declare_down(ctx, store, node);
            }
            return;
        }
        if crashes {
            self.interrupt(now, store, node);
            self.hosts.crashed(now, node);
        }
        if was_heard {
            let contact = NodeContact::Silent { last_heartbeat };
            ctx.send(ToControlPlane::Happened(Event::NodeContact {
                node,
                contact,
            }));
        }
    }

    /// The processes of a node's pods are gone with their host.
    fn interrupt(&mut self, now: Instant, store: &Store, node: NodeId) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.forget_exits(node);
        }
        for pod in pods_on(store, node) {
            self.machine.interrupt(now, pod);
            let over = self.usage.over(now, pod);
            self.usage.stopped(pod);
            if self.resumes {
                self.usage.go_on(now, pod, over);
            }
            if let Some(contention) = &mut self.contention {
                contention.forget(now, pod.id);
            }
        }
    }

    /// A node does not answer, so that it takes nothing new; its pods are given up after a while
    /// (spec: orchestrators-b.md section 7.5).
    fn fall_silent(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let event = Event::NodeReadiness { node, ready: false };
        ctx.send(ToControlPlane::Happened(event));
        self.interrupt(ctx.now(), store, node);
        let at = ctx.now().saturating_add(ctx.options().node_timeout);
        ctx.expect(at, QueueEvent::Unanswered(node));
    }

    /// A node may not have answered for long enough for its pods to be given up.
    pub(in super::super) fn unanswered(&self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let timeout = ctx.options().node_timeout.as_nanos();
        let since = Instant::from_nanos(ctx.now().as_nanos().saturating_sub(timeout));
        if self.hosts.is_down_since(node, since) {
            Self::lose_pods(ctx, store, node);
        }
    }

    /// A node whose going down is known at once: its pods are lost with it.
    fn declare_down(ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        let event = Event::NodeReadiness { node, ready: false };
        ctx.send(ToControlPlane::Happened(event));
        Self::lose_pods(ctx, store, node);
    }

    fn lose_pods(ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        for &slot in store.nodes().pods(node) {
            if let Some(record) = store.pods().at(slot) {
                ctx.send(ToNodes::Lose(record.pod));
            }
        }
    }

    /// Clients meet a host as it is.
    fn tell_clients(&self, ctx: &mut Context<'_>, node: NodeId) {
        let is_up = self.hosts.is_up(node);
        ctx.send(ToSurroundings::HostChanged { node, is_up });
    }

    /// The trouble that kept a host away is over.
    fn host_back(&mut self, ctx: &mut Context<'_>, store: &Store, node: NodeId, trouble: Trouble) {
        let was_heard = self.hosts.is_heard(node);
        let lost = self.hosts.relieve(ctx.now(), node, trouble);
        let is_up = trouble == Trouble::Crash && self.hosts.is_up(node);
        if is_up {
            self.images_interrupted(ctx, node);
        }
        self.tell_clients(ctx, node);
        if ctx.options().node_life == NodeLife::Declared {
            if is_up {
                // Pods that were not given up yet are found to be gone.
                Self::lose_pods(ctx, store, node);
                let event = Event::NodeReadiness { node, ready: true };
                ctx.send(ToControlPlane::Happened(event));
                return;
            }
            if trouble != Trouble::Runtime {
                return;
            }
        }
        if !was_heard && self.hosts.is_heard(node) {
            let contact = NodeContact::Steady;
            ctx.send(ToControlPlane::Happened(Event::NodeContact {
                node,
                contact,
            }));
        }
        match lost {
            Some(lost) => ctx.send(ToNodes::Back {
                node,
                lost: Box::new(lost),
            }),
            None => ctx.send(ToNodes::PostStatus(node)),
        }
    }

    /// A host is heard again: first it says that it is ready and sends what it could not send.
    pub(super) fn back(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        node: NodeId,
        mut lost: Box<HostOutage>,
    ) {
        if !store.nodes().is_ready(node) {
            let event = Event::NodeReadiness { node, ready: true };
            ctx.send(ToControlPlane::Happened(event));
        }
        self.hosts.stop_unseen(ctx.now(), &mut lost);
        ctx.send(ToNodes::ReportImages(node));
        ctx.send(ToNodes::LookAgain(node));
        for report in std::mem::take(&mut lost.unsent) {
            ctx.send(ToControlPlane::Report(report));
        }
        ctx.send(ToNodes::Reconcile { node, lost });
    }

    /// A node that is heard again is looked at for want of memory.
    pub(super) fn look_again(&mut self, ctx: &mut Context<'_>, node: NodeId) {
        if let Some(contention) = &mut self.contention {
            contention.look_again(ctx.now(), node);
            self.expect_tick(ctx);
        }
    }

    /// A node that is heard again learns what it is to run, and says what it runs.
    pub(super) fn reconcile(ctx: &mut Context<'_>, store: &Store, node: NodeId, lost: &HostOutage) {
        for pod in pods_on(store, node) {
            ctx.send(ToNodes::ReconcilePod(PodResync {
                node,
                pod,
                crashed: lost.crashed,
                is_untold: lost.untold.contains(&pod),
            }));
        }
    }

    pub(super) fn reconcile_pod(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        reunion: PodResync,
    ) {
        let PodResync {
            node,
            pod,
            crashed,
            is_untold,
        } = reunion;
        let order = StopOrder::of(store, pod, node);
        if is_untold {
            if let Some(order) = order {
                // It was asked to terminate before its node received it.
                let reason = order.reason;
                ctx.send(ToControlPlane::Happened(Event::PodEnded { pod, reason }));
                return;
            }
            ctx.send(ToNodes::Notice(Notice::Assign(pod)));
            let state = store.pod_states().get(pod);
            if state.is_some_and(|state| !state.is_held()) {
                ctx.send(ToNodes::Notice(Notice::Release(pod)));
            }
            return;
        }
        let Some(assignment) = Assignment::of(store, pod) else {
            return;
        };
        let state = store.pod_states().get(pod);
        let known = node_api::DesiredPod {
            assignment,
            order,
            may_start: state.is_some_and(|state| !state.is_held()),
            crashed,
        };
        let agent = self.agent.as_mut();
        node_api::reunite(agent, ctx.now(), known, store, &mut self.output);
        self.hand_over(ctx);
    }

    /// A node is cordoned, and its pods are asked to terminate: what a handler of notices does.
    pub(super) fn drain(&self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        ctx.send(ToControlPlane::Cordon {
            node,
            unschedulable: true,
        });
        if !self.hosts.is_reached(node) {
            return;
        }
        let reason = EndReason::Evicted(EvictionCause::Spot);
        for pod in pods_on(store, node) {
            ctx.send(ToControlPlane::Terminate { pod, reason });
        }
    }

    /// A node renews its lease, where that is stepped.
    pub(in super::super) fn heartbeat(&self, ctx: &mut Context<'_>, store: &Store, node: NodeId) {
        if store.nodes().object(node).is_none() {
            return;
        }
        let next = self.hosts.next_heartbeat(ctx.now(), node);
        ctx.expect(next, QueueEvent::Heartbeat(node));
        if self.hosts.is_reached(node) {
            let contact = NodeContact::Heard;
            ctx.send(ToControlPlane::Happened(Event::NodeContact {
                node,
                contact,
            }));
        }
    }
}

/// Gives a node the taint of one that is not Ready.
fn mark_not_ready(object: &mut Arc<Node>) {
    let taint = Taint {
        key: NOT_READY_TAINT.into(),
        value: Text::default(),
        effect: TaintEffect::NoSchedule,
    };
    if !object.taints.contains(&taint) {
        Arc::make_mut(object).taints.push(taint);
    }
}
