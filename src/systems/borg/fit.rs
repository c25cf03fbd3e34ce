//! Options of a cell beside its machines and tasks: what can never be fulfilled.

use std::sync::Arc;

use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{Node, PodSpec};

use super::options::{AllocSet, BorgOptions};
use super::section::Borg;
use crate::setting::Setting;

/// Notes about wishes that no machine fulfils more than another, so that the score is as without them.
pub(crate) fn idle(stated: &Borg, setting: &Setting<'_>) -> Vec<String> {
    let Some(wishes) = &stated.wishes else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    let mut note = |field: &str, why: String| {
        notes.push(format!("system.borg.wishes.{field} has no effect: {why}"));
    };
    let label = wishes.spread_label.as_str();
    if wishes.spread > 0.0 {
        let mut domains = setting.nodes.iter().map(|node| node.labels.get(label));
        let first = domains.next();
        if first.is_some() && domains.all(|domain| Some(domain) == first) {
            let why = format!(
                "all machines are in one failure domain, as no two differ in the label `{label}`; write another \
                 `spreadLabel`, or leave it out"
            );
            note("spread", why);
        }
    }
    let has_image = |spec: &PodSpec| {
        let mut all = spec.init_containers.iter().chain(&spec.containers);
        all.any(|own| !own.image.is_empty())
    };
    if wishes.packages > 0.0 && !setting.specs().any(has_image) {
        let why = "no task has an image; write images into pods, or leave it out";
        note("packages", why.to_owned());
    }
    notes
}

/// Refuses alloc sets of which no machine can ever take an alloc.
///
/// # Errors
/// There is such a set; the message begins with its field.
pub fn check_on_nodes(options: &BorgOptions, nodes: &[Arc<Node>]) -> Result<(), String> {
    for (number, own) in options.allocs.iter().enumerate() {
        let wrong = |what: &str| Err(format!("allocs[{number}]: {what}"));
        let mut able = nodes.iter().filter(|node| selects(own, node)).peekable();
        if able.peek().is_none() {
            return wrong(&format!(
                "no machine has the labels under `nodes`, so the allocs of `{}` find no place; write labels of some \
                 machines, or leave `nodes` out",
                own.name
            ));
        }
        if !able.any(|node| has_room(own, node)) {
            return wrong(&format!(
                "an alloc of `{}` is larger than every machine that may take it; expected less `cpu`, `memory`, \
                 `ephemeralStorage` or `tasks`",
                own.name
            ));
        }
    }
    Ok(())
}

/// Whether a machine has the labels that an alloc set asks for.
fn selects(own: &AllocSet, node: &Node) -> bool {
    let mut asked = own.nodes.iter();
    asked.all(|(name, value)| node.labels.get(name) == Some(value))
}

/// Whether an alloc fits on a machine that is empty.
fn has_room(own: &AllocSet, node: &Node) -> bool {
    let units = |name| node.allocatable.get(name).units_ceil().unwrap_or(i64::MAX);
    let milli = node.allocatable.get(CPU).milli_floor().unwrap_or(i64::MAX);
    own.cpu_milli <= milli
        && own.memory_bytes <= units(MEMORY)
        && own.storage_bytes <= units(EPHEMERAL_STORAGE)
        && own.tasks <= units(PODS)
}
