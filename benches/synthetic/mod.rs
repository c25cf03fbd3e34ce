//! Synthetic runs: equal hosts, pods of some classes that arrive at an even pace and run for random
//! times, so that about the asked share of the hosts is in use. Nothing is read from a file and no
//! time is spent on drawing, so that it is the simulation that is measured.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use windtunnel::arrivals::{Arrival, ArrivalSource, Classes};
use windtunnel::cluster::{Observer, Store};
use windtunnel::intake::{Origin, TraceError};
use windtunnel::model::{Event, Node, Pod, PodName, PodSpec, ResourceList};
use windtunnel::sim::{
    CellParts, DecisionTime, End, Environment, NodeLife, NodeLoss, Options, RunControl, Simulation,
    StartUp, Stop,
};
use windtunnel::systems::{SystemRequest, registry};
use windtunnel::units::{Duration, Instant, Quantity};

/// Cores of a host.
const CORES: i64 = 32;
/// Memory of a host for each core.
const BYTES_PER_CORE: i64 = 4 << 30;
/// The mean time that a pod runs.
const MEAN_SECONDS: i64 = 600;

/// A synthetic run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Synthetic {
    /// Equal hosts.
    pub(crate) hosts: u32,
    /// Classes of pods, drawn evenly.
    pub(crate) classes: u32,
    /// Pods that arrive.
    pub(crate) pods: u32,
    /// The share of the cores that is in use once as many end as arrive, in percent.
    pub(crate) percent: i64,
}

impl Synthetic {
    /// Runs it under a profile of the system `kubernetes`, under somebody's eyes.
    ///
    /// # Panics
    /// If there is no such profile.
    pub(crate) fn run(self, profile: &str, observer: &mut dyn Observer) -> End {
        let request = SystemRequest::of(profile);
        let system = registry::find("pipeline").expect("a system of the project");
        let parts = (system.build)(&request).expect("a profile of the project");
        let options = Options {
            seed: 1,
            stop: Stop::Idle,
            decision_time: DecisionTime::default(),
            start_up: StartUp::None,
            stepping: parts.stepping,
            node_loss: NodeLoss::Lose,
            node_life: NodeLife::Declared,
            node_client: None,
            relist: Duration::ZERO,
            node_ready: Duration::ZERO,
            node_timeout: Duration::ZERO,
            lease_offset: None,
            view_lag: Duration::ZERO,
            empties_nodes: false,
        };
        let cell = CellParts {
            nodes: (0..self.hosts).map(host).collect(),
            components: parts.components,
            agent: parts.agent,
            arrivals: Box::new(self.arrivals()),
            outages: Vec::new(),
            environment: Environment::default(),
            residents: Vec::new(),
            operations: Vec::new(),
        };
        let interrupted = AtomicBool::new(false);
        let mut control = RunControl {
            interrupted: &interrupted,
            progress: &mut |_| {},
        };
        Simulation::new(options, vec![cell], observer)
            .and_then(|mut simulation| simulation.run(&mut control))
            .expect("a run that ends")
    }

    fn arrivals(self) -> Arrivals {
        let classes: Vec<_> = (0..self.classes).map(class).collect();
        let cores: i64 = (0..self.classes).map(cores).sum();
        let live = i64::from(self.hosts) * CORES * self.percent * i64::from(self.classes)
            / (100 * cores.max(1));
        Arrivals {
            classes: Classes::from(classes),
            left: self.pods,
            number: 0,
            gap: Duration::from_nanos(MEAN_SECONDS * 1_000_000_000 / live.max(1)),
            at: Instant::ZERO,
            state: 88_172_645_463_325_252,
        }
    }
}

/// Cores of a pod of a class: 1, 2, 4, 8.
fn cores(class: u32) -> i64 {
    1 << (class % 4)
}

fn host(number: u32) -> Arc<Node> {
    let amounts = ResourceList::from_pairs([
        ("cpu", Quantity::from_units(CORES)),
        ("memory", Quantity::from_units(CORES * BYTES_PER_CORE)),
        ("pods", Quantity::from_units(110)),
    ]);
    Arc::new(Node {
        name: format!("host-{number}").as_str().into(),
        capacity: amounts.clone(),
        allocatable: amounts,
        ..Node::default()
    })
}

fn class(number: u32) -> Arc<PodSpec> {
    let cores = cores(number);
    // A different byte more for each: classes are told apart by what they ask for.
    let memory = cores * BYTES_PER_CORE - 1_000_000 + i64::from(number);
    Arc::new(PodSpec::with_requests(ResourceList::from_pairs([
        ("cpu", Quantity::from_units(cores)),
        ("memory", Quantity::from_units(memory)),
    ])))
}

#[derive(Clone, Debug)]
struct Arrivals {
    classes: Classes,
    left: u32,
    number: u64,
    gap: Duration,
    at: Instant,
    state: u64,
}

impl ArrivalSource for Arrivals {
    fn next(&mut self) -> Result<Option<Arrival>, TraceError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let run_nanos = (self.state >> 8) as i64 % (2 * MEAN_SECONDS * 1_000_000_000) + 1;
        self.number += 1;
        let arrival = Arrival {
            submit: self.at,
            name: PodName::Job(self.number as _),
            class: (self.state % self.classes.len() as u64) as u32,
            members: 1,
            tenant: 0,
            run_time: Some(Duration::from_nanos(run_nanos)),
            time_limit: None,
            historic_start: None,
            links: None,
            part: 0,
            origin: Origin::NONE,
        };
        self.at = self.at.saturating_add(self.gap);
        Ok(Some(arrival))
    }

    fn classes(&self) -> &Classes {
        &self.classes
    }

    fn fork(&self) -> Result<Box<dyn ArrivalSource>, TraceError> {
        Ok(Box::new(self.clone()))
    }
}

/// Watches nothing.
pub(crate) struct Nobody;

impl Observer for Nobody {
    fn observe(&mut self, _at: Instant, _event: &Event, _ended: Option<&Pod>, _store: &Store) {}
}
