//! The nodes of a cell: their agents, the machines below them, their hosts and what pods use of them.
//! The control plane hears of them by the reports of agents alone.

mod contact;
mod contend;
mod exits;
mod images;
mod initial;
mod killed_jobs;
mod memory;
mod pace;
mod pod_usage;
mod processes;
mod report_queue;
mod resumption;

use std::sync::Arc;

use arrivals::Arrival;
use cluster::{PodState, Store};
use control::local_node::LocalNode;
use control::node::{Assignment, MachineCommand, Report, StopOrder};
use control::node_api::Notice;
use control::node_life::ObservationMode;
use control::{AgentOutput, MachineEvent, NodeAgent};
use model::checkpoint::Checkpoints;
use model::{EndReason, Event, Pod, PodRef, Throughputs};
use units::{Duration, Identity, NodeId, ObjectId, PodId, SortedMap, SortedSet};

use super::contention::{Contention, ContentionModel, WHOLE};
use super::context::Context;
use super::followers::{Change, Follower};
use super::hosts::{Hosts, Pace};
use super::images::{ImageModel, Images};
use super::machine::{Immediate, Stragglers};
use super::message::{ToControlPlane, ToNodes};
use super::options::NodeLife;
use super::queue::QueueEvent;
use super::usage::UsageOptions;
use super::{Machine, SimError, StartUp, Usage};
use exits::Exits;
pub(super) use initial::InitialPod;
use initial::InitialRuns;
use killed_jobs::KilledJobs;
use pace::GangMembers;
pub(super) use processes::drawn_run_time;
use processes::{class_spec, init_time, stated_start};
use report_queue::ReportQueue;

/// The node plane.
pub(super) struct NodePlane {
    agent: Box<dyn NodeAgent>,
    machine: Machine,
    /// The resources that processes share, where they share any.
    contention: Option<Contention>,
    /// Images and what carries them, where that takes time.
    images: Option<Images>,
    hosts: Hosts,
    /// Pace of work inside of what the agents run pods in.
    guest_pace: Pace,
    exits: Exits,
    /// Processes of pods that were there before the run began.
    found: InitialRuns,
    /// Reports on their way, where agents report late.
    outgoing: Option<ReportQueue>,
    usage: Usage,
    limits: KilledJobs,
    /// Time from the joining of a node until it is Ready.
    node_ready: Duration,
    /// Whether pods that are evicted come back with the rest of their work.
    resumes: bool,
    /// Downtimes of pods that come from other nodes, until they are assigned.
    downtimes: SortedMap<PodId, Duration>,
    /// Throughputs of jobs by GPU model, where these differ.
    throughputs: Option<Arc<Throughputs>>,
    /// Paces of running pods whose jobs are not as fast as on the reference model.
    job_paces: SortedMap<PodId, Pace>,
    /// Stages of the progress of running pods whose jobs have a goodput.
    stages: SortedMap<PodId, usize>,
    /// Members of gangs that are on nodes, where it matters which.
    mates: GangMembers,
    /// The box that the agent puts into what it hands back; empty between two of its steps.
    output: AgentOutput,
}

/// The parts that a node plane is made of.
pub(super) struct NodeParts {
    pub(super) agent: Box<dyn NodeAgent>,
    pub(super) usage: UsageOptions,
    pub(super) images: Option<ImageModel>,
    pub(super) contention: Option<ContentionModel>,
    pub(super) checkpoints: Option<Checkpoints>,
    pub(super) throughputs: Option<Arc<Throughputs>>,
    /// Parts of the workload whose jobs are killed at their limits.
    pub(super) limited_parts: SortedSet<u16>,
}

impl NodePlane {
    /// Nodes on which nothing runs.
    pub(super) fn new(ctx: &Context<'_>, parts: NodeParts) -> Self {
        let seed = ctx.seed();
        let mut machine = Machine::new(seed, ctx.options().start_up.clone());
        if let Some(rule) = parts.checkpoints {
            machine.set_checkpoints(rule);
        }
        if parts.contention.is_some_and(|model| model.cpu) {
            machine.share_cores();
        }
        if { parts.throughputs.as_ref() }.is_some_and(|own| own.has_goodput()) {
            machine.track(None);
        }
        let guest_speed = u64::from(parts.agent.guest_speed_ppm());
        Self {
            guest_pace: Pace::of_rates(1_000_000, guest_speed),
            agent: parts.agent,
            machine,
            contention: parts.contention.map(Contention::new),
            images: parts.images.map(Images::new),
            hosts: Hosts::new(seed, ctx.options().lease_offset),
            exits: Exits::default(),
            found: InitialRuns::default(),
            outgoing: ReportQueue::new(seed, ctx.options().node_client, ctx.options().relist),
            usage: Usage::new(parts.usage),
            limits: KilledJobs::new(parts.limited_parts),
            node_ready: Duration::ZERO,
            resumes: false,
            downtimes: SortedMap::new(),
            throughputs: parts.throughputs,
            job_paces: SortedMap::new(),
            stages: SortedMap::new(),
            mates: GangMembers::new(),
            output: AgentOutput::default(),
        }
    }

    /// Work may come to take longer from now on.
    pub(super) fn track(&mut self, stragglers: Option<Stragglers>) {
        self.machine.track(stragglers);
    }

    /// Starts take this time from now on.
    pub(super) fn set_start_up(&mut self, start_up: StartUp) {
        self.machine.set_start_up(start_up);
    }

    /// Waits for the first renewal of every node's lease, where renewals are stepped.
    pub(super) fn expect_heartbeats(&self, ctx: &mut Context<'_>, store: &Store) {
        if ctx.options().node_life != NodeLife::Observed(ObservationMode::Stepped) {
            return;
        }
        for node in store.nodes().present() {
            let at = self.hosts.next_heartbeat(ctx.now(), node);
            ctx.expect(at, QueueEvent::Heartbeat(node));
        }
    }

    /// Whether a host is up and reached.
    pub(super) fn is_reached(&self, node: NodeId) -> bool {
        self.hosts.is_reached(node)
    }

    /// Run time of processes of pods that were given up, over all pods.
    pub(super) const fn unseen(&self) -> Duration {
        self.hosts.unseen()
    }

    /// A pod was submitted that will run this long.
    #[inline]
    pub(super) fn submit(&mut self, pod: PodRef, who: Identity, run_time: Option<Duration>) {
        self.machine.submit(pod, who, run_time);
    }

    /// A pod of an arrival was submitted: one that its limit ends is killed then.
    pub(super) fn limit(&mut self, arrival: &Arrival, who: Identity) {
        self.limits.submitted(arrival, who);
    }

    /// A pod of an object was submitted; one of a job goes on with what is left of the job's work.
    pub(super) fn begin(
        &mut self,
        pod: PodRef,
        who: Identity,
        run_time: Option<Duration>,
        job: Option<ObjectId>,
    ) {
        self.machine.begin(pod, who, run_time, job);
    }

    /// Stable identity of a pod that was submitted.
    pub(super) fn who(&self, pod: PodRef) -> Identity {
        self.machine.who(pod)
    }

    /// A message arrives.
    pub(super) fn receive(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        message: ToNodes,
    ) -> Result<(), SimError> {
        match message {
            ToNodes::Notice(Notice::Assign(pod)) => self.assign(ctx, store, pod),
            ToNodes::Notice(Notice::Stop { pod, grace, reason }) => {
                self.stop(ctx, store, pod, grace, reason);
            }
            ToNodes::Notice(Notice::Release(pod)) => self.release(ctx, store, pod),
            ToNodes::Order(command) => return self.order(ctx, store, command),
            ToNodes::Doubted(node) => self.doubted(ctx, node),
            ToNodes::ImageOrder(order) => self.order_image(ctx, &order),
            ToNodes::ImageEvent { node, image, event } => {
                self.image_event(ctx, node, &image, event);
            }
            ToNodes::ReportImages(node) => self.report_images(ctx, store, node),
            ToNodes::Ends => return self.ends(ctx, store),
            ToNodes::Tick => return self.tick(ctx, store),
            ToNodes::Contend => self.contend(ctx),
            ToNodes::Look { after_ends } => self.look(ctx, store, after_ends),
            ToNodes::ExpectTick => self.expect_tick(ctx),
            ToNodes::ProcessExits { process, killed } => {
                self.process_exits(ctx, store, process, killed);
            }
            ToNodes::Trouble {
                node,
                trouble,
                begins,
            } => self.trouble(ctx, store, node, trouble, begins),
            ToNodes::Back { node, lost } => self.back(ctx, store, node, lost),
            ToNodes::Reconcile { node, lost } => Self::reconcile(ctx, store, node, &lost),
            ToNodes::ReconcilePod(reunion) => self.reconcile_pod(ctx, store, reunion),
            ToNodes::LookAgain(node) => self.look_again(ctx, node),
            ToNodes::PostStatus(node) => self.post_status(ctx, store, node),
            ToNodes::Relist(pod) => self.relist(ctx, store, pod),
            ToNodes::Drain(node) => self.drain(ctx, store, node),
            ToNodes::Lose(pod) => self.lose(ctx, store, pod),
            ToNodes::Resubmit(lost) => self.resubmit(ctx, store, *lost),
            ToNodes::Registry { is_up } => self.registry(ctx, is_up),
            ToNodes::CorruptImage {
                image,
                is_corrupted,
            } => {
                if let Some(images) = &mut self.images {
                    images.set_corrupted(&image, is_corrupted);
                }
            }
        }
        Ok(())
    }

    /// A pod was bound: its node is informed.
    fn assign(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        let Some(assignment) = Assignment::of(store, pod) else {
            return;
        };
        if self.hosts.leave_untold(assignment.node, pod) {
            return;
        }
        let state = store.pod_states().get(pod);
        if state.is_some_and(PodState::is_held) {
            self.agent.held(pod);
        }
        if let Some(downtime) = self.downtimes.remove(&pod.id) {
            self.agent.arrives(pod, downtime);
        }
        let local = LocalNode::new(store, assignment.node);
        self.agent
            .assigned(ctx.now(), assignment, local, &mut self.output);
        self.hand_over(ctx);
    }

    /// A pod was asked to terminate: its node stops it; one without a node is gone at once.
    fn stop(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        pod: PodRef,
        grace: Duration,
        reason: EndReason,
    ) {
        let Some(record) = store.pods().get(pod) else {
            return;
        };
        let Some(node) = record.node() else {
            ctx.send(ToControlPlane::Happened(Event::PodEnded { pod, reason }));
            return;
        };
        if !self.hosts.is_reached(node) {
            return;
        }
        let order = StopOrder {
            pod,
            node,
            grace,
            reason,
        };
        self.agent.stopping(ctx.now(), order, &mut self.output);
        // It meets the processes as they are.
        while let Some(exit) = self.unseen_exit(store, pod, None) {
            self.agent.machine(ctx.now(), pod, exit, &mut self.output);
        }
        self.hand_over(ctx);
    }

    /// An end of a process that the agent of its node has not looked at yet: of a pod, or of one of its containers.
    fn unseen_exit(
        &mut self,
        store: &Store,
        pod: PodRef,
        container: Option<u16>,
    ) -> Option<MachineEvent> {
        let outgoing = self.outgoing.as_mut()?;
        let node = store.pods().get(pod)?.node()?;
        outgoing.take_exit(node, |own, event| {
            let number = match event {
                MachineEvent::Container(number, _) => *number,
                _ => WHOLE,
            };
            *own == pod && container.is_none_or(|one| one == number)
        })
    }

    /// A pod that was held back may be started: its node is informed, if it can be reached.
    fn release(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        // Another gate may still hold it back.
        let state = store.pod_states().get(pod);
        if state.is_some_and(PodState::is_held) {
            return;
        }
        let node = store.pods().get(pod).and_then(Pod::node);
        if let Some(node) = node.filter(|node| self.hosts.is_reached(*node)) {
            let local = LocalNode::new(store, node);
            self.agent.released(ctx.now(), pod, local, &mut self.output);
            self.hand_over(ctx);
        }
    }

    /// Sends an agent's reports to the control plane and its orders to the machines.
    fn hand_over(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        for &(at, pod) in &self.output.wakes {
            ctx.expect(at.max(now), QueueEvent::AgentTimer(pod));
        }
        for &(at, node) in &self.output.node_wakes {
            ctx.expect(at.max(now), QueueEvent::NodeTimer(node));
        }
        for &report in &self.output.reports {
            ctx.send(ToControlPlane::Report(report));
        }
        for &command in &self.output.commands {
            ctx.send(ToNodes::Order(command));
        }
        if !self.output.image_orders.is_empty() {
            for order in self.output.image_orders.drain(..) {
                ctx.send(ToNodes::ImageOrder(Box::new(order)));
            }
        }
        self.output.clear();
    }

    /// The change that a report makes once it arrives; a client that is limited may keep it first.
    #[inline]
    pub(super) fn deliver(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        report: Report,
    ) -> Option<Event> {
        if let Some(outgoing) = &mut self.outgoing {
            let node = store.pods().get(report.pod())?.node();
            if let Some(node) = node
                && let Some(at) = outgoing.delay(ctx.now(), node, store, report)
            {
                ctx.expect(at, QueueEvent::Report(node));
                return None;
            }
        }
        self.accept(ctx, store, report)
    }

    /// Sends the reports of a node for which its client has tokens, and lets its agent look at its processes if it does
    /// so now.
    pub(super) fn send_reports(&mut self, ctx: &mut Context<'_>, node: NodeId) {
        let now = ctx.now();
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        while let Some(report) = outgoing.due(now, node) {
            ctx.send(ToControlPlane::Sent(report));
        }
        for (pod, exit) in outgoing.seen_exits(now, node) {
            self.machine_event(ctx, pod, exit);
        }
    }

    /// The change that a report makes once it arrives; a host that is not reached keeps it until it is.
    #[inline]
    pub(super) fn accept(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        report: Report,
    ) -> Option<Event> {
        let pod = report.pod();
        // A report about a pod that has ended meanwhile says nothing new.
        let record = store.pods().get(pod)?;
        if let Some(node) = record.node()
            && self.hosts.withhold(node, report)
        {
            return None;
        }
        if report == Report::Ended(pod, EndReason::NodeLost) {
            ctx.send(ToNodes::Lose(pod));
            return None;
        }
        let report = self.limits.told(report, self.machine.who(pod));
        report.event(store)
    }

    /// A machine carries out an agent's order.
    fn order(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        command: MachineCommand,
    ) -> Result<(), SimError> {
        let (mut stated, mut init) = (None, Duration::ZERO);
        match command {
            MachineCommand::Start { pod, .. } => {
                stated = stated_start(store, pod);
                if let Some(spec) = class_spec(store, pod) {
                    init = init_time(ctx, self.machine.who(pod), spec)?;
                }
            }
            MachineCommand::Stop { pod, .. } => {
                if let Some(exit) = self.unseen_exit(store, pod, Some(WHOLE)) {
                    self.machine_event(ctx, pod, exit);
                    return Ok(());
                }
                self.process_down(ctx.now(), pod, WHOLE);
            }
            MachineCommand::StartContainer { pod, container } => {
                return self.start_container(ctx, store, pod, container);
            }
            MachineCommand::StopContainer { pod, container } => {
                match self.unseen_exit(store, pod, Some(container)) {
                    Some(exit) => self.machine_event(ctx, pod, exit),
                    None => self.stop_container(ctx, pod, container),
                }
                return Ok(());
            }
        }
        match self.machine.order(ctx.now(), command, stated, init) {
            Immediate::Nothing => Ok(()),
            Immediate::Starting { pod, at } => {
                ctx.expect(at, QueueEvent::Started(pod));
                Ok(())
            }
            Immediate::Started(pod) => self.started(ctx, store, pod),
            Immediate::Stopped(pod) => {
                self.machine_event(ctx, pod, MachineEvent::Stopped);
                Ok(())
            }
        }
    }

    /// An agent learns what happened to a pod's processes.
    fn machine_event(&mut self, ctx: &mut Context<'_>, pod: PodRef, event: MachineEvent) {
        self.agent.machine(ctx.now(), pod, event, &mut self.output);
        self.hand_over(ctx);
    }

    /// The wake-up that an agent asked for of a pod.
    pub(super) fn wake_pod(&mut self, ctx: &mut Context<'_>, store: &Store, pod: PodRef) {
        let node = store.pods().get(pod).and_then(Pod::node);
        let is_up = node.is_none_or(|node| self.hosts.is_up(node));
        if is_up && self.machine.work(pod).is_some() {
            self.agent.woken(ctx.now(), pod, &mut self.output);
            self.hand_over(ctx);
        }
    }

    /// The wake-up that an agent asked for of a node.
    pub(super) fn wake_node(&mut self, ctx: &mut Context<'_>, node: NodeId) {
        if self.hosts.is_up(node) {
            self.agent.node_woken(ctx.now(), node, &mut self.output);
            self.hand_over(ctx);
        }
    }
}

impl Follower for NodePlane {
    #[inline]
    fn follow(&mut self, change: Change<'_>, ctx: &mut Context<'_>) {
        let now = ctx.now();
        let ended = change.ended.filter(|_| self.resumes);
        let over = ended.map_or(Duration::ZERO, |ended| self.usage.over(now, ended.pod));
        self.usage.observe(change.event, change.store);
        if let Event::NodeAdded { node, object } = change.event {
            self.hosts.joined(now, *node, &object.name);
            self.joins(ctx, *node);
        }
        if matches!(change.event, Event::PodBound { .. }) {
            self.follow_paces(change, ctx);
        }
        let Some(ended) = change.ended else {
            return;
        };
        let pod = ended.pod;
        self.resume_if_evicted(ctx, change.event, ended, over);
        self.exits.ended(pod);
        self.found.ended(pod);
        if let Some(node) = ended.node()
            && !self.hosts.is_reached(node)
            && self.machine.is_running(pod)
        {
            self.hosts.give_up(now, node, pod);
        }
        let is_done = matches!(
            change.event,
            Event::PodEnded {
                reason: EndReason::Completed,
                ..
            }
        );
        self.machine.gone(now, pod, is_done);
        self.job_paces.remove(&pod.id);
        self.stages.remove(&pod.id);
        self.follow_paces(change, ctx);
        if let Some(contention) = &mut self.contention {
            contention.forget(now, pod.id);
        }
    }
}
