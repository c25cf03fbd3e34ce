//! A cell at a checkpoint: its machines, and all its pods at once, none of which ends. Whether they
//! fit on other machines is seen by a run of the whole system from scratch.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use cluster::{Observer, Store};
use model::node::HOSTNAME_LABEL;
use model::{Event, Node, Pod, PodName, PodRef};
use scenario::schema::{MeasuredWindow, Stop, StopWhen};
use scenario::{Files, Scenario};
use scheduler::pipeline::evaluate::Form;
use sim::{EndCause, FoundObjects, RunControl};
use trace::{Arrival, MemorySource, Recorded};
use units::{Duration, Instant};

use crate::run::{Prepared, RunError, Tables, prepare_on, run};
use world::{BuildError, FileSource};

/// Pods and machines of a variant.
#[derive(Clone)]
pub(super) struct Cell<'a> {
    pub(super) scenario: Scenario,
    files: &'a Files,
    /// The machines, in their order.
    pub(super) nodes: Vec<Arc<Node>>,
    /// The pods, the most important first.
    recorded: Arc<Recorded>,
}

/// Outcome of packing the pods of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// Number of pods without a machine.
    pub(super) pending: u64,
    /// Number of pods that want one.
    pub(super) pods: u64,
}

impl Packed {
    /// Returns whether no more than a share of the pods, in parts per million, is without a machine.
    pub(super) fn fits(self, pending_ppm: u64) -> bool {
        u128::from(self.pending) * 1_000_000 <= u128::from(self.pods) * u128::from(pending_ppm)
    }
}

impl<'a> Cell<'a> {
    /// Takes the checkpoint of a scenario. What happens to machines in the course of a run is left
    /// out.
    pub(super) fn of(
        scenario: &Scenario,
        files: &'a Files,
        settle: Duration,
    ) -> Result<Self, RunError> {
        if scenario.cluster.provider.is_some() {
            return Err(RunError::Build(BuildError::Experiment(
                "cluster.provider: a cell has the machines that it begins with; leave the provider \
                 and the autoscalers of nodes out, and state the machines under `cluster.nodes`"
                    .to_owned(),
            )));
        }
        let mut scenario = scenario.clone();
        scenario.failures.clear();
        scenario.operations.clear();
        scenario.alerts.clear();
        scenario.objectives.clear();
        scenario.metrics.window = MeasuredWindow::Full;
        scenario.stop = Stop {
            at: Some(settle),
            when: Some(StopWhen::Idle),
        };
        let mut nodes = Vec::new();
        let source = FileSource { files };
        let mut prepared = prepare_on(&scenario, &source, |all| {
            nodes.clone_from(&all);
            all
        })?;
        let recorded = Arc::new(checkpoint(&mut prepared)?);
        Ok(Self {
            scenario,
            files,
            nodes,
            recorded,
        })
    }

    /// Number of arrivals.
    pub(super) fn arrivals(&self) -> usize {
        self.recorded.arrivals.len()
    }

    /// Number of pods of the arrivals.
    pub(super) fn pods(&self) -> u64 {
        let members = self
            .recorded
            .arrivals
            .iter()
            .map(|own| u64::from(own.members));
        members.sum()
    }

    /// The machines, each so many times.
    pub(super) fn cloned(&self, times: usize) -> Vec<Arc<Node>> {
        let mut nodes = self.nodes.clone();
        for copy in 1..times {
            nodes.extend(self.nodes.iter().map(|node| {
                let mut node = Node::clone(node);
                let name: model::Text = format!("{}-copy-{copy}", node.name).into();
                if node.labels.contains_key(HOSTNAME_LABEL) {
                    node.labels.insert(HOSTNAME_LABEL.into(), name.clone());
                }
                node.name = name;
                Arc::new(node)
            }));
        }
        nodes
    }

    /// Packs the pods on machines from scratch, and with them copies of some of the arrivals.
    pub(super) fn pack(
        &self,
        nodes: Vec<Arc<Node>>,
        more: &[usize],
        interrupted: &AtomicBool,
    ) -> Result<Option<Packed>, RunError> {
        let source = FileSource { files: self.files };
        let mut prepared = prepare_on(&self.scenario, &source, |_| nodes)?;
        let _ = checkpoint(&mut prepared)?;
        let recorded = self.inflated(more);
        let members = recorded.arrivals.iter().map(|own| u64::from(own.members));
        let wanted: u64 = members.sum();
        let has_controllers = self.scenario.system.controllers.is_some();
        prepared.workload.source = Box::new(MemorySource::new(recorded));
        let mut census = Census::default();
        let tables = Tables {
            watch: Some(&mut census),
            ..Tables::default()
        };
        let mut control = RunControl {
            interrupted,
            progress: &mut |_| {},
        };
        let form = Form::Incremental;
        let outcome = run(&self.scenario, prepared, form, tables, &mut control)?;
        if outcome.end.cause == EndCause::Interrupted {
            return Ok(None);
        }
        // Controllers make pods of their own, those that were evicted included.
        let pods = if has_controllers {
            wanted.max(census.alive)
        } else {
            wanted
        };
        Ok(Some(Packed {
            pending: pods.saturating_sub(census.placed()),
            pods,
        }))
    }

    fn inflated(&self, more: &[usize]) -> Arc<Recorded> {
        if more.is_empty() {
            return Arc::clone(&self.recorded);
        }
        let mut recorded = Recorded::clone(&self.recorded);
        for (number, &place) in more.iter().enumerate() {
            let mut arrival = recorded.arrivals[place].clone();
            let name = format!("{}-more-{number}", arrival.name);
            arrival.name = PodName::Text(name.into());
            recorded.arrivals.push(arrival);
        }
        sort(&mut recorded);
        Arc::new(recorded)
    }
}

/// Takes the pods of a prepared run out of it: all arrive at once, and none ends.
fn checkpoint(prepared: &mut Prepared) -> Result<Recorded, RunError> {
    let workload = &mut prepared.workload;
    let source = Recorded::collect(&mut *workload.source);
    let mut recorded = source.map_err(BuildError::Trace)?;
    for arrival in &mut recorded.arrivals {
        arrival.submit = Instant::ZERO;
        arrival.run_time = None;
        arrival.time_limit = None;
        arrival.historic_start = None;
    }
    let residents = std::mem::take(&mut workload.residents);
    let waiting = std::mem::take(&mut workload.found.waiting);
    let residents = residents.into_iter().map(|own| (own.name, own.spec));
    let waiting = waiting.into_iter().map(|own| (own.name, own.spec));
    let mut is_dump = false;
    for (name, spec) in residents.chain(waiting) {
        is_dump = true;
        let class = recorded.classes.len();
        recorded.classes.push(spec);
        recorded.arrivals.push(Arrival {
            submit: Instant::ZERO,
            name,
            class: u32::try_from(class).unwrap_or(u32::MAX),
            members: 1,
            tenant: 0,
            run_time: None,
            time_limit: None,
            historic_start: None,
        });
    }
    if is_dump {
        // The pods stand for the objects that made them.
        workload.found = FoundObjects::default();
    }
    sort(&mut recorded);
    Ok(recorded)
}

/// Sorts arrivals by falling priority; those of one priority stay in their order.
fn sort(recorded: &mut Recorded) {
    let Recorded {
        arrivals, classes, ..
    } = recorded;
    let priority = |own: &Arrival| {
        classes
            .get(own.class as usize)
            .map_or(0, |own| own.priority)
    };
    arrivals.sort_by_key(|own| std::cmp::Reverse(priority(own)));
}

/// Number of pods with a machine.
#[derive(Default)]
struct Census {
    is_bound: Vec<bool>,
    alive: u64,
}

impl Census {
    fn placed(&self) -> u64 {
        self.is_bound.iter().filter(|is_bound| **is_bound).count() as u64
    }

    fn set(&mut self, pod: PodRef, is_bound: bool) {
        let place = pod.id.0 as usize;
        if place >= self.is_bound.len() {
            self.is_bound.resize(place + 1, false);
        }
        self.is_bound[place] = is_bound;
    }
}

impl Observer for Census {
    fn observe(&mut self, _at: Instant, event: &Event, _ended: Option<&Pod>, _store: &Store) {
        match event {
            Event::PodCreated(_) => self.alive += 1,
            Event::PodBound { pod, .. } => self.set(*pod, true),
            Event::PodEnded { pod, .. } => {
                self.alive = self.alive.saturating_sub(1);
                self.set(*pod, false);
            }
            _ => {}
        }
    }
}
