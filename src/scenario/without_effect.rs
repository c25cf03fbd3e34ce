//! Options of schedulers that another choice beside them leaves without effect.

use super::diagnostic::Findings;
use super::schema::{Scenario, Scheduler};
use super::systems::report;
use super::tree::Tree;
use options::Rules;

/// Reports settings of schedulers that choose a node for each pod, where jobs are planned.
pub(super) fn check(scenario: &Scenario, tree: &Tree, findings: &mut Findings) {
    let own = &scenario.system.scheduler;
    if scenario.system.name != "batch" {
        return;
    }
    let (usual, mut breaches) = (Scheduler::default(), Vec::new());
    let mut rules = Rules::new(own, &usual, &mut breaches);
    let message = "the system `batch` plans jobs and does not choose among nodes";
    rules.idle(message, "another system", &["tieBreak"]);
    if own.percentage_of_nodes_to_score.unwrap_or(100) != 100 {
        rules.idle(message, "another system", &["percentageOfNodesToScore"]);
    }
    rules.idle(message, "another system", &["config"]);
    report(&["system", "scheduler"], breaches, tree, findings);
}
