//! The engine of a cell: has its parts do what is due, passes their messages between them, and lets
//! every follower see each change.

mod admission;
mod arrivals;
mod sampling;
mod set_up;
mod settle;

use cluster::{Conflict, Incident, Store};
use control::admission::{Creation, admit};
use control::node_api::{self, Notice, doubted};
use control::operation::OperationError;
use model::{EndReason, Event, Object, PodChange, PodRef};
use units::{Duration, Identity, Instant, NodeId};

use super::SimError;
use super::busy_instant::BusyInstant;
use super::context::Context;
use super::control_faults::Part;
use super::control_plane::{ControlPlane, Lapse};
use super::endless::Endless;
use super::followers::{Audience, Change, Follower};
use super::hosts::Trouble;
use super::message::{ControlFault, Message, Request, ToControlPlane, ToNodes};
use super::node_plane::{NodePlane, drawn_run_time};
use super::progress::Handover;
use super::queue::QueueEvent;
use super::surroundings::{Surroundings, wrong};
use admission::Refusals;
pub use admission::RefusedPods;

/// One cluster: its control plane, its nodes and what happens around it.
pub(super) struct Engine {
    number: u16,
    control: ControlPlane,
    nodes: NodePlane,
    surroundings: Surroundings,
    busy: BusyInstant,
    endless: Endless,
    /// Arrivals that the API server refused.
    refusals: Refusals,
}

impl Engine {
    /// The number of the cell.
    #[inline]
    pub(super) const fn number(&self) -> u16 {
        self.number
    }

    pub(super) const fn control(&self) -> &ControlPlane {
        &self.control
    }

    pub(super) const fn control_mut(&mut self) -> &mut ControlPlane {
        &mut self.control
    }

    pub(super) const fn nodes(&self) -> &NodePlane {
        &self.nodes
    }

    pub(super) const fn nodes_mut(&mut self) -> &mut NodePlane {
        &mut self.nodes
    }

    pub(super) const fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// Lines about what was refused.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.control.remarks();
        remarks.extend(self.refusals.remarks(self.control.store()));
        remarks
    }

    /// Pods of controllers that are refused when a run ends.
    pub(super) fn refused(&self) -> Vec<RefusedPods> {
        self.refusals.at_end(self.control.store())
    }

    /// The store, taken out of the finished simulation.
    pub(super) fn into_store(self) -> Store {
        self.control.into_store()
    }

    /// Whether every pod has ended and nothing is to come, also from work that a component holds back.
    pub(super) fn is_drained(&self) -> bool {
        self.surroundings.is_over()
            && self.control.store().pods().living() == 0
            && !self.control.has_backlog()
    }

    /// The error of a run that would go on for ever.
    #[inline]
    pub(super) fn endless(&self, now: Instant) -> Option<SimError> {
        self.endless.error(now)
    }

    /// Something that was due happens, with all that it leads to at once.
    pub(super) fn occur(
        &mut self,
        ctx: &mut Context<'_>,
        event: QueueEvent,
    ) -> Result<(), SimError> {
        self.count(ctx.now())?;
        let Self {
            control,
            nodes,
            surroundings,
            endless,
            ..
        } = self;
        if event.is_from_outside() {
            endless.disturbed(ctx.now());
        }
        let store = control.store();
        match event {
            QueueEvent::NodeUp(node) => {
                Self::declared(ctx, node, surroundings.standing_for(node), false);
            }
            QueueEvent::NodeDown(node) => {
                Self::declared(ctx, node, surroundings.standing_for(node), true);
            }
            QueueEvent::Heartbeat(node) => nodes.heartbeat(ctx, store, node),
            QueueEvent::Status(node) => nodes.post_status(ctx, store, node),
            QueueEvent::Unanswered(node) => nodes.unanswered(ctx, store, node),
            QueueEvent::Strike(line) | QueueEvent::IdleStrike(line) | QueueEvent::Relief(line) => {
                surroundings.strike(ctx, store, line);
            }
            QueueEvent::Report(node) => nodes.send_reports(ctx, node),
            QueueEvent::Resize(pod) => Surroundings::resize_due(ctx, store, pod),
            QueueEvent::Stage(pod) => nodes.stage_due(ctx, store, pod),
            QueueEvent::Started(pod) => nodes.start_due(ctx, store, pod)?,
            QueueEvent::Exit(pod) => nodes.exit_due(ctx, store, pod)?,
            QueueEvent::AgentTimer(pod) => nodes.wake_pod(ctx, store, pod),
            QueueEvent::Wake(component) | QueueEvent::IdleWake(component) => {
                control.wake(component);
            }
            QueueEvent::Ends => ctx.send(ToNodes::Ends),
            QueueEvent::Tick => ctx.send(ToNodes::Tick),
            QueueEvent::NodeTimer(node) => nodes.wake_node(ctx, node),
            QueueEvent::Operation(number) | QueueEvent::Rule(number) => {
                surroundings.operate(ctx, store, number, control.acts())?;
            }
            QueueEvent::Machine(number) => surroundings.machine_due(ctx, store, number),
            QueueEvent::Price(number) | QueueEvent::IdlePrice(number) => {
                surroundings.prices_due(ctx, number);
            }
            QueueEvent::Eviction(node) => surroundings.go_on_draining(ctx, store, nodes, node)?,
            QueueEvent::Election => Self::leader(control, surroundings, ctx, Part::All, true),
            QueueEvent::Upgrade(number) => {
                surroundings.go_on_upgrading(ctx, store, number, control.acts());
            }
            QueueEvent::Decided(component) => {
                let batch = control.decided(ctx, component);
                return self.make(ctx, component.index(), batch).map(drop);
            }
            QueueEvent::Traffic => {
                self.load_pods(ctx);
                self.surroundings.expect_following(ctx);
            }
            QueueEvent::Lapse(row) => {
                if let Some(release) = control.lapsed(ctx.now(), row) {
                    ctx.send(ToControlPlane::Happened(release));
                }
            }
        }
        self.deliver(ctx, 0)
    }

    /// A declared outage of a node, or of the one in its place, begins, or is over.
    fn declared(ctx: &mut Context<'_>, named: NodeId, node: NodeId, begins: bool) {
        let trouble = Trouble::Crash;
        ctx.tell(Incident {
            what: trouble.name(),
            node: Some(named),
            begins,
        });
        ctx.send(ToNodes::Trouble {
            node,
            trouble,
            begins,
        });
    }

    /// The leader of a part crashes, or another is elected: it asks the provider what was ordered.
    fn leader(
        control: &mut ControlPlane,
        surroundings: &Surroundings,
        ctx: &mut Context<'_>,
        part: Part,
        is_up: bool,
    ) {
        for place in control.leader(ctx, part, is_up) {
            for order in surroundings.awaited(place) {
                control.awaits(ctx.now(), place, order);
            }
        }
    }

    /// Delivers messages until only those that were there before are left: each with all that it
    /// leads to before the next.
    fn deliver(&mut self, ctx: &mut Context<'_>, known: usize) -> Result<(), SimError> {
        ctx.sort_mail(known);
        while let Some(message) = ctx.take_mail(known) {
            let before = ctx.mail();
            match message {
                Message::ControlPlane(message) => self.receive(ctx, message)?,
                Message::Nodes(message) => {
                    if let ToNodes::Order(command) = message {
                        self.control.record_order(ctx.now(), command);
                    }
                    self.nodes.receive(ctx, self.control.store(), message)?;
                }
                Message::Surroundings(message) => {
                    let store = self.control.store();
                    self.surroundings
                        .receive(ctx, store, &self.nodes, message)?;
                }
                Message::Incident(incident) => {
                    let now = ctx.now();
                    ctx.observer().incident(now, incident, self.control.store());
                }
            }
            ctx.sort_mail(before);
        }
        Ok(())
    }

    /// A message to the control plane arrives.
    fn receive(&mut self, ctx: &mut Context<'_>, message: ToControlPlane) -> Result<(), SimError> {
        match message {
            ToControlPlane::Happened(event) => self.happened(ctx, event),
            ToControlPlane::Report(report) => {
                match self.nodes.deliver(ctx, self.control.store(), report) {
                    Some(event) => self.happened(ctx, event),
                    None => Ok(()),
                }
            }
            ToControlPlane::Sent(report) => {
                match self.nodes.accept(ctx, self.control.store(), report) {
                    Some(event) => self.happened(ctx, event),
                    None => Ok(()),
                }
            }
            ToControlPlane::Joined(event) => {
                let what = match &event {
                    Event::NodeAdded { object, .. } => {
                        format!("node `{}`, which was ordered", object.name)
                    }
                    _ => "a machine that was ordered".to_owned(),
                };
                self.commit(ctx, event)
                    .map_err(|why| declaration(what, &why))
            }
            ToControlPlane::OrderFailed { component, failed } => {
                self.control.order_failed(ctx.now(), component, &failed);
                Ok(())
            }
            ToControlPlane::Cordon {
                node,
                unschedulable,
            } => match node_api::cordon(self.control.store(), node, unschedulable) {
                Some(event) => self.happened(ctx, event),
                None => Ok(()),
            },
            ToControlPlane::Terminate { pod, reason } => self.terminate(ctx, pod, reason),
            ToControlPlane::Request(request) => self.request(ctx, *request),
            ToControlPlane::Fault(fault) => {
                if let ControlFault::Leader { part, is_up } = fault {
                    Self::leader(&mut self.control, &self.surroundings, ctx, part, is_up);
                }
                self.control.fault(ctx, &fault);
                Ok(())
            }
        }
    }

    /// A pod that was not asked to terminate before is asked now, within its own grace.
    fn terminate(
        &mut self,
        ctx: &mut Context<'_>,
        pod: PodRef,
        reason: EndReason,
    ) -> Result<(), SimError> {
        let store = self.control.store();
        if store.pod_states().is_terminating(pod) {
            return Ok(());
        }
        let grace: Duration = store.grace_of(pod);
        let change = PodChange::Terminating { grace, reason };
        self.happened(ctx, Event::PodChanged { pod, change })?;
        ctx.send(ToNodes::Notice(Notice::Stop { pod, grace, reason }));
        Ok(())
    }

    /// A user's wish is granted, or can't be.
    fn request(&mut self, ctx: &mut Context<'_>, request: Request) -> Result<(), SimError> {
        let (now, operation) = (ctx.now(), request.operation);
        let refused = |conflict| wrong(&operation, now, &OperationError::Refused(conflict));
        for event in request.events {
            self.carry_out(ctx, event)?.map_err(refused)?;
        }
        for creation in &request.creations {
            self.note_orphans(creation);
            match (self.create(ctx, creation)?, creation) {
                // The user who applies a file reads why, and goes on with the next.
                (Err(Conflict::Forbidden(why)), Creation::BarePod(own)) => {
                    self.refusals.note(&own.name, format!("forbidden: {why}"));
                }
                (made, _) => made.map_err(refused)?,
            }
        }
        Ok(())
    }

    /// A change that the world makes: it can't be refused.
    pub(super) fn happened(&mut self, ctx: &mut Context<'_>, event: Event) -> Result<(), SimError> {
        let kind = event.kind();
        self.commit(ctx, event).map_err(|why| SimError::Invariant {
            at: ctx.now(),
            what: format!("{kind} was refused: {why}"),
            seed: ctx.options().seed,
        })
    }

    /// Applies a change; every follower sees it, in this order:
    ///
    /// 1. the digest of the run,
    /// 2. those who watch the run: metrics, tables, the recorder,
    /// 3. the surroundings: clients learn of services, endpoints and hosts,
    /// 4. the fault that kills the control plane at a change,
    /// 5. the watch for what starts over without end,
    /// 6. the node plane: usage, hosts, and machines, which forget pods that ended.
    ///
    /// A follower sees the store after the change and writes nothing to it.
    pub(super) fn commit(
        &mut self,
        ctx: &mut Context<'_>,
        mut event: Event,
    ) -> Result<(), Conflict> {
        self.nodes.admit(ctx, &mut event);
        let ended = self.control.apply(ctx.now(), event)?;
        let (store, digest, mut switch) = self.control.followed();
        let Some(entry) = store.log().last() else {
            return Ok(());
        };
        let change = Change {
            event: &entry.event,
            ended: ended.as_ref(),
            store,
        };
        digest.follow(change, ctx);
        Audience.follow(change, ctx);
        self.surroundings.follow(change, ctx);
        switch.follow(change, ctx);
        self.endless.follow(change, ctx);
        self.nodes.follow(change, ctx);
        Ok(())
    }

    /// Makes a change that a component or a user wants; the node that it concerns is informed.
    fn carry_out(
        &mut self,
        ctx: &mut Context<'_>,
        event: Event,
    ) -> Result<Result<(), Conflict>, SimError> {
        let known = ctx.mail();
        let notice = Notice::of(&event);
        let lapse = Lapse::of(&event);
        let doubted = doubted(self.control.store(), &event);
        if let Err(conflict) = self.commit(ctx, event) {
            return Ok(Err(conflict));
        }
        if let Some(node) = doubted {
            ctx.send(ToNodes::Doubted(node));
        }
        if let Some(lapse) = lapse {
            self.control.expect_lapse(ctx, &lapse);
        }
        if let Some(notice) = notice {
            ctx.send(ToNodes::Notice(notice));
        }
        self.deliver(ctx, known).map(Ok)
    }

    /// Creates something as the API does.
    fn create(
        &mut self,
        ctx: &mut Context<'_>,
        creation: &Creation,
    ) -> Result<Result<(), Conflict>, SimError> {
        let replaced = match creation {
            Creation::Replacement { pod, .. } | Creation::Rebuilt { pod, .. } => {
                let rest = self.nodes.left(ctx.now(), *pod);
                Some((self.nodes.who(*pod), rest))
            }
            _ => None,
        };
        let moving = match creation {
            Creation::Moved { pod, downtime, .. } => {
                let passage = self.nodes.moving(ctx.now(), self.control.store(), *pod);
                Some((self.nodes.who(*pod), passage, *downtime))
            }
            _ => None,
        };
        let events = match admit(self.control.store(), creation) {
            Ok(events) => events,
            Err(conflict) => return Ok(Err(conflict)),
        };
        for event in events {
            if let Event::PodCreated(created) = &event {
                let pod = created.pod;
                if let Creation::Pod(new) = creation {
                    let who = self.control.store().identity_of_new(created);
                    let run_time = drawn_run_time(ctx, who, new.spec.main_container(), &new.spec)?;
                    let owner = self.control.store().objects().get(new.owner.object);
                    let is_job = owner.is_some_and(|row| matches!(row.object, Object::Job(_)));
                    let job = is_job.then_some(new.owner.object);
                    self.nodes.begin(pod, who, run_time, job);
                }
                if let Creation::BarePod(new) = creation {
                    let who = self.control.store().identity_of_new(created);
                    let run_time = drawn_run_time(ctx, who, new.spec.main_container(), &new.spec)?;
                    self.nodes.begin(pod, who, run_time, None);
                }
                if let Some((who, rest)) = replaced {
                    self.replace(ctx.now(), pod, creation, who, rest);
                }
                if let Some((who, passage, downtime)) = moving {
                    self.nodes.arrive(ctx.now(), pod, who, passage, downtime);
                }
            }
            if matches!(event, Event::PodBound { .. })
                && let Some(notice) = Notice::of(&event)
            {
                ctx.send(ToNodes::Notice(notice));
            }
            if let Err(conflict) = self.commit(ctx, event) {
                return Ok(Err(conflict));
            }
        }
        Ok(Ok(()))
    }

    /// A pod was created in the place of one with an identity and the rest of its work, where that is known.
    fn replace(
        &mut self,
        now: Instant,
        pod: PodRef,
        creation: &Creation,
        who: Identity,
        rest: Option<Handover>,
    ) {
        match (creation, rest) {
            (Creation::Rebuilt { downtime, .. }, rest) => {
                self.nodes.arrive_anew(now, pod, who, rest, *downtime);
            }
            (_, Some(rest)) => self.nodes.resume(now, pod, who, rest),
            (_, None) => {}
        }
    }

    /// Instant of the next arrival.
    #[inline]
    pub(super) fn arriving(&self) -> Option<Instant> {
        self.surroundings.arriving()
    }

    /// Follows traffic to the end of the run.
    pub(super) fn end_traffic(&mut self, ctx: &mut Context<'_>) {
        self.surroundings.follow_traffic(ctx);
    }

    /// Follows traffic up to now, and has pods use what it takes.
    fn load_pods(&mut self, ctx: &mut Context<'_>) {
        self.surroundings.follow_traffic(ctx);
        let nodes = &mut self.nodes;
        self.surroundings
            .tell_loads(|pod, used| nodes.set_traffic(pod, used));
    }
}

/// The error that something which the scenario declares can't be.
fn declaration(what: String, why: &Conflict) -> SimError {
    SimError::Declaration {
        what,
        why: why.to_string(),
    }
}
