//! Placement by options of `SwarmKit` beside the nodes of the cluster.

use std::sync::Arc;

use model::Node;
use scenario::Scenario;
use systems::swarmkit::constraint::Constraint;
use systems::swarmkit::request;
use systems::swarmkit::section::SwarmKit;
use systems::swarmkit::task::Preference;

/// Notes about placement that no node of the cluster answers as the run begins.
pub(super) fn notes(scenario: &Scenario, nodes: &[Arc<Node>]) -> Vec<String> {
    let written = scenario.system.stated::<SwarmKit>();
    let is_run = scenario.system.name == systems::swarmkit::ENTRY.name;
    let Some(written) = written.filter(|own| is_run && !own.placement.is_empty()) else {
        return Vec::new();
    };
    let managers = written.managers as usize;
    let nodes: Vec<_> = { nodes.iter().enumerate() }
        .map(|(number, own)| request::node(own, number, managers))
        .collect();
    let mut notes = Vec::new();
    for (name, own) in &written.placement {
        let place = format!("system.swarmkit.placement.{name}");
        for text in &own.constraints {
            let constraint = Constraint::parse(text).ok();
            if constraint.is_some_and(|own| !nodes.iter().any(|node| own.matches(node))) {
                notes.push(format!(
                    "{place}.constraints: no node meets `{text}` as the run begins, and nothing is placed until one \
                     does; keys are `node.labels.NAME`, `engine.labels.NAME`, `node.hostname`, `node.id`, \
                     `node.ip`, `node.role`, `node.platform.os` and `node.platform.arch`"
                ));
            }
        }
        for text in &own.spread {
            let label = Preference::of(text);
            if nodes.iter().all(|node| node.value_of(&label).is_empty()) {
                notes.push(format!(
                    "{place}.spread: no node has a value of `{text}` as the run begins, so that all are one branch"
                ));
            }
        }
    }
    notes
}
