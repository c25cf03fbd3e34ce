//! Systems that act on workloads.

use scenario::{Scenario, schema};
use systems::RunsWorkloads;
use systems::registry::find;

/// Whether the system of a scenario acts on workloads, and not on pods alone.
pub fn runs_workloads(scenario: &Scenario) -> bool {
    match kind(&scenario.system.name) {
        Some(RunsWorkloads::Always) => true,
        Some(RunsWorkloads::WithControllers) => scenario.system.controllers.is_some(),
        Some(RunsWorkloads::Never) | None => false,
    }
}

/// Whether the system of a scenario has control loops of its own.
pub(super) fn runs_always(scenario: &Scenario) -> bool {
    kind(&scenario.system.name) == Some(RunsWorkloads::Always)
}

/// Whether a system has the controllers of Kubernetes, once they are asked for.
pub(super) fn has_controllers(system: &str) -> bool {
    kind(system) == Some(RunsWorkloads::WithControllers)
}

/// What to do where a scenario needs controllers that its system doesn't run.
pub(super) fn how_to_have_controllers(system: &str) -> &'static str {
    if has_controllers(system) {
        "write `controllers: {}` under `system`"
    } else {
        "choose a system that has them (`windtunnel systems --functions`)"
    }
}

fn kind(system: &str) -> Option<RunsWorkloads> {
    find(system).ok().map(|entry| entry.workloads)
}

/// Whether an operation is on nodes and pods alone, or may be: what a file holds shows once it is read.
pub(super) fn needs_no_controllers(operation: &schema::Operation) -> bool {
    let is_of_pods = |written: &Option<String>| {
        let written = written.as_deref().unwrap_or_default();
        written.starts_with("Pod/") || written.starts_with("Node/")
    };
    operation.machine.is_some()
        || operation.apply.is_some()
        || operation.taint.is_some()
        || operation.untaint.is_some()
        || operation.cordon.is_some()
        || operation.uncordon.is_some()
        || operation.drain.is_some()
        || operation.delete_pods.is_some()
        || is_of_pods(&operation.delete)
}
