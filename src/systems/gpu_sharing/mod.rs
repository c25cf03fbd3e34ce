//! Sharing of GPUs over time: rounds in which jobs hold devices, under one of several rules; with moves
//! that gather free devices, and with two jobs on one device.
//!
//! A scheduler as a caller builds it from the registry:
//!
//! ```
//! use systems::gpu_sharing::{GpuSharingOptions, SharingRule};
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(GpuSharingOptions {
//!         rule: SharingRule::MaxMin,
//!         ..GpuSharingOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("gpu-sharing")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "gpu-sharing");
//! # Ok::<(), systems::SystemError>(())
//! ```

mod options;

pub use options::{GpuSharingOptions, SharingRule};

use control::Stepping;
use policy::sharing::{SHARING_RULES, SharingOptions, sharing_rule};
use scheduler::sharing::{ElasticPlanner, ElasticPolicy, FifoQueues, Pollux, SharingPlanner};

use crate::capability::{Capabilities, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use crate::jobs_alone;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "gpu-sharing",
    summary: "Sharing of GPUs over time: rounds by attained or remaining service, time slices or fairness.",
    source: "Tiresias (NSDI'19, SymbioticLab/Tiresias b0ef8449), Gandiva (OSDI'18), Gavel (OSDI'20), Pollux (OSDI'21)",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    facts: &[],
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const ALIKE: &str = "nodes with room are interchangeable";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&rows! {
    Requests | ExtendedResources: Yes("reserved"),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms:
        Yes("excluded nodes have no room"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Without(ALIKE),
    Taints: Yes("nodes with untolerated taints are excluded"),
    PodSlots: Yes("as many as the node has slots"),
    HostPorts | Volumes: Without(ALIKE),
    DeviceClaims: Without("devices are not allotted"),
    Priority: Without("the rule decides whose turn it is"),
    Gangs: Yes("all members of a job start together"),
    UnlikeGangs: Without("the members of each kind are a job of their own"),
    SchedulingGates: Without("jobs are planned without delay"),
    SeveralContainers: Yes("they share the job's node"),
    HealthChecks: Without("not read; what runs is healthy"),
    ReadinessProbes: Without("a job is ready once it runs"),
    DisruptionBudget: Without("turns end whatever budgets say"),
    Service: Without("jobs have no clients"),
    Placement: Yes("the first jobs of the rule's order that have room together"),
    LostNode: Yes("lost, or resubmitted by `models.nodeLoss`"),
    ControlPlaneLoss: Yes("running jobs continue, none starts or gives way"),
});

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options: GpuSharingOptions = request.options.of();
    if let Some(throughputs) = options
        .throughputs
        .clone()
        .filter(|_| options.rule.is_elastic())
    {
        let policy = match options.rule {
            SharingRule::Optimus => ElasticPolicy::Optimus,
            SharingRule::TiresiasFifo => ElasticPolicy::Queues(FifoQueues::new(options.thresholds)),
            _ => ElasticPolicy::Pollux(Box::new(Pollux::new(request.setup.seed, options.restart))),
        };
        let planner = ElasticPlanner::new(policy, options.round, throughputs);
        let stepping = Stepping::PerInstant;
        return Ok(jobs_alone::parts(
            request,
            vec![Box::new(planner)],
            stepping,
        ));
    }
    let rule = sharing_rule(options.rule.name()).ok_or_else(|| {
        let names = SHARING_RULES
            .iter()
            .map(|entry| format!("`{}`", entry.name));
        SystemError::UnknownOption {
            registry: "sharing rule",
            name: options.rule.name().to_owned(),
            known: names.collect::<Vec<_>>().join(", "),
        }
    })?;
    let rules = SharingOptions {
        thresholds: options.thresholds,
        promote: options.promote,
        services: options.services,
    };
    let planner = SharingPlanner::new((rule.build)(&rules), options.round);
    let planner = planner.with_throughputs(options.throughputs);
    let planner = planner
        .with_moves(options.migrate)
        .with_packing(options.pack)
        .with_growth(options.grow);
    Ok(jobs_alone::parts(
        request,
        vec![Box::new(planner)],
        Stepping::PerInstant,
    ))
}
