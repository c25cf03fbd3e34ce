//! A cell in the simulator: one cluster with its control plane, agents and machines.

use std::collections::BTreeMap;
use std::sync::Arc;

use cluster::{Commitment, Digest, Store, View};
use control::admission::Creation;
use control::operation::Operation;
use control::upgrade::Upgrade;
use control::{AgentOutput, Component, NodeAgent, Outbox, Write};
use model::checkpoint::Checkpoints;
use model::{DeviceSet, Found, Node, PodName, PodSpec, Text};
use trace::{Arrival, ArrivalSource};
use units::{ClassId, Duration, Instant, NodeId};

use super::contention::{Contention, ContentionModel};
use super::control_faults::ControlFaults;
use super::failures::{Standing, Timeline};
use super::hosts::Hosts;
use super::images::ImageModel;
use super::machine::Stragglers;
use super::provider::{Provider, ProviderOptions};
use super::queue::Lapses;
use super::traffic::{Traffic, TrafficPlan};
use super::{Machine, Options, SimError, Usage, UsageOptions};

/// Parts of a cell.
pub struct CellParts {
    /// The cell's nodes, in order.
    pub nodes: Vec<Arc<Node>>,
    /// The cell's control plane, in order of registration.
    pub components: Vec<Box<dyn Component>>,
    /// The agents of its nodes.
    pub agent: Box<dyn NodeAgent>,
    /// Source of arrivals.
    pub arrivals: Box<dyn ArrivalSource>,
    /// Nodes that go down and come up again: when, which, up or down.
    pub outages: Vec<(Instant, NodeId, bool)>,
    /// Surroundings of the cell.
    pub environment: Environment,
    /// Pods that are on nodes before anything happens, in order.
    pub residents: Vec<Resident>,
    /// Operations of users and their times, in order at one instant.
    pub operations: Vec<(Instant, Operation)>,
}

/// Surroundings that act on a cell.
#[derive(Default)]
pub struct Environment {
    /// Timelines of failures.
    pub failures: Vec<Timeline>,
    /// Failure settings that must be known at start-up.
    pub provisions: Provisions,
    /// Resource usage of pods.
    pub usage: UsageOptions,
    /// Clients of the services.
    pub traffic: Option<Arc<TrafficPlan>>,
    /// How machines are provided.
    pub provider: ProviderOptions,
    /// Component that keeps nodes from being overcommitted.
    pub commitment: Commitment,
    /// Model of images and their transfer; `None` means that pulls take no time.
    pub images: Option<ImageModel>,
    /// How work is saved; `None` is never.
    pub checkpoints: Option<Checkpoints>,
    /// Contention between processes on a node; `None` gives each all that it wants.
    pub contention: Option<ContentionModel>,
}

/// Features that must be set up from the start because they may be needed later.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Provisions {
    /// Whether parts of the control plane may lose their memory: the log is kept for them.
    pub loses_memory: bool,
    /// Whether work may come to take longer.
    pub slows_work: bool,
    /// Pods whose work takes longer from the start.
    pub stragglers: Option<Stragglers>,
    /// The control plane is killed right after so many changes, and back after a while with what
    /// is stored.
    pub kill: Option<(u64, Duration)>,
}

/// A pod that is on a node when the run begins.
#[derive(Clone, Debug)]
pub struct Resident {
    /// Name of the resident.
    pub name: PodName,
    /// Spec of the pod.
    pub spec: Arc<PodSpec>,
    /// How long it says it may run at most.
    pub time_limit: Option<Duration>,
    /// How long it goes on to run; `None` is until it is stopped.
    pub run_time: Option<Duration>,
    /// The GPU devices it holds.
    pub devices: DeviceSet,
    /// Whether its processes are up; otherwise its node starts them when the run begins.
    pub is_running: bool,
    /// Where it is, and since when.
    pub found: Found,
}

/// One cluster with its control plane and machines.
pub struct Cell {
    pub(super) number: u16,
    pub(super) store: Store,
    pub(super) components: Vec<Seat>,
    pub(super) agent: Box<dyn NodeAgent>,
    pub(super) machine: Machine,
    pub(super) contention: Option<Contention>,
    pub(super) hosts: Hosts,
    pub(super) usage: Usage,
    pub(super) provider: Provider,
    pub(super) failures: Vec<Standing>,
    /// Whether its control plane acts.
    pub(super) acts: bool,
    /// What else is wrong with it.
    pub(super) faults: ControlFaults,
    /// Upgrades that have begun, by number.
    pub(super) upgrades: Vec<Option<Upgrade>>,
    /// Nodes that left and that others are to follow, by name.
    pub(super) departed: BTreeMap<Text, (NodeId, Arc<Node>)>,
    pub(super) digest: Digest,
    pub(super) decisions: u64,
    pub(super) arrivals: Box<dyn ArrivalSource>,
    pub(super) upcoming: Option<Arrival>,
    last_arrival: Instant,
    pub(super) specs: Vec<ClassId>,
    /// What users do, by number.
    pub(super) operations: Vec<Operation>,
    /// How many of them are still to come.
    pub(super) operations_left: usize,
    pub(super) gangs: u32,
    pub(super) lapses: Lapses,
    /// Clients of its services.
    pub(super) traffic: Option<Box<Traffic>>,
    /// Where the agent puts what it hands back.
    pub(super) agent_output: AgentOutput,
    /// More such boxes, empty, for what its orders lead to at once.
    pub(super) agent_boxes: Vec<AgentOutput>,
}

/// A component in its place.
pub(super) struct Seat {
    pub(super) component: Box<dyn Component>,
    /// What it sees, where that lags behind the store.
    pub(super) view: Option<View>,
    /// What its deciding still takes time for: writes, and what is to be created.
    pub(super) deciding: Option<(Vec<Write>, Vec<Creation>)>,
    /// As it was before it had seen anything, where it may come to forget what it has.
    pub(super) blank: Option<Box<dyn Component>>,
    /// Whether it is away.
    pub(super) is_absent: bool,
    /// Requests that got lost, and when that is known.
    pub(super) unanswered: Vec<(Instant, Write)>,
    /// Whether it has more to do at this instant, or is due to wake.
    pub(super) due: bool,
    /// The wake-up asked for last, so that it is not asked for again.
    pub(super) wake: Option<Instant>,
    /// The same for a wake-up that no run goes on for.
    pub(super) wake_idle: Option<Instant>,
    /// When its view is to be shown more, if that was asked for.
    pub(super) delivery: Option<Instant>,
    pub(super) outbox: Outbox,
}

impl Seat {
    /// A component that has seen nothing yet. A view that lags starts empty, so that the component
    /// reads the nodes like everything else.
    pub(super) fn new(
        component: Box<dyn Component>,
        lag: Duration,
        commitment: Commitment,
    ) -> Self {
        let empty = || View::new(&Store::committed(commitment), lag);
        Self {
            component,
            view: (lag > Duration::ZERO).then(empty),
            deciding: None,
            blank: None,
            is_absent: false,
            unanswered: Vec::new(),
            due: true,
            wake: None,
            wake_idle: None,
            delivery: None,
            outbox: Outbox::default(),
        }
    }
}

impl Cell {
    pub(super) fn new(
        number: u16,
        options: &Options,
        agent: Box<dyn NodeAgent>,
        arrivals: Box<dyn ArrivalSource>,
    ) -> Self {
        Self {
            number,
            store: Store::new(),
            components: Vec::new(),
            agent,
            machine: Machine::new(options.seed, options.start_up.clone()),
            contention: None,
            hosts: Hosts::new(options.seed, number),
            usage: Usage::default(),
            provider: Provider::default(),
            failures: Vec::new(),
            acts: true,
            faults: ControlFaults::new(options.seed, number),
            upgrades: Vec::new(),
            departed: BTreeMap::new(),
            digest: Digest::new(),
            decisions: 0,
            arrivals,
            upcoming: None,
            last_arrival: Instant::ZERO,
            specs: Vec::new(),
            operations: Vec::new(),
            operations_left: 0,
            gangs: 0,
            lapses: Lapses::default(),
            traffic: None,
            agent_output: AgentOutput::default(),
            agent_boxes: Vec::new(),
        }
    }

    /// Processes share their nodes from now on.
    pub(super) fn contend_by(&mut self, model: Option<ContentionModel>) {
        self.contention = model.map(Contention::new);
        self.machine.shares_cores = model.is_some_and(|model| model.cpu);
    }

    /// Reads the next arrival.
    pub(super) fn fetch(&mut self) -> Result<(), SimError> {
        self.upcoming = self.arrivals.next()?;
        if let Some(arrival) = &self.upcoming {
            let (at, last) = (arrival.submit, self.last_arrival);
            if at < last {
                let name = arrival.name.to_string();
                return Err(SimError::OutOfOrder { name, at, last });
            }
            self.last_arrival = at;
        }
        Ok(())
    }
}

/// The name of a member of a gang.
pub(super) fn member_name(gang: &PodName, member: u32) -> PodName {
    match gang {
        PodName::Job(number) | PodName::Member(number, _) => PodName::Member(*number, member),
        PodName::Text(name) => PodName::Text(format!("{name}-{member}").into()),
    }
}
