//! Templates whose pods name their node.

use super::findings::ObjectName;
use super::workload::Workload;
use model::Object;
use model::PodVolume;

/// Notes a template whose pods are bound to a node. Claims of theirs may wait until a scheduler has chosen a node,
/// which none does.
pub(super) fn note(workload: &mut Workload<'_>, object: &Object) {
    let kind = workload.kind;
    let Some(node) = workload.bound_to.take().filter(|_| kind != "DaemonSet") else {
        return;
    };
    let volumes = object.template().map(|own| &own.volumes[..]);
    let is_claim = |own: &PodVolume| matches!(own, PodVolume::Claim(_) | PodVolume::Ephemeral(_));
    let has_claims = volumes.unwrap_or_default().iter().any(is_claim)
        || matches!(object, Object::StatefulSet(set) if !set.claims.0.is_empty());
    let effect = if has_claims {
        "that is not modelled: here a scheduler finds nodes for them; in a cluster pods never run whose claims wait \
         until a scheduler has chosen a node (`WaitForFirstConsumer`), and others have right numbers and wrong places"
    } else {
        "that is not modelled: here a scheduler finds nodes for them, so their number is right and their places are not"
    };
    let object = ObjectName {
        kind,
        namespace: Some(&workload.namespace),
        name: &workload.name,
    };
    workload.ctx.findings.add(
        object,
        &"spec.template.spec.nodeName",
        format!("Kubernetes starts its pods on `{node}` and asks no scheduler"),
        effect,
    );
}
