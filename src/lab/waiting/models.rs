//! Pods that name models of GPUs which no node has.

use cluster::Store;
use units::{ClassId, SortedSet};

/// The models of GPUs that pods of a class name where no node has one of them, and those that nodes have.
pub(super) fn lacking(store: &Store, class: ClassId) -> Option<String> {
    let asked = &store.class(class).spec.gpu;
    if asked.devices == 0 || asked.models.is_empty() {
        return None;
    }
    let nodes = store.nodes();
    let objects = nodes.present().filter_map(|node| nodes.object(node));
    let inventories = objects.filter_map(|node| node.gpu.as_ref());
    let there: SortedSet<&str> = inventories
        .map(|own| &*own.model)
        .filter(|model| !model.is_empty())
        .collect();
    if asked.models.iter().any(|model| there.contains(&**model)) {
        return None;
    }
    let quoted = |names: Vec<&str>| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    let wanted = quoted(asked.models.iter().map(|model| &**model).collect());
    let have = match there.len() {
        0 => "none states a model".to_owned(),
        _ => format!("they have {}", quoted(there.into_iter().collect())),
    };
    Some(format!("no node has GPUs of the model {wanted}: {have}"))
}
