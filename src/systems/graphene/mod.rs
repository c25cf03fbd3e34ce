//! Graphene, and Tetris without an order of tasks: nodes take the tasks that align best with what they have
//! available, weighed against the work that jobs have left, within bounds of unfairness; tasks of jobs
//! whose tasks depend on one another go in an order that is found before the run.
//!
//! Follows Grandl and others, SIGCOMM'14 and OSDI'16 (spec: orchestrators-b.md sections 6.3 and 6.5).
//!
//! A scheduler that packs alone, as a caller builds it from the registry:
//!
//! ```
//! use systems::graphene::options::GrapheneOptions;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(GrapheneOptions {
//!         remaining_work: 0.0,
//!         ..GrapheneOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("graphene")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "graphene");
//! # Ok::<(), systems::SystemError>(())
//! ```

mod component;
pub mod options;
mod pick;

use control::Stepping;

use super::capability::{Capabilities, rows};
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
    facts: &[],
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const BLIND: &str = "scores look at resources alone";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&rows! {
    Requests: Yes("peak demands, as parts of a node"),
    ExtendedResources: Yes("they have to fit"),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms:
        Yes("excluded nodes take no task"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Without(BLIND),
    Taints: Yes("nodes with untolerated taints take no task"),
    PodSlots: Yes("as many as the node has slots"),
    HostPorts | Volumes: Without(BLIND),
    DeviceClaims: Without("devices are not allotted"),
    Priority: Without("packing, remaining work and fairness decide; no preemption"),
    Gangs | UnlikeGangs: Without("the tasks of a job start one by one"),
    SchedulingGates: Without("tasks are offered to nodes without delay"),
    SeveralContainers: Yes("they share the task's node"),
    HealthChecks: Without("not read; what runs is healthy"),
    ReadinessProbes: Without("a task is ready once it runs"),
    DisruptionBudget: Without("tasks are never evicted"),
    Service: Without("tasks have no clients"),
    Placement: Yes("each node takes the task that aligns best with what it has available"),
    LostNode: Yes("running tasks as `models.nodeLoss` says"),
    ControlPlaneLoss: Yes("running tasks continue, none starts"),
});

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let scheduler = component::Graphene::new(request.options.of());
    Ok(jobs_alone::parts(
        request,
        vec![Box::new(scheduler)],
        Stepping::PerInstant,
    ))
}
