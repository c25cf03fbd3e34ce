//! Upgrade strategies of Marathon, and the updates of Deployments that stand for them.

use k8s::Updates;
use scenario::Scenario;

/// Whether Deployments are replaced as they state, and to whom.
pub(super) fn updates(scenario: &Scenario) -> Updates {
    let system = &scenario.system;
    if !system.has_frameworks() {
        return Updates::Rolling;
    }
    let written = system.mesos.clone().unwrap_or_default();
    let mut frameworks = written
        .frameworks
        .iter()
        .filter_map(|own| own.marathon.as_ref());
    let is_stated = frameworks.clone().count() > 0
        && frameworks.all(|own| {
            own.minimum_health_capacity.is_some() || own.maximum_over_capacity.is_some()
        });
    if is_stated {
        Updates::Stated
    } else {
        Updates::Upgrade
    }
}
