//! The way back to a former version in systems whose users declare it again: they keep the template before.

use std::sync::Arc;

use cluster::Store;
use control::Outbox;
use model::workload::Deployment;
use model::{Event, Object, ObjectChange, PodSpec, RolloutStep};
use units::ObjectId;

/// Declares a deployment that is to be taken back anew, with the template before; refused without one.
pub(crate) fn declare_former(
    id: ObjectId,
    deployment: &Deployment,
    former: Option<&Arc<PodSpec>>,
    store: &Store,
    out: &mut Outbox,
) {
    let mut declared = deployment.clone();
    declared.rollback_to = None;
    if let Some(template) = former {
        declared.template = Arc::clone(template);
        declared.generation += 1;
    } else {
        let step = RolloutStep::BackRefused;
        out.write(store, Event::Rollout { workload: id, step });
    }
    let object = Object::Deployment(Arc::new(declared));
    out.write(store, Event::Object(ObjectChange::Updated { id, object }));
}
