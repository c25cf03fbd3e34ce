//! Omega, and the designs that its paper compares it with: one scheduler with one or several paths, two
//! levels with offers, and schedulers in parallel over shared state.
//!
//! Schedulers as a caller builds them from the registry:
//!
//! ```
//! use policy::{ProfileChoice, Setup};
//! use scheduler::pipeline::evaluate::Form;
//! use systems::omega::{Architecture, OmegaOptions};
//! use systems::{SystemOptions, SystemRequest, TimeLimits, registry};
//!
//! let request = SystemRequest {
//!     setup: Setup::default(),
//!     profile: ProfileChoice::named("default"),
//!     options: SystemOptions::default().with(OmegaOptions {
//!         architecture: Architecture::TwoLevel,
//!         ..OmegaOptions::default()
//!     }),
//!     controllers: None,
//!     form: Form::Incremental,
//!     time_limits: TimeLimits::Ignored,
//!     images: None,
//! };
//! let parts = (registry::find("omega")?.build)(&request)?;
//! let names: Vec<_> = parts.components.iter().map(|part| part.name()).collect();
//! assert_eq!(names, ["long", "short"]);
//! # Ok::<(), systems::SystemError>(())
//! ```

use cluster::Commitment;
use control::Component;
use model::Text;
use scheduler::omega::commit::{Conflicts, Transactions};
use scheduler::omega::{JobKind, Scheduler, SchedulerOptions, Search, SharingMode};
use units::{ComponentId, Duration};

use super::capability::Support::{Without, Yes};
use super::capability::{Capabilities, Capability};
use super::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use super::kubernetes::cell;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "omega",
    summary: "Omega: schedulers in parallel over shared state, whose claims may conflict.",
    source: "Schwarzkopf and others, EuroSys'13, with the designs that it compares",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::WithControllers,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::kubernetes,
    build,
};

/// Design of the cluster's scheduling.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Architecture {
    /// One scheduler, which takes the time of the slowest kind for every job.
    MonolithicSinglePath,
    /// One scheduler, which takes the time of each job's kind.
    MonolithicMultiPath,
    /// Schedulers for each kind, of which one at a time is offered all that is free.
    TwoLevel,
    /// Schedulers for each kind over shared state.
    #[default]
    SharedState,
}

/// A kind of jobs, and the number of schedulers that share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The jobs, and the time that deciding on them takes.
    pub jobs: JobKind,
    /// Number of schedulers.
    pub schedulers: u32,
}

/// Options of Omega.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OmegaOptions {
    /// Design of the scheduling.
    pub architecture: Architecture,
    /// Kinds of jobs; a job is of the first kind that it meets the conditions of.
    pub kinds: Vec<Kind>,
    /// Rule of conflicts.
    pub conflicts: Conflicts,
    /// Fate of a transaction of which a claim fails.
    pub transactions: Transactions,
    /// Number of decisions on a job after which it is given up.
    pub attempts: u32,
    /// Nodes that tasks are tried on.
    pub search: Search,
    /// Whether schedulers may see changes late.
    pub sees_late: bool,
}

/// Request for run time from which on a job is of the first of the default kinds.
const LONG: Duration = Duration::from_secs(3_600);

impl Default for OmegaOptions {
    fn default() -> Self {
        let kind = |name: &str, requested| Kind {
            jobs: JobKind {
                name: name.into(),
                requested,
                per_job: Duration::from_millis(100),
                per_task: Duration::from_millis(5),
                ..JobKind::default()
            },
            schedulers: 1,
        };
        Self {
            architecture: Architecture::default(),
            kinds: vec![kind("long", Some(LONG)), kind("short", None)],
            conflicts: Conflicts::default(),
            transactions: Transactions::default(),
            attempts: 1_000,
            search: Search::default(),
            sees_late: false,
        }
    }
}

const BLIND: &str = "claims look at room alone";

const CONTROLLERS: &str = "with `system.controllers`";

const CAPABILITIES: Capabilities = &[
    (Capability::CpuFractions, Yes("thousandths of a core")),
    (Capability::WholeGpus, Yes("the first free devices")),
    (Capability::GpuChoice, Yes("devices of any of the models")),
    (Capability::GpuShares, Yes("the first device with room")),
    (Capability::Needs, Without("assumed to exist")),
    (Capability::InitContainers, Yes("before the others")),
    (
        Capability::RestartInPlace,
        Yes("with a back-off that grows from 10 s to 5 min"),
    ),
    (
        Capability::LivenessProbes,
        Yes("the container is started again"),
    ),
    (Capability::Replicas, Yes(CONTROLLERS)),
    (
        Capability::RollingUpdate,
        Yes("by surge and unavailable, halted and rolled back by users"),
    ),
    (Capability::StatefulSet, Yes(CONTROLLERS)),
    (Capability::DaemonSet, Yes(CONTROLLERS)),
    (Capability::Job, Yes(CONTROLLERS)),
    (Capability::CronJob, Yes(CONTROLLERS)),
    (Capability::OtherObjects, Yes(CONTROLLERS)),
    (Capability::Overcommit, Without("never")),
    (
        Capability::FailureDetection,
        Yes("leases of 10 s; not ready after 50 s of silence (models.nodeLife: observed)"),
    ),
    (Capability::Requests, Yes("claimed at the commit")),
    (Capability::ExtendedResources, Yes("claimed at the commit")),
    (
        Capability::NodeSelector,
        Yes("claims are made on admitted nodes alone"),
    ),
    (
        Capability::NodeAffinityEqual,
        Yes("claims are made on admitted nodes alone"),
    ),
    (
        Capability::NodeAffinityChoice,
        Yes("claims are made on admitted nodes alone"),
    ),
    (
        Capability::NodeAffinityTerms,
        Yes("claims are made on admitted nodes alone"),
    ),
    (Capability::PreferredNodeAffinity, Without(BLIND)),
    (Capability::OnePerNode, Without(BLIND)),
    (Capability::PodAffinityNode, Without(BLIND)),
    (Capability::PodAffinityDomain, Without(BLIND)),
    (Capability::PreferredPodAffinity, Without(BLIND)),
    (Capability::SpreadPreferred, Without(BLIND)),
    (Capability::SpreadRequired, Without(BLIND)),
    (
        Capability::Taints,
        Yes("no claims on nodes with untolerated taints"),
    ),
    (Capability::PodSlots, Yes("as many as the node has slots")),
    (Capability::HostPorts, Without(BLIND)),
    (Capability::Volumes, Without(BLIND)),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (
        Capability::Priority,
        Without("chooses the scheduler of a job; no preemption"),
    ),
    (
        Capability::Gangs,
        Yes("with `transactions: all-or-nothing`; otherwise tasks start one by one"),
    ),
    (
        Capability::UnlikeGangs,
        Without("the members of each kind are a job of their own"),
    ),
    (
        Capability::SchedulingGates,
        Without("jobs are decided on without delay"),
    ),
    (
        Capability::SeveralContainers,
        Yes("they share the task's node"),
    ),
    (
        Capability::ReadinessProbes,
        Yes("the task is in service or not"),
    ),
    (Capability::DisruptionBudget, Yes(CONTROLLERS)),
    (Capability::Service, Yes("its endpoints follow readiness")),
    (
        Capability::Placement,
        Yes("the first node with room from a random one on"),
    ),
    (
        Capability::LostNode,
        Yes("evicted 300 s after the node is not ready; controllers make others"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("tasks run on; nothing is placed, replaced or evicted"),
    ),
];

/// The schedulers of a design, in the order of the kinds.
pub fn schedulers(options: &OmegaOptions, seed: u64) -> Vec<SchedulerOptions> {
    let mut kinds: Vec<JobKind> = options.kinds.iter().map(|kind| kind.jobs.clone()).collect();
    if options.architecture == Architecture::MonolithicSinglePath {
        let slowest = |time: fn(&JobKind) -> Duration| kinds.iter().map(time).max();
        let per_job = slowest(|kind| kind.per_job).unwrap_or(Duration::ZERO);
        let per_task = slowest(|kind| kind.per_task).unwrap_or(Duration::ZERO);
        for kind in &mut kinds {
            (kind.per_job, kind.per_task) = (per_job, per_task);
        }
    }
    let is_monolithic = matches!(
        options.architecture,
        Architecture::MonolithicSinglePath | Architecture::MonolithicMultiPath
    );
    let all: u32 = options.kinds.iter().map(|kind| kind.schedulers).sum();
    let scheduler = |name: Text, serves: Vec<usize>, turn| SchedulerOptions {
        name,
        kinds: kinds.clone(),
        serves,
        turn,
        schedulers: if is_monolithic { 1 } else { all },
        sharing: match options.architecture {
            Architecture::TwoLevel => SharingMode::Offers,
            _ => SharingMode::Optimistic,
        },
        conflicts: options.conflicts,
        transactions: options.transactions,
        attempts: options.attempts,
        search: options.search,
        holds_first: options.sees_late,
        seed,
    };
    if is_monolithic {
        let serves = (0..kinds.len()).collect();
        return vec![scheduler("monolithic".into(), serves, (0, 1))];
    }
    let mut made = Vec::new();
    for (index, kind) in options.kinds.iter().enumerate() {
        for number in 0..kind.schedulers {
            let name = match kind.schedulers {
                1 => kind.jobs.name.clone(),
                _ => format!("{}-{}", kind.jobs.name, number + 1).into(),
            };
            let turn = (u64::from(number), u64::from(kind.schedulers));
            made.push(scheduler(name, vec![index], turn));
        }
    }
    made
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "the registry's builders may refuse a request"
)]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options: OmegaOptions = request.options.of();
    let made = schedulers(&options, request.setup.seed);
    let made = made.into_iter().enumerate();
    let components = made.map(|(index, own)| -> Box<dyn Component> {
        Box::new(Scheduler::new(own, ComponentId::from_index(index)))
    });
    let parts = cell(request, components.collect());
    Ok(SystemParts {
        commitment: Commitment::Checked,
        ..parts
    })
}
