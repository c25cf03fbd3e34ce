//! One window of jobs through the simulator: an empty machine of nodes with one processor each,
//! stepped after every single event.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::jobs::Job;
use cluster::{Observer, Store};
use control::Stepping;
use metrics::slowdown::{USUAL_BOUND, bounded_slowdown};
use model::resource_list::{CPU, PODS};
use model::{Event, Node, Pod, PodName, PodSpec, ResourceList};
use sim::{
    CellParts, DecisionTime, Environment, NodeLife, NodeLoss, Options, RunControl, Simulation,
    StartUp, Stop,
};
use systems::TimeLimits;
use systems::batch::{BatchOptions, planner};
use systems::plain_agent::PlainAgent;
use trace::{Arrival, MemorySource, Recorded};
use units::time::NANOS_PER_SECOND;
use units::{Duration, Instant, Quantity};

/// Rules under which a window is run: a batch system's options.
pub type Rules = BatchOptions;

/// A job's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The job's position in the window.
    pub position: usize,
    /// Second since the log's zero.
    pub second: i64,
}

/// Runs jobs, in the order given, on an empty machine; their starts in the order of the decisions.
///
/// # Errors
/// In words, if the rules are unknown, the simulator gives up, or a job never starts.
pub fn run_window(jobs: &[Job], processors: u32, rules: &Rules) -> Result<Vec<Start>, String> {
    let component = planner(rules).map_err(|error| error.to_string())?;
    let world = CellParts {
        nodes: (0..processors).map(node).collect(),
        components: vec![Box::new(component)],
        // The published code lets jobs run on beyond their requested time.
        agent: Box::new(PlainAgent::new(TimeLimits::Ignored)),
        arrivals: Box::new(MemorySource::new(recorded(jobs))),
        outages: Vec::new(),
        environment: Environment::default(),
        residents: Vec::new(),
        operations: Vec::new(),
    };
    let options = Options {
        seed: 0,
        stop: Stop::Idle,
        decision_time: DecisionTime::default(),
        start_up: StartUp::None,
        stepping: Stepping::PerEvent,
        node_loss: NodeLoss::Lose,
        node_life: NodeLife::Declared,
        node_client: None,
        relist: Duration::ZERO,
        node_ready: Duration::ZERO,
        lease_offset: None,
        view_lag: Duration::ZERO,
    };
    let mut starts = Starts {
        seen: vec![false; jobs.len()],
        decided: Vec::new(),
    };
    let mut simulation =
        Simulation::new(options, vec![world], &mut starts).map_err(|error| error.to_string())?;
    let interrupted = AtomicBool::new(false);
    let mut control = RunControl {
        interrupted: &interrupted,
        progress: &mut |_| {},
    };
    simulation
        .run(&mut control)
        .map_err(|error| error.to_string())?;
    drop(simulation);
    match starts.seen.iter().position(|&seen| !seen) {
        Some(position) => Err(format!("job {} never starts", jobs[position].number)),
        None => Ok(starts.decided),
    }
}

/// The mean over all jobs of max(1, (start - submit + run) / max(run, 10 s)), added up in the order
/// of the decisions, as the published code does.
pub fn average_bounded_slowdown(jobs: &[Job], starts: &[Start]) -> f64 {
    let mut sum = 0.0;
    for start in starts {
        let job = &jobs[start.position];
        let waited = Instant::from_secs(start.second).since(job.submit);
        sum += bounded_slowdown(waited, job.run, USUAL_BOUND);
    }
    sum / jobs.len() as f64
}

/// A node of one processor.
fn node(number: u32) -> Arc<Node> {
    Arc::new(Node {
        name: format!("processor-{number}").into(),
        allocatable: ResourceList::from_pairs([
            (CPU, Quantity::from_units(1)),
            (PODS, Quantity::from_units(1)),
        ]),
        ..Node::default()
    })
}

/// The jobs as arrivals, each called by its position.
fn recorded(jobs: &[Job]) -> Recorded {
    let requests = ResourceList::from_pairs([(CPU, Quantity::from_units(1))]);
    let arrival = |(position, job): (usize, &Job)| Arrival {
        submit: job.submit,
        name: PodName::Job(position as u64),
        class: 0,
        members: job.processors,
        tenant: 0,
        run_time: Some(job.run),
        time_limit: Some(job.requested),
        historic_start: None,
    };
    Recorded {
        arrivals: jobs.iter().enumerate().map(arrival).collect(),
        classes: vec![Arc::new(PodSpec::with_requests(requests))],
        ..Recorded::default()
    }
}

/// Notes when the first member of each job is bound.
struct Starts {
    seen: Vec<bool>,
    decided: Vec<Start>,
}

impl Observer for Starts {
    fn observe(&mut self, at: Instant, event: &Event, _ended: Option<&Pod>, store: &Store) {
        let Event::PodBound { pod, .. } = event else {
            return;
        };
        let Some(PodName::Job(position) | PodName::Member(position, _)) =
            store.pods().get(*pod).map(|pod| &pod.name)
        else {
            return;
        };
        let position = *position as usize;
        if self.seen.get(position) == Some(&false) {
            self.seen[position] = true;
            let second = at.as_nanos() / NANOS_PER_SECOND;
            self.decided.push(Start { position, second });
        }
    }
}
