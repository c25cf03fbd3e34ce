//! Services that lead to the pods of a spec.

use cluster::Store;
use model::{Object, PodSpec};
use units::ObjectId;

/// Services of the pods' namespace that select them, by name.
pub(crate) fn selecting<'s>(
    spec: &'s PodSpec,
    store: &'s Store,
) -> impl Iterator<Item = ObjectId> + 's {
    let services = store.objects().of_kind("Service", &spec.namespace);
    let selecting = services.filter(|(_, row)| match &row.object {
        Object::Service(own) => own.selects(&spec.namespace, &spec.labels),
        _ => false,
    });
    selecting.map(|(id, _)| id)
}
