//! Placement by options of `SwarmKit` beside the nodes of a cluster.

use super::constraint::Constraint;
use super::request;
use super::section::SwarmKit;
use super::task::Preference;
use crate::setting::Setting;

/// Notes about placement that no node of the cluster answers as the run begins.
pub(crate) fn idle(stated: &SwarmKit, setting: &Setting<'_>) -> Vec<String> {
    if stated.placement.is_empty() {
        return Vec::new();
    }
    let managers = stated.managers as usize;
    let nodes: Vec<_> = { setting.nodes.iter().enumerate() }
        .map(|(number, own)| request::node(own, number, managers))
        .collect();
    let mut notes = Vec::new();
    for (name, own) in &stated.placement {
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
