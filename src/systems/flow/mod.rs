//! Quincy, Octopus and other schedulers of Firmament's kind: all waiting tasks are placed at once, by
//! the cheapest flow under a cost model; if asked for, running ones change places, too.
//!
//! A scheduler as a caller builds it from the registry:
//!
//! ```
//! use systems::flow::{CostModel, FlowOptions};
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(FlowOptions {
//!         cost_model: CostModel::Octopus,
//!         ..FlowOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("flow")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "flow");
//! # Ok::<(), systems::SystemError>(())
//! ```

mod options;

pub use options::{CostModel, FlowInput, FlowOptions};

use control::Stepping;
use policy::cost_model::{COST_MODELS, cost_model};
use scheduler::flow::Flow;

use crate::capability::{Capabilities, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use crate::jobs_alone;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "flow",
    summary: "Quincy, Octopus: all waiting tasks are placed at once, by the cheapest flow.",
    source: "Isard and others, SOSP'09; Gog and others, OSDI'16; camsas/firmament",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    facts: &[SystemFact::HasPlainForm],
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

const BLIND: &str = "the network knows of room, not of other pods";

const CAPABILITIES: Capabilities = &jobs_alone::capabilities(&rows! {
    Requests | ExtendedResources: Yes("arcs carry as many tasks as a node has room for"),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms:
        Yes("only admitted nodes have arcs"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Without(BLIND),
    Taints: Yes("nodes with untolerated taints have no arcs"),
    PodSlots: Yes("at most `slots` tasks"),
    HostPorts | Volumes: Without(BLIND),
    DeviceClaims: Without("devices are not allotted"),
    Priority: Without("the cost model alone decides"),
    Gangs | UnlikeGangs: Without("the tasks of a job start one by one"),
    SchedulingGates: Without("tasks enter the network without delay"),
    SeveralContainers: Yes("they share the task's node"),
    HealthChecks: Without("not read; what runs is healthy"),
    ReadinessProbes: Without("a task is ready once it runs"),
    DisruptionBudget: Without("never evicts, or with `preemption` whatever budgets say"),
    Service: Without("tasks have no clients"),
    Placement: Yes("the cheapest flow of all waiting tasks, with `preemption` of all tasks"),
    LostNode: Yes("running tasks as `models.nodeLoss` says"),
    ControlPlaneLoss: Yes("running tasks continue, none starts"),
});

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options: FlowOptions = request.options.of();
    let name = options.cost_model.name();
    let Some(entry) = cost_model(name) else {
        let names = COST_MODELS.iter().map(|entry| format!("`{}`", entry.name));
        return Err(SystemError::UnknownOption {
            registry: "cost model",
            name: name.to_owned(),
            known: names.collect::<Vec<_>>().join(", "),
        });
    };
    let seed = request.setup.seed;
    let flow = options.flow(entry.reads_input.then_some(seed));
    let model = (entry.build)(&options.costs(seed));
    Ok(jobs_alone::parts(
        request,
        vec![Box::new(Flow::new(flow, model, request.form))],
        Stepping::PerInstant,
    ))
}
