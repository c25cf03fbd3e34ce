//! Deployments that came to nothing, as the notes of a run tell them.

use units::plural;

use super::Ecs;
use super::services::Service;

/// Most services that a note names.
const NAMED: usize = 3;

impl Ecs {
    /// A line about deployments that are stuck in the end, and one about those that were given up.
    pub(super) fn troubles(&self) -> Vec<String> {
        let line = |has: fn(&Service) -> bool, what: &str, why: &str| {
            let names = self.services.values().filter(|own| has(own));
            let names: Vec<String> = names.map(|own| format!("`{}`", own.name)).collect();
            let deployments = plural::count(names.len(), "service");
            let named = plural::first_of(&names, NAMED);
            (!names.is_empty())
                .then(|| format!("deployments of {deployments} {what} ({named}): {why}"))
        };
        let stuck = line(
            Service::is_stuck,
            "are stuck",
            "`minimumHealthyPercent` lets no old task stop, and `maximumPercent` no new one start",
        );
        let failed = line(
            Service::has_failed,
            "failed",
            "the circuit breaker gave them up, as new tasks found no instance, did not run or failed \
                their health checks",
        );
        stuck.into_iter().chain(failed).collect()
    }
}
