//! Graphene, and Tetris without an order of tasks: nodes take the tasks that align best with what they have
//! available, weighed against the work that jobs have left, within bounds of unfairness; tasks of jobs
//! whose tasks depend on one another go in an order that is found before the run.
//!
//! Follows Grandl and others, SIGCOMM'14 and OSDI'16 (spec: orchestrators-b.md sections 6.3 and 6.5).
//!
//! A scheduler that packs alone, as a caller builds it from the registry:
//!
//! ```
//! use policy::{ProfileChoice, Setup};
//! use scheduler::pipeline::evaluate::Form;
//! use systems::graphene::options::GrapheneOptions;
//! use systems::{SystemOptions, SystemRequest, TimeLimits, registry};
//!
//! let request = SystemRequest {
//!     setup: Setup::default(),
//!     profile: ProfileChoice::named("default"),
//!     options: SystemOptions::default().with(GrapheneOptions {
//!         remaining_work: 0.0,
//!         ..GrapheneOptions::default()
//!     }),
//!     controllers: None,
//!     form: Form::Incremental,
//!     time_limits: TimeLimits::Ignored,
//!     images: None,
//! };
//! let parts = (registry::find("graphene")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "graphene");
//! # Ok::<(), systems::SystemError>(())
//! ```

mod component;
pub mod options;
mod pick;

use control::Stepping;

use super::capability::Support::{Without, Yes};
use super::capability::{Capabilities, Capability};
use super::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use super::jobs_alone;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "graphene",
    summary: "Graphene, Tetris: tasks in an order found before the run, where they align best.",
    source: "Grandl and others, SIGCOMM'14 and OSDI'16",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const BLIND: &str = "scores look at resources alone";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&[
    (
        Capability::Requests,
        Yes("peak demands, as parts of a node"),
    ),
    (Capability::ExtendedResources, Yes("they have to fit")),
    (Capability::NodeSelector, Yes("excluded nodes take no task")),
    (
        Capability::NodeAffinityEqual,
        Yes("excluded nodes take no task"),
    ),
    (
        Capability::NodeAffinityChoice,
        Yes("excluded nodes take no task"),
    ),
    (
        Capability::NodeAffinityTerms,
        Yes("excluded nodes take no task"),
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
        Yes("nodes with untolerated taints take no task"),
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
        Without("packing, remaining work and fairness decide; no preemption"),
    ),
    (
        Capability::Gangs,
        Without("the tasks of a job start one by one"),
    ),
    (
        Capability::UnlikeGangs,
        Without("the tasks of a job start one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("tasks are offered to nodes without delay"),
    ),
    (
        Capability::SeveralContainers,
        Yes("they share the task's node"),
    ),
    (
        Capability::ReadinessProbes,
        Without("a task is ready once it runs"),
    ),
    (
        Capability::DisruptionBudget,
        Without("tasks are never evicted"),
    ),
    (Capability::Service, Without("tasks have no clients")),
    (
        Capability::Placement,
        Yes("each node takes the task that aligns best with what it has available"),
    ),
    (
        Capability::LostNode,
        Yes("running tasks as `models.nodeLoss` says"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("running tasks continue, none starts"),
    ),
]);

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let scheduler = component::Graphene::new(request.options.of());
    Ok(jobs_alone::parts(
        request,
        vec![Box::new(scheduler)],
        Stepping::PerInstant,
    ))
}
