//! The way back to a former version in systems whose users declare it again: they keep the template before.

use crate::parts::turn::Turn;
use std::sync::Arc;

use model::workload::Deployment;
use model::{Event, Object, ObjectChange, PodSpec, RolloutStep};
use units::ObjectId;

/// Declares a deployment that is to be taken back anew, with the template before; refused without one.
pub(crate) fn declare_former(
    id: ObjectId,
    deployment: &Deployment,
    former: Option<&Arc<PodSpec>>,
    turn: &mut Turn<'_>,
) {
    let mut declared = deployment.clone();
    declared.rollback_to = None;
    if let Some(template) = former {
        declared.template = Arc::clone(template);
        declared.generation += 1;
    } else {
        let step = RolloutStep::BackRefused;
        turn.write(Event::Rollout { workload: id, step });
    }
    let object = Object::Deployment(Arc::new(declared));
    turn.write(Event::Object(ObjectChange::Updated { id, object }));
}
