//! Cold migrations and resizes of `operations`, as wishes of users.

use control::operation::{InstanceChoice, PodChoice, RelocationRequest};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{RelocationAnswer, ResourceList, Text};
use scenario::schema;
use units::{Duration, SortedMap, SortedSet};

use super::BuildError;
use super::object_name::no_node;

/// The move of instances that an operation asks for; `None` if it asks for something else.
///
/// # Errors
/// It names a node that is not there.
pub(super) fn wish(
    number: usize,
    operation: &schema::Operation,
    nodes: &SortedSet<Text>,
) -> Result<Option<RelocationRequest>, BuildError> {
    if let Some(own) = &operation.migrate {
        let answer = answer(own.confirm_after, own.revert_after);
        let choice = match own.node.as_deref() {
            Some(node) if !nodes.contains(node) => {
                return Err(BuildError::Experiment(format!(
                    "operations[{number}].migrate.node: {}",
                    no_node(node, nodes)
                )));
            }
            Some(node) => InstanceChoice::OfNode(node.into()),
            None => pods(&own.labels, own.namespace.as_deref(), own.count),
        };
        let requests = ResourceList::default();
        return Ok(Some(RelocationRequest {
            choice,
            requests,
            answer,
        }));
    }
    let Some(own) = &operation.resize else {
        return Ok(None);
    };
    let mut requests = ResourceList::default();
    for (name, amount) in [
        (CPU, own.cpu),
        (MEMORY, own.memory),
        (EPHEMERAL_STORAGE, own.disk),
    ] {
        if let Some(amount) = amount {
            requests.set(name, amount);
        }
    }
    Ok(Some(RelocationRequest {
        choice: pods(&own.labels, own.namespace.as_deref(), own.count),
        requests,
        answer: answer(own.confirm_after, own.revert_after),
    }))
}

fn pods(
    labels: &SortedMap<String, String>,
    namespace: Option<&str>,
    count: Option<u32>,
) -> InstanceChoice {
    InstanceChoice::Pods(PodChoice {
        namespace: namespace.unwrap_or("default").into(),
        name: None,
        labels: labels.into(),
        count,
    })
}

/// The answer of the user; the scenario states one at most.
fn answer(confirm: Option<Duration>, revert: Option<Duration>) -> Option<RelocationAnswer> {
    let confirm = confirm.map(|after| RelocationAnswer::Confirm { after });
    confirm.or(revert.map(|after| RelocationAnswer::Revert { after }))
}
