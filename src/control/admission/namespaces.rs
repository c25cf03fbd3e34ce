//! Whether a namespace takes new objects (spec: kubernetes.md part 5).

use cluster::{Conflict, Store};
use model::{Namespace, Text};

/// A namespace has to be there, where any is declared, and not on its way out.
///
/// # Errors
/// It is not there, or being deleted.
pub(super) fn is_open(store: &Store, namespace: &Text, what: &str) -> Result<(), Conflict> {
    let (objects, nowhere) = (store.objects(), Text::default());
    // Without any namespace that is declared all are there.
    if namespace.is_empty() || objects.of_kind("Namespace", &nowhere).next().is_none() {
        return Ok(());
    }
    match objects.namespace(namespace) {
        Some(own) if own.is_terminating => Err(Conflict::Forbidden(format!(
            "{what}: unable to create new content in namespace {namespace} because it is being \
             terminated"
        ))),
        Some(_) => Ok(()),
        None if Namespace::ALWAYS.contains(&&**namespace) => Ok(()),
        None => Err(Conflict::UnknownNamespace(namespace.to_string())),
    }
}
