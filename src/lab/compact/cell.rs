//! A cell at a checkpoint: its machines, and all its pods at once, none of which ends. Whether they
//! fit on other machines is seen by a run of the whole system from scratch.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrivals::{Arrival, MemorySource, Recorded};
use model::node::HOSTNAME_LABEL;
use model::{Node, PodName};
use scenario::schema::{MeasuredWindow, Stop, StopWhen};
use scenario::{Files, Scenario};
use sim::{EndCause, InitialObjects};
use systems::SystemOptions;
use systems::graphene::options::GrapheneOptions;
use units::{Duration, Instant};

use super::Pending;
use super::census::Census;
use super::constraints::{Eased, drop_pinned, ease_objects, soften};
use crate::run::{Prepared, RunError, Tables, prepare_on, run_quietly};
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
    /// The pods whose constraints are not those of the workload.
    pub(super) eased: Eased,
}

/// Outcome of packing the pods of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    /// Number of pods without a machine.
    pub(super) pending: u64,
    /// The first of them, `NAMESPACE/NAME`.
    pub(super) first: Option<String>,
    /// Number of those among them that only a handful of machines could hold.
    pub(super) picky: u64,
    /// Number of pods that want one.
    pub(super) pods: u64,
    /// Number of further pods that the system rejects at admission.
    pub(super) rejected: u64,
}

impl Packed {
    /// Returns whether no more pods are without a machine than may be.
    pub(super) fn fits(&self, allowed: Pending) -> bool {
        match allowed {
            Pending::Picky { ppm } => {
                let most = u128::from(self.pods) * u128::from(ppm);
                self.pending <= self.picky && u128::from(self.pending) * 1_000_000 <= most
            }
            Pending::Any { pods } => self.pending <= pods,
        }
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
        let source = FileSource::of(files);
        let mut prepared = prepare_on(&scenario, &source, |all| {
            nodes.clone_from(&all);
            all
        })?;
        let mut recorded = checkpoint(&mut prepared)?;
        let mut eased = ease_objects(&mut prepared.operations, &nodes);
        eased.pinned += drop_pinned(&mut recorded, &nodes);
        eased.softened += soften(&mut recorded, nodes.len());
        Ok(Self {
            scenario,
            files,
            nodes,
            recorded: Arc::new(recorded),
            eased,
        })
    }

    /// Number of arrivals.
    pub(super) fn arrivals(&self) -> usize {
        self.recorded.arrivals.len()
    }

    /// The machines and their clones, each machine a number of times.
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
        let source = FileSource::of(self.files);
        let mut prepared = prepare_on(&self.scenario, &source, |_| nodes)?;
        let _ = checkpoint(&mut prepared)?;
        let _ = ease_objects(&mut prepared.operations, &self.nodes);
        let recorded = self.inflated(more);
        let members = recorded.arrivals.iter().map(|own| u64::from(own.members));
        let wanted: u64 = members.sum();
        prepared.workload.source = Box::new(MemorySource::new(recorded));
        let mut census = Census::of(&self.nodes);
        let tables = Tables {
            watch: Some(&mut census),
            ..Tables::default()
        };
        let outcome = run_quietly(&self.scenario, prepared, tables, interrupted)?;
        if outcome.end.cause == EndCause::Interrupted {
            return Ok(None);
        }
        let rejected = if self.rejects_over_quota() {
            census.rejected()
        } else {
            0
        };
        let pods = wanted.saturating_sub(rejected) + census.wanted_by_objects();
        Ok(Some(Packed {
            pending: pods.saturating_sub(census.placed()),
            first: census.first_waiting(),
            picky: census.waiting_picky(),
            pods,
            rejected,
        }))
    }

    /// Whether what the system rejects is beyond a quota, which no machine makes good: then it is no part of
    /// the workload that has to fit. Others also reject what finds no machine.
    fn rejects_over_quota(&self) -> bool {
        self.scenario.system.name == systems::borg::ENTRY.name
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
            arrival.leave_gang();
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
        // What would wait for another one to end never came: all are there at once.
        if let Some(links) = &mut arrival.links {
            links.after.clear();
            links.delay = Duration::ZERO;
        }
    }
    forget_stages(&mut prepared.options);
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
            class: u32::try_from(class).unwrap_or(u32::MAX),
            ..Arrival::new(Instant::ZERO, name)
        });
    }
    if is_dump {
        // The pods stand for the objects that made them.
        workload.found = InitialObjects::default();
    }
    sort(&mut recorded);
    Ok(recorded)
}

/// Leaves no stage of Graphene's plans to wait for others, of which none ends.
fn forget_stages(options: &mut SystemOptions) {
    let mut own: GrapheneOptions = options.of();
    if own.plans.stages.iter().all(|stage| stage.after.is_empty()) {
        return;
    }
    for stage in &mut Arc::make_mut(&mut own.plans).stages {
        stage.after.clear();
    }
    *options = std::mem::take(options).with(own);
}

/// Sorts arrivals by falling priority; those of one priority stay in their order, and members of a gang together,
/// by the highest of theirs.
fn sort(recorded: &mut Recorded) {
    let Recorded {
        arrivals, classes, ..
    } = recorded;
    let priority = |own: &Arrival| {
        classes
            .get(own.class as usize)
            .map_or(0, |own| own.priority)
    };
    let gangs = arrivals.chunk_by(|own, next| next.is_mate_of(own));
    let keys = gangs.flat_map(|gang| {
        let most = gang.iter().map(priority).max();
        std::iter::repeat_n(std::cmp::Reverse(most), gang.len())
    });
    let keys: Vec<_> = keys.collect();
    let mut keyed: Vec<_> = keys.into_iter().zip(std::mem::take(arrivals)).collect();
    keyed.sort_by_key(|own| own.0);
    arrivals.extend(keyed.into_iter().map(|own| own.1));
}
