//! Node selectors of projects, with which those of their pods have to agree (`nodeenv` of `OpenShift`).

use cluster::{Conflict, Store};
use model::{PodSpec, Text};

/// A pod may ask for no other value of a label than its project does.
///
/// # Errors
/// It does.
pub(super) fn agrees(store: &Store, spec: &PodSpec) -> Result<(), Conflict> {
    let Some(project) = store.objects().namespace(&spec.namespace) else {
        return Ok(());
    };
    let differs = |(key, value): (&Text, &Text)| {
        let own = spec.node_selector.get(key);
        own.is_some_and(|own| own != value)
    };
    if project.node_selector.iter().flatten().any(differs) {
        let why = "pod node label selector conflicts with its project node label selector";
        return Err(Conflict::Forbidden(why.to_owned()));
    }
    Ok(())
}
