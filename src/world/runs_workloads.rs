//! Systems that act on workloads.

use scenario::Scenario;
use systems::RunsWorkloads;
use systems::registry::find;

/// Whether the system of a scenario acts on workloads, and not on pods alone.
pub fn runs_workloads(scenario: &Scenario) -> bool {
    let system = &scenario.system;
    match find(&system.name).map(|entry| entry.workloads) {
        Ok(RunsWorkloads::Always) => true,
        Ok(RunsWorkloads::WithControllers) => system.controllers.is_some(),
        Ok(RunsWorkloads::Never) | Err(_) => false,
    }
}

/// Whether the system of a scenario has control loops of its own.
pub(super) fn runs_always(scenario: &Scenario) -> bool {
    let entry = find(&scenario.system.name);
    entry.is_ok_and(|entry| entry.workloads == RunsWorkloads::Always)
}
