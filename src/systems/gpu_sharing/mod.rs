//! Sharing of GPUs over time: rounds in which jobs hold devices, under one of several rules; with moves
//! that gather free devices, and with two jobs on one device.
//!
//! A scheduler as a caller builds it from the registry:
//!
//! ```
//! use policy::{ProfileChoice, Setup};
//! use scheduler::pipeline::evaluate::Form;
//! use systems::gpu_sharing::{GpuSharingOptions, SharingRule};
//! use systems::{SystemOptions, SystemRequest, TimeLimits, registry};
//!
//! let request = SystemRequest {
//!     setup: Setup::default(),
//!     profile: ProfileChoice::named("default"),
//!     options: SystemOptions::default().with(GpuSharingOptions {
//!         rule: SharingRule::MaxMin,
//!         ..GpuSharingOptions::default()
//!     }),
//!     controllers: None,
//!     form: Form::Incremental,
//!     time_limits: TimeLimits::Ignored,
//!     images: None,
//! };
//! let parts = (registry::find("gpu-sharing")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "gpu-sharing");
//! # Ok::<(), systems::SystemError>(())
//! ```

mod options;

pub use options::{GpuSharingOptions, SharingRule};

use control::Stepping;
use policy::sharing::{SHARING_RULES, SharingOptions, sharing_rule};
use scheduler::sharing::SharingPlanner;

use crate::capability::Support::{Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use crate::jobs_alone;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "gpu-sharing",
    summary: "Sharing of GPUs over time: rounds by attained service, time slices or fairness.",
    source: "Tiresias (NSDI'19), Gandiva (OSDI'18), Gavel (OSDI'20)",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const ALIKE: &str = "nodes with room are interchangeable";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&[
    (Capability::Requests, Yes("reserved")),
    (Capability::ExtendedResources, Yes("reserved")),
    (Capability::NodeSelector, Yes("excluded nodes have no room")),
    (
        Capability::NodeAffinityEqual,
        Yes("excluded nodes have no room"),
    ),
    (
        Capability::NodeAffinityChoice,
        Yes("excluded nodes have no room"),
    ),
    (
        Capability::NodeAffinityTerms,
        Yes("excluded nodes have no room"),
    ),
    (Capability::PreferredNodeAffinity, Without(ALIKE)),
    (Capability::OnePerNode, Without(ALIKE)),
    (Capability::PodAffinityNode, Without(ALIKE)),
    (Capability::PodAffinityDomain, Without(ALIKE)),
    (Capability::PreferredPodAffinity, Without(ALIKE)),
    (Capability::SpreadPreferred, Without(ALIKE)),
    (Capability::SpreadRequired, Without(ALIKE)),
    (
        Capability::Taints,
        Yes("nodes with untolerated taints are excluded"),
    ),
    (Capability::PodSlots, Yes("as many as the node has slots")),
    (Capability::HostPorts, Without(ALIKE)),
    (Capability::Volumes, Without(ALIKE)),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (
        Capability::Priority,
        Without("the rule decides whose turn it is"),
    ),
    (
        Capability::Gangs,
        Yes("all members of a job start together"),
    ),
    (
        Capability::UnlikeGangs,
        Without("the members of each kind are a job of their own"),
    ),
    (
        Capability::SchedulingGates,
        Without("jobs are planned without delay"),
    ),
    (
        Capability::SeveralContainers,
        Yes("they share the job's node"),
    ),
    (
        Capability::ReadinessProbes,
        Without("a job is ready once it runs"),
    ),
    (
        Capability::DisruptionBudget,
        Without("turns end whatever budgets say"),
    ),
    (Capability::Service, Without("jobs have no clients")),
    (
        Capability::Placement,
        Yes("the first jobs of the rule's order that have room together"),
    ),
    (
        Capability::LostNode,
        Yes("lost, or resubmitted by `models.nodeLoss`"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("running jobs continue, none starts or gives way"),
    ),
]);

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options: GpuSharingOptions = request.options.of();
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
