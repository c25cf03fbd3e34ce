//! Quincy, Octopus and other schedulers of Firmament's kind: all waiting tasks are placed at once, by
//! the cheapest flow under a cost model; if asked for, running ones change places, too.
//!
//! A scheduler as a caller builds it from the registry:
//!
//! ```
//! use systems::flow::FlowSystemOptions;
//! use systems::{SystemOptions, SystemRequest, registry};
//!
//! let request = SystemRequest {
//!     options: SystemOptions::default().with(FlowSystemOptions {
//!         cost_model: "octopus".to_owned(),
//!         ..FlowSystemOptions::default()
//!     }),
//!     ..SystemRequest::of("default")
//! };
//! let parts = (registry::find("flow")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "flow");
//! # Ok::<(), systems::SystemError>(())
//! ```

use control::Stepping;
use policy::cost_model::{COST_MODELS, CostOptions, cost_model};
use scheduler::flow::{Flow, FlowOptions, InputOptions};

use super::capability::{Capabilities, rows};
use super::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use super::jobs_alone;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "flow",
    summary: "Quincy, Octopus: all waiting tasks are placed at once, by the cheapest flow.",
    source: "Isard and others, SOSP'09; Gog and others, OSDI'16; camsas/firmament",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Never,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::jobs_alone,
    build,
};

/// Options of the flow scheduler and its cost model.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowSystemOptions {
    /// Name of the cost model.
    pub cost_model: String,
    /// Options of the cost model; the seed is the run's.
    pub costs: CostOptions,
    /// Options of the scheduler; without input, a model that reads it has the default one.
    pub flow: FlowOptions,
}

impl Default for FlowSystemOptions {
    fn default() -> Self {
        Self {
            cost_model: "quincy".to_owned(),
            costs: CostOptions::default(),
            flow: FlowOptions::default(),
        }
    }
}

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
    ReadinessProbes: Without("a task is ready once it runs"),
    DisruptionBudget: Without("never evicts, or with `preemption` whatever budgets say"),
    Service: Without("tasks have no clients"),
    Placement: Yes("the cheapest flow of all waiting tasks, with `preemption` of all tasks"),
    LostNode: Yes("running tasks as `models.nodeLoss` says"),
    ControlPlaneLoss: Yes("running tasks continue, none starts"),
});

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let seed = request.setup.seed;
    let mut options: FlowSystemOptions = request.options.of();
    let Some(entry) = cost_model(&options.cost_model) else {
        let names = COST_MODELS.iter().map(|entry| format!("`{}`", entry.name));
        return Err(SystemError::UnknownOption {
            registry: "cost model",
            name: options.cost_model,
            known: names.collect::<Vec<_>>().join(", "),
        });
    };
    options.costs.seed = seed;
    let input = options.flow.input.unwrap_or_default();
    options.flow.input = entry.reads_input.then_some(InputOptions { seed, ..input });
    let model = (entry.build)(&options.costs);
    Ok(jobs_alone::parts(
        request,
        vec![Box::new(Flow::new(options.flow, model, request.form))],
        Stepping::PerInstant,
    ))
}
