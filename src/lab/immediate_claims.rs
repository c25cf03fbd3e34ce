//! Claims that are bound at once, whoever uses them: with controllers, one of which binds volumes, and without.

use std::sync::Arc;

use model::volume_binding::{ImmediateBindings, bind_at_once, unbound};
use model::{ClusterObjects, Node};
use units::plural;

/// Binds the claims of files that wait for no pod, and says what became of them.
pub(crate) fn bind(objects: &mut ClusterObjects, nodes: &[Arc<Node>]) -> Vec<String> {
    let ImmediateBindings {
        known,
        made,
        placed,
        waiting,
    } = bind_at_once(objects, nodes);
    let mut told = Vec::new();
    if known + made > 0 {
        let (claims, are) = (
            plural::count(known + made, "claim"),
            plural::either(known + made, "is", "are"),
        );
        let place = match placed {
            0 => String::new(),
            placed => format!(" ({placed} in the zone that follows from the claim's name)"),
        };
        told.push(format!(
            "{claims} of storage classes that bind at once {are} bound from the beginning: {known} to volumes of \
             the files, {made} to volumes that are made{place}"
        ));
    }
    if let Some(first) = waiting.first() {
        let (claims, wait) = (
            plural::count(waiting.len(), "claim"),
            plural::either(waiting.len(), "waits", "wait"),
        );
        told.push(format!(
            "{claims} {wait} for a volume (first: `{first}`): none of the files suits, and no storage class of the \
             files makes one; pods that use it find no node"
        ));
    }
    told
}

/// Words about claims of files that nobody binds.
pub(crate) fn left(objects: &ClusterObjects) -> Option<String> {
    let unbound = unbound(objects);
    let first = unbound.first()?;
    let (claims, have) = (
        plural::count(unbound.len(), "claim"),
        plural::either(unbound.len(), "has", "have"),
    );
    Some(format!(
        "{claims} of storage classes that bind at once {have} no volume yet (first: `{first}`): pods that use it \
         find no node; a run with `controllers` binds such claims when it begins"
    ))
}
