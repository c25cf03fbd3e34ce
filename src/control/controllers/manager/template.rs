//! Templates of pods, with what controllers write on them.

use cluster::Store;
use model::Text;
use units::ClassId;

/// The label by which a pod says of which revision it is.
pub(super) const REVISION_LABEL: &str = "controller-revision-hash";

/// The revision that a class of pods says it is of; empty if it says nothing.
pub(super) fn revision_of(store: &Store, class: ClassId) -> Text {
    let labels = &store.class(class).spec.labels;
    labels.get(REVISION_LABEL).cloned().unwrap_or_default()
}
