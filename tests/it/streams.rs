//! One more random draw in a policy changes nobody else's stream: pods still take as long to start
//! as before.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use windtunnel::arrivals::{Arrival, MemorySource, Recorded};
use windtunnel::cluster::{Observer, Store};
use windtunnel::control::Stepping;
use windtunnel::model::{Event, Node, Pod, PodName, PodSpec, ResourceList};
use windtunnel::policy::{ProfileChoice, Setup, build_profile};
use windtunnel::rng::Stream;
use windtunnel::scheduler::pipeline::evaluate::Form;
use windtunnel::scheduler::{ClassContext, Pipeline, Profile, Select, Ties};
use windtunnel::sim::{
    CellParts, DecisionTime, EndCause, Environment, NodeLife, NodeLoss, Options, RunControl,
    Simulation, StartUp, Stop,
};
use windtunnel::systems::TimeLimits;
use windtunnel::systems::plain_agent::PlainAgent;
use windtunnel::units::{ComponentId, Duration, Instant, NodeId, Quantity, SortedMap};

/// Chooses at random, and draws `extra` more numbers every time.
#[derive(Clone)]
struct Drawing {
    stream: Stream,
    extra: u32,
}

impl Select for Drawing {
    fn name(&self) -> &'static str {
        "drawing"
    }

    fn select(&mut self, _ctx: &ClassContext<'_>, tied: Ties<'_>) -> NodeId {
        for _ in 0..self.extra {
            self.stream.next_u64();
        }
        tied.nth(self.stream.below(tied.count() as u64) as usize)
    }

    fn clone_select(&self) -> Box<dyn Select> {
        Box::new(self.clone())
    }
}

/// When pods were bound and started, and where, by identity.
#[derive(Default)]
struct Lives {
    bound: SortedMap<u32, (Instant, NodeId)>,
    delays: SortedMap<u32, Duration>,
}

impl Observer for Lives {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, _store: &Store) {
        match event {
            Event::PodBound { pod, node, .. } => {
                self.bound.insert(pod.id.0, (at, *node));
            }
            Event::PodRunning { pod } => {
                let bound = self.bound[&pod.id.0].0;
                self.delays.insert(pod.id.0, at.since(bound));
            }
            _ => {}
        }
    }
}

fn profile(extra: u32) -> Profile {
    let setup = Setup {
        seed: 7,
        ..Setup::default()
    };
    let mut profile =
        build_profile(&ProfileChoice::named("first-fit"), &setup).expect("a known profile");
    profile.select = Box::new(Drawing {
        stream: setup.stream("drawing"),
        extra,
    });
    profile
}

/// Two hundred jobs, one a second.
fn arrivals() -> Vec<Arrival> {
    (0..200)
        .map(|number| Arrival {
            submit: Instant::from_secs(number),
            name: PodName::Job(number as u64),
            class: 0,
            members: 1,
            tenant: 0,
            run_time: Some(Duration::from_secs(90)),
            time_limit: None,
            historic_start: None,
            links: None,
            part: 0,
            origin: intake::Origin::NONE,
        })
        .collect()
}

fn run(extra: u32) -> (Lives, String) {
    let list = |cpu: i64| {
        ResourceList::from_pairs([
            ("cpu", Quantity::from_units(cpu)),
            ("pods", Quantity::from_units(100)),
        ])
    };
    let nodes = (0..20)
        .map(|number| {
            let name = format!("node-{number}").into();
            Arc::new(Node {
                name,
                allocatable: list(16),
                ..Node::default()
            })
        })
        .collect();
    let spec = PodSpec::with_requests(list(1));
    let recorded = Recorded {
        arrivals: arrivals(),
        classes: vec![Arc::new(spec)],
        ..Recorded::default()
    };
    let scheduler = Pipeline::new(ComponentId(0), profile(extra), Form::Incremental);
    let cell = CellParts {
        nodes,
        components: vec![Box::new(scheduler)],
        agent: Box::new(PlainAgent::new(TimeLimits::Ignored)),
        arrivals: Box::new(MemorySource::new(recorded)),
        outages: Vec::new(),
        environment: Environment::default(),
        residents: Vec::new(),
        operations: Vec::new(),
    };
    let start_up = "lognormal(400ms, 0.5)".parse().expect("a distribution");
    let options = Options {
        seed: 7,
        stop: Stop::Drained,
        decision_time: DecisionTime::default(),
        start_up: StartUp::Drawn(start_up),
        stepping: Stepping::PerInstant,
        node_loss: NodeLoss::Lose,
        node_life: NodeLife::Declared,
        node_client: None,
        relist: Duration::ZERO,
        node_ready: windtunnel::units::Duration::ZERO,
        node_timeout: windtunnel::units::Duration::ZERO,
        lease_offset: None,
        view_lag: Duration::ZERO,
        empties_nodes: false,
    };
    let mut lives = Lives::default();
    let mut simulation =
        Simulation::new(options, vec![cell], &mut lives).expect("a world that can be");
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    let end = simulation.run(&mut control).expect("a run that ends");
    assert_eq!(end.cause, EndCause::Drained);
    drop(simulation);
    (lives, end.digest)
}

#[test]
fn one_more_draw_in_a_policy_changes_nobody_elses_stream() {
    let (plain, digest) = run(0);
    let (drawn, other) = run(1);
    assert_ne!(
        plain.bound, drawn.bound,
        "the extra draw must matter to the policy itself"
    );
    assert_ne!(digest, other);
    assert_eq!(plain.delays.len(), 200);
    assert_eq!(plain.delays, drawn.delays);
    let (again, same) = run(0);
    assert_eq!((plain.bound, digest), (again.bound, same), "a run repeats");
}
