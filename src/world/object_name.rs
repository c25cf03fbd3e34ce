//! Names of objects in experiment files.

use control::operation::Target;
use model::{Object, Text};
use units::SortedSet;
use units::nearest::hint;

/// Complaint that there is no node of a name, with the nearest one.
pub(super) fn no_node(name: &str, nodes: &SortedSet<Text>) -> String {
    let hint = hint(name, nodes.iter().map(|node| &**node));
    format!("the cluster has no node `{name}` and none of that name joins; {hint}")
}

/// An object as `KIND/NAMESPACE/NAME`, or `KIND/NAME` if it is one of the whole cluster.
pub(super) fn target(written: &str) -> Option<Target> {
    let mut parts = written.split('/');
    let kind = parts.next()?;
    let kind = Object::KINDS.iter().find(|known| **known == kind)?;
    let is_of_cluster = Object::OF_CLUSTER.contains(kind);
    let namespace = if is_of_cluster { "" } else { parts.next()? };
    let name = parts.next()?;
    let is_whole =
        parts.next().is_none() && (is_of_cluster || !namespace.is_empty()) && !name.is_empty();
    is_whole.then(|| Target {
        kind,
        namespace: namespace.into(),
        name: name.into(),
    })
}
