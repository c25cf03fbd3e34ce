//! Omega, and the designs that its paper compares it with: one scheduler with one or several paths, two
//! levels with offers, and schedulers in parallel over shared state.
//!
//! Schedulers as a caller builds them from the registry:
//!
//! ```
//! use systems::omega::{Architecture, OmegaOptions};
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(OmegaOptions {
//!         architecture: Architecture::TwoLevel,
//!         ..OmegaOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("omega")?.build)(&request)?;
//! let names: Vec<_> = parts.components.iter().map(|part| part.name()).collect();
//! assert_eq!(names, ["long", "short"]);
//! # Ok::<(), systems::SystemError>(())
//! ```

mod options;

pub use options::{Architecture, OmegaOptions};

use cluster::Commitment;
use control::Component;
use model::Text;
use scheduler::omega::{JobKind, Scheduler, SchedulerOptions, SharingMode};
use units::{ComponentId, Duration};

use crate::capability::{Capabilities, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use crate::kubernetes::cell;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "omega",
    summary: "Omega: schedulers in parallel over shared state, whose claims may conflict.",
    source: "Schwarzkopf and others, EuroSys'13, with the designs that it compares",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::WithControllers,
    facts: &[],
    capabilities: CAPABILITIES,
    ends: crate::ends::kubernetes,
    build,
};

const BLIND: &str = "claims look at room alone";

const CONTROLLERS: &str = "with `system.controllers`";

const CAPABILITIES: Capabilities = &rows! {
    CpuFractions: Yes("thousandths of a core"),
    WholeGpus: Yes("the first free devices"),
    GpuChoice: Yes("devices of any of the models"),
    GpuShares: Yes("the first device with room"),
    Needs: Without("assumed to exist"),
    InitContainers: Yes("before the others"),
    RestartInPlace: Yes("with a back-off that grows from 10 s to 5 min"),
    LivenessProbes: Yes("the container is started again"),
    Replicas: Yes(CONTROLLERS),
    RollingUpdate: Yes("by surge and unavailable, halted and rolled back by users"),
    StatefulSet | DaemonSet | Job | CronJob | OtherObjects: Yes(CONTROLLERS),
    Overcommit: Without("never"),
    FailureDetection:
        Yes("leases of 10 s; not ready after 50 s of silence (models.nodeLife: observed)"),
    Requests | ExtendedResources: Yes("claimed at the commit"),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms:
        Yes("claims are made on admitted nodes alone"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Without(BLIND),
    Taints: Yes("no claims on nodes with untolerated taints"),
    PodSlots: Yes("as many as the node has slots"),
    HostPorts | Volumes: Without(BLIND),
    DeviceClaims: Without("devices are not allotted"),
    Priority: Without("chooses the scheduler of a job; no preemption"),
    Gangs: Yes("with `transactions: all-or-nothing`; otherwise tasks start one by one"),
    UnlikeGangs: Without("the members of each kind are a job of their own"),
    SchedulingGates: Without("jobs are decided on without delay"),
    SeveralContainers: Yes("they share the task's node"),
    HealthChecks: Without("not read; a probe decides"),
    ReadinessProbes: Yes("the task is in service or not"),
    DisruptionBudget: Yes(CONTROLLERS),
    Service: Yes("its endpoints follow readiness"),
    Placement: Yes("the first node with room from a random one on"),
    LostNode: Yes("evicted 300 s after the node is not ready; controllers make others"),
    ControlPlaneLoss: Yes("tasks run on; nothing is placed, replaced or evicted"),
};

/// The schedulers of a design, in the order of the kinds.
pub fn schedulers(options: &OmegaOptions, seed: u64) -> Vec<SchedulerOptions> {
    let mut kinds = options.kinds.clone();
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
                1 => kind.name.clone(),
                _ => format!("{}-{}", kind.name, number + 1).into(),
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
