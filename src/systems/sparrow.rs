//! Sparrow: decentralized scheduling by sampling, with late binding, or the power of d choices
//! without it.
//!
//! A scheduler as a caller builds it from the registry:
//!
//! ```
//! use policy::{ProfileChoice, Setup};
//! use scheduler::pipeline::evaluate::Form;
//! use scheduler::sparrow::SparrowOptions;
//! use systems::{SystemOptions, SystemRequest, TimeLimits, registry};
//!
//! let request = SystemRequest {
//!     setup: Setup::default(),
//!     profile: ProfileChoice::named("default"),
//!     options: SystemOptions::default().with(SparrowOptions {
//!         probes: 3,
//!         ..SparrowOptions::default()
//!     }),
//!     controllers: None,
//!     form: Form::Incremental,
//!     time_limits: TimeLimits::Ignored,
//!     images: None,
//! };
//! let parts = (registry::find("sparrow")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "sparrow");
//! # Ok::<(), systems::SystemError>(())
//! ```

use control::Stepping;
use scheduler::sparrow::{Sparrow, SparrowOptions};

use super::capability::Support::{Without, Yes};
use super::capability::{Capabilities, Capability};
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
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const BLIND: &str = "nodes are drawn at random";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&[
    (Capability::Requests, Yes("a node asks when it has room")),
    (
        Capability::ExtendedResources,
        Yes("a node asks when it has room"),
    ),
    (
        Capability::NodeSelector,
        Yes("probes go to admitted nodes alone"),
    ),
    (
        Capability::NodeAffinityEqual,
        Yes("probes go to admitted nodes alone"),
    ),
    (
        Capability::NodeAffinityChoice,
        Yes("probes go to admitted nodes alone"),
    ),
    (
        Capability::NodeAffinityTerms,
        Yes("probes go to admitted nodes alone"),
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
        Yes("nodes with untolerated taints are not probed"),
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
        Without("heeded with `queues: by-priority` alone; no preemption"),
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
        Without("jobs are probed for without delay"),
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
        Yes("the nodes that ask first, of d probes for every task"),
    ),
    (
        Capability::LostNode,
        Yes("reservations are made again elsewhere; running tasks as `models.nodeLoss` says"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("running tasks continue, none starts"),
    ),
]);

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
