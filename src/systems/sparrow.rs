//! Sparrow: decentralized scheduling by sampling, with late binding, or the power of d choices
//! without it.
//!
//! A scheduler as a caller builds it from the registry:
//!
//! ```
//! use scheduler::sparrow::SparrowOptions;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(SparrowOptions {
//!         probes: 3,
//!         ..SparrowOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("sparrow")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "sparrow");
//! # Ok::<(), systems::SystemError>(())
//! ```

use control::Stepping;
use scheduler::sparrow::{Sparrow, SparrowOptions};

use super::capability::{Capabilities, rows};
use super::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use super::jobs_alone;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "sparrow",
    summary: "Sparrow: jobs probe random nodes, whose queues ask for tasks when their turn comes.",
    source: "Ousterhout and others, SOSP'13: batch sampling, late binding, proactive cancellation",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    facts: &[],
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const BLIND: &str = "nodes are drawn at random";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&rows! {
    Requests | ExtendedResources: Yes("a node asks when it has room"),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms:
        Yes("probes go to admitted nodes alone"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Without(BLIND),
    Taints: Yes("nodes with untolerated taints are not probed"),
    PodSlots: Yes("as many as the node has slots"),
    HostPorts | Volumes: Without(BLIND),
    DeviceClaims: Without("devices are not allotted"),
    Priority: Without("heeded with `queues: by-priority` alone; no preemption"),
    Gangs | UnlikeGangs: Without("the tasks of a job start one by one"),
    SchedulingGates: Without("jobs are probed for without delay"),
    SeveralContainers: Yes("they share the task's node"),
    HealthChecks: Without("not read; what runs is healthy"),
    ReadinessProbes: Without("a task is ready once it runs"),
    DisruptionBudget: Without("tasks are never evicted"),
    Service: Without("tasks have no clients"),
    Placement: Yes("the nodes that ask first, of d probes for every task"),
    LostNode: Yes("reservations are made again elsewhere; running tasks as `models.nodeLoss` says"),
    ControlPlaneLoss: Yes("running tasks continue, none starts"),
});

#[expect(
    clippy::unnecessary_wraps,
    reason = "the registry's builders may refuse a request"
)]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = SparrowOptions {
        seed: request.setup.seed,
        ..request.options.of()
    };
    Ok(jobs_alone::parts(
        request,
        vec![Box::new(Sparrow::new(options))],
        Stepping::PerInstant,
    ))
}
