//! A small world for tests of the simulator: equal nodes, jobs in memory, one profile.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use windtunnel::arrivals::{Arrival, MemorySource, Recorded};
use windtunnel::cluster::{Observer, Store};
use windtunnel::control::{Component, Stepping};
use windtunnel::model::{Event, Node, Pod, PodName, PodSpec, ResourceList};
use windtunnel::policy::{ProfileChoice, Setup, build_profile};
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::scheduler::{Pipeline, Profile};
use windtunnel::sim::check::Checker;
use windtunnel::sim::{
    CellParts, DecisionTime, End, Environment, NodeLife, NodeLoss, Options, RunControl, SimError,
    Simulation, StartUp, Stop,
};
use windtunnel::systems::TimeLimits;
use windtunnel::systems::plain_agent::PlainAgent;
use windtunnel::units::{ComponentId, Duration, Instant, NodeId, Quantity};

/// Options in which nothing takes time and everything ends.
pub(crate) fn options() -> Options {
    Options {
        seed: 7,
        stop: Stop::Drained,
        decision_time: DecisionTime::default(),
        start_up: StartUp::None,
        stepping: Stepping::PerInstant,
        node_loss: NodeLoss::Lose,
        node_life: NodeLife::Declared,
        node_client: None,
        relist: Duration::ZERO,
        node_ready: Duration::ZERO,
        node_timeout: Duration::ZERO,
        lease_offset: None,
        view_lag: Duration::ZERO,
        empties_nodes: false,
    }
}

/// A profile of the registry.
pub(crate) fn profile(name: &str) -> Profile {
    build_profile(&ProfileChoice::named(name), &Setup::default()).expect("a known profile")
}

/// The scheduler of a profile.
pub(crate) fn scheduler(profile: Profile) -> Box<dyn Component> {
    Box::new(Pipeline::new(ComponentId(0), profile, Form::Incremental))
}

/// Nodes of so many cores, `node-0` and on.
pub(crate) fn nodes(cores: &[i64]) -> Vec<Arc<Node>> {
    let node = |(number, &cores): (usize, &i64)| {
        Arc::new(Node {
            name: format!("node-{number}").into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_units(cores)),
                ("pods", Quantity::from_units(100)),
            ]),
            ..Node::default()
        })
    };
    cores.iter().enumerate().map(node).collect()
}

/// A pod of one core: when it is submitted and how long it runs, in seconds; a negative run time
/// runs for ever.
pub(crate) fn pod(submit: i64, run: i64) -> Arrival {
    Arrival {
        submit: Instant::from_secs(submit),
        name: PodName::Job(submit as u64),
        class: 0,
        members: 1,
        tenant: 0,
        run_time: (run >= 0).then(|| Duration::from_secs(run)),
        time_limit: None,
        historic_start: None,
        links: None,
        part: 0,
        origin: intake::Origin::NONE,
    }
}

/// A cell of these nodes, components and pods of one core.
pub(crate) fn cell(
    nodes: Vec<Arc<Node>>,
    components: Vec<Box<dyn Component>>,
    arrivals: Vec<Arrival>,
    outages: Vec<(Instant, NodeId, bool)>,
) -> CellParts {
    let one_core = ResourceList::from_pairs([("cpu", Quantity::from_units(1))]);
    let classes = vec![Arc::new(PodSpec::with_requests(one_core))];
    CellParts {
        nodes,
        components,
        agent: Box::new(PlainAgent::new(TimeLimits::Enforced)),
        arrivals: Box::new(MemorySource::new(Recorded {
            arrivals,
            classes,
            ..Recorded::default()
        })),
        outages,
        environment: Environment::default(),
        residents: Vec::new(),
        operations: Vec::new(),
    }
}

/// What happened, in words: second, kind, pod, node.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) lines: Vec<String>,
    checker: Checker,
}

impl Observer for Story {
    fn observe(&mut self, at: Instant, event: &Event, ended: Option<&Pod>, store: &Store) {
        self.checker.observe(at, event, ended, store);
        let at = at.as_secs_f64();
        let line = match event {
            Event::PodCreated(created) => format!("{at} created {}", created.pod.id.0),
            Event::PodBound { pod, node, .. } => format!("{at} bound {} {node}", pod.id.0),
            Event::PodRunning { pod } => format!("{at} runs {}", pod.id.0),
            Event::PodEnded { pod, reason } => format!("{at} ended {} {reason:?}", pod.id.0),
            Event::PodUnschedulable { pod } => format!("{at} misfit {}", pod.id.0),
            Event::NodeReadiness { node, ready } => format!("{at} {node} ready {ready}"),
            Event::HoldPlaced(hold) => format!("{at} held {}", hold.number),
            Event::HoldReleased { number, .. } => format!("{at} released {number}"),
            _ => return,
        };
        self.lines.push(line);
    }
}

/// Runs cells to their end; the story is checked after every change.
pub(crate) fn run(options: Options, cells: Vec<CellParts>) -> (Result<End, SimError>, Vec<String>) {
    let mut story = Story::default();
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    let end = Simulation::new(options, cells, &mut story)
        .and_then(|mut simulation| simulation.run(&mut control));
    assert_eq!(story.checker.failure(), None);
    (end, story.lines)
}
