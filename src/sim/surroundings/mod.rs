//! The surroundings of a cell: pods that arrive, users and their operations, failures, the provider of
//! machines, and clients of services.

mod arrivals;
mod machines;
mod operations;
mod precedence;
mod resizes;
mod strikes;
mod submitted_jobs;

use std::sync::Arc;

use ::arrivals::Arrival;
use ::arrivals::ArrivalSource;
use cluster::Store;
use control::operation::Operation;
use control::upgrade::Upgrade;
use intake::Ledger;
use model::{Event, Node, Object, PodRef, ResourceUsage, Text};
use units::{ClassId, Duration, Instant, NodeId, SortedMap, SortedSet};

use super::SimError;
use super::context::Context;
use super::failures::{Exposure, Timeline, TimelineState};
use super::followers::{Change, Follower};
use super::message::ToSurroundings;
use super::node_plane::NodePlane;
use super::provider::{Provider, ProviderOptions};
use super::queue::QueueEvent;
use super::traffic::{Traffic, TrafficPlan};
use precedence::Precedence;
use resizes::Resizes;

pub(super) use self::arrivals::pod_of;
pub(super) use operations::wrong;
pub use submitted_jobs::{SubmittedJobs, Submitter};

/// Time between two looks at traffic where nothing else asks for it: reports lag no more.
const FOLLOWED_EVERY: Duration = Duration::from_secs(600);

/// The surroundings.
pub(super) struct Surroundings {
    arrivals: Box<dyn ArrivalSource>,
    upcoming: Option<Arrival>,
    /// Arrivals that wait for others; `None` where none does.
    precedence: Option<Box<Precedence>>,
    last_arrival: Instant,
    is_exhausted: bool,
    /// Whether what waits for others knows that nothing more arrives.
    is_end_told: bool,
    /// Submits arrivals as jobs; `None` where they are pods.
    submitter: Option<Submitter>,
    /// The classes of the arrivals, by their numbers in the source.
    classes: Vec<ClassId>,
    gangs: u32,
    /// The operations of users, by number; of one that could not be done at once, its rest.
    operations: Vec<Operation>,
    /// Number of operations still to come.
    operations_left: usize,
    /// Operations without an answer, to be retried.
    postponed: Vec<u32>,
    /// Those that are tried again at this instant.
    tried_again: SortedSet<u32>,
    /// Upgrades that have begun, by number.
    upgrades: Vec<Option<Upgrade>>,
    /// Nodes from which the API refused to evict a pod when it was asked last.
    refusing: SortedSet<NodeId>,
    /// Nodes that left and that others are to follow, by name.
    departed: SortedMap<Text, (NodeId, Arc<Node>)>,
    /// Nodes made anew, by those of the start in whose place they are.
    stand_ins: SortedMap<NodeId, NodeId>,
    failures: Vec<TimelineState>,
    /// Failures that nodes are exposed to which join later.
    exposure: Exposure,
    /// The number of time lines that were there at the start.
    lines_of_start: u32,
    provider: Provider,
    /// Clients of services.
    traffic: Option<Box<Traffic>>,
    /// Resizes of pods that run; `None` where none is stated.
    resizes: Option<Box<Resizes>>,
}

impl Surroundings {
    /// Surroundings in which nothing happens but arrivals and what is ordered of a provider.
    pub(super) fn new(
        arrivals: Box<dyn ArrivalSource>,
        jobs: Option<SubmittedJobs>,
        provider: ProviderOptions,
        has_precedence: bool,
    ) -> Self {
        Self {
            arrivals,
            upcoming: None,
            precedence: has_precedence.then(Box::default),
            last_arrival: Instant::ZERO,
            is_exhausted: false,
            is_end_told: false,
            submitter: jobs.map(Submitter::new),
            classes: Vec::new(),
            gangs: 0,
            operations: Vec::new(),
            operations_left: 0,
            postponed: Vec::new(),
            tried_again: SortedSet::new(),
            upgrades: Vec::new(),
            refusing: SortedSet::new(),
            departed: SortedMap::new(),
            stand_ins: SortedMap::new(),
            failures: Vec::new(),
            exposure: Exposure::default(),
            lines_of_start: 0,
            provider: Provider::new(provider),
            traffic: None,
            resizes: None,
        }
    }

    /// The findings in the arrivals.
    pub(super) fn ledger(&self) -> Ledger {
        let mut ledger = self.arrivals.ledger().clone();
        if let Some(precedence) = &self.precedence {
            ledger.merge(&precedence.ledger(self.arrivals.files()));
        }
        ledger
    }

    /// Amount of the input that was read, and its total, where that is known.
    pub(super) fn progress(&self) -> Option<(u64, u64)> {
        self.arrivals.progress()
    }

    /// Whether nothing is to come of arrivals and operations.
    pub(super) fn is_over(&self) -> bool {
        self.arriving().is_none() && self.operations_left == 0
    }

    /// Clients begin to ask.
    pub(super) fn expect_traffic(
        &mut self,
        ctx: &Context<'_>,
        store: &Store,
        plan: Option<Arc<TrafficPlan>>,
    ) {
        if let Some(plan) = plan {
            let mut traffic = Traffic::new(plan, ctx.seed());
            traffic.know_hosts(store.nodes().ids());
            self.traffic = Some(Box::new(traffic));
        }
    }

    /// Awaits the first strike of every time line.
    pub(super) fn expect_failures(
        &mut self,
        ctx: &mut Context<'_>,
        failures: Vec<Timeline>,
        exposure: Exposure,
    ) {
        for timeline in failures {
            self.await_line(ctx, timeline);
        }
        self.lines_of_start = self.failures.len() as u32;
        self.exposure = exposure;
    }

    /// Awaits the first strike of a time line.
    fn await_line(&mut self, ctx: &mut Context<'_>, timeline: Timeline) {
        self.failures.push(timeline.into());
        self.await_strike(ctx, self.failures.len() as u32 - 1);
    }

    /// A node joins: what strikes its like strikes it, but for one that stands in for a node of the start.
    fn expose(&mut self, ctx: &mut Context<'_>, node: NodeId, object: &Arc<Node>) {
        if !self.stand_ins.values().any(|stand_in| *stand_in == node) {
            for timeline in self.exposure.of(node, object, ctx.now()) {
                self.await_line(ctx, timeline);
            }
        }
    }

    /// Awaits what users do.
    pub(super) fn expect_operations(
        &mut self,
        ctx: &mut Context<'_>,
        operations: Vec<(Instant, Operation)>,
    ) {
        for (number, (at, operation)) in operations.into_iter().enumerate() {
            let number = number as u32;
            ctx.expect(
                at,
                match &operation {
                    // They bear on the pods of that instant, as a set adopts orphans.
                    Operation::Create(
                        Object::LimitRange(_)
                        | Object::PriorityClass(_)
                        | Object::ResourceQuota(_)
                        | Object::ReplicaSet(_),
                    ) => QueueEvent::Rule(number),
                    _ => QueueEvent::Operation(number),
                },
            );
            self.operations.push(operation);
        }
        self.operations_left = self.operations.len();
    }

    /// Follows traffic up to now.
    pub(super) fn follow_traffic(&mut self, ctx: &mut Context<'_>) {
        if let Some(traffic) = &mut self.traffic {
            traffic.advance(ctx.now(), ctx.observer());
        }
    }

    /// Asks for the next time at which traffic is followed.
    pub(super) fn expect_following(&self, ctx: &mut Context<'_>) {
        if self.traffic.is_some() {
            let next = ctx.now().saturating_add(FOLLOWED_EVERY);
            ctx.expect(next, QueueEvent::Traffic);
        }
    }

    /// Reports the use of pods for requests, where it has changed since the last report.
    pub(super) fn tell_loads(&mut self, tell: impl FnMut(PodRef, ResourceUsage)) {
        if let Some(traffic) = &mut self.traffic {
            traffic.tell_loads(tell);
        }
    }

    /// Clients and services, where there are any.
    pub(super) fn traffic(&self) -> Option<&Traffic> {
        self.traffic.as_deref()
    }

    /// A message arrives.
    pub(super) fn receive(
        &mut self,
        ctx: &mut Context<'_>,
        store: &Store,
        nodes: &NodePlane,
        message: ToSurroundings,
    ) -> Result<(), SimError> {
        match message {
            ToSurroundings::HostChanged { node, is_up } => {
                if let Some(traffic) = &mut self.traffic {
                    traffic.host_changed(ctx.now(), node, is_up, ctx.observer());
                }
                Ok(())
            }
            ToSurroundings::Provide { component, request } => {
                self.provide(ctx, store, component, *request);
                Ok(())
            }
            ToSurroundings::GoOnDraining(node) => self.go_on_draining(ctx, store, nodes, node),
            ToSurroundings::Upgrade { deed, replaces } => {
                self.upgrade_node(ctx, store, nodes, *deed, replaces)
            }
            ToSurroundings::AwaitStrike(line) => {
                self.await_strike(ctx, line);
                Ok(())
            }
            ToSurroundings::TryResizes(node) => {
                self.try_resizes(ctx, store, node);
                Ok(())
            }
            ToSurroundings::Resize { pod, spec } => {
                self.resize(ctx, store, pod, &spec);
                Ok(())
            }
        }
    }
}

impl Follower for Surroundings {
    #[inline]
    fn follow(&mut self, change: Change<'_>, ctx: &mut Context<'_>) {
        if let Some(traffic) = &mut self.traffic {
            traffic.observe(ctx.now(), change.event, change.store, ctx.observer());
        }
        if let Some(precedence) = &mut self.precedence {
            precedence.follow(ctx.now(), change);
        }
        match change.event {
            Event::ClassAdded { object, .. } => self.expect_resizes(object),
            Event::NodeAdded { node, object } => self.expose(ctx, *node, object),
            _ => {}
        }
        if let Some(resizes) = &self.resizes {
            resizes.follow(change, ctx);
        }
    }
}
