//! The fields of a pod that bear on placement and have no place in the model yet: each is a
//! finding that says what placement misses by it.

use super::Ctx;
use super::field::{Path, Texts};
use super::findings::ObjectName;
use super::{gpu, raw};

/// Notes every field of the pod that bears on placement and isn't modelled.
pub(super) fn note_left_out(
    object: ObjectName<'_>,
    metadata: &raw::Metadata,
    spec: &raw::PodSpec,
    status: &raw::PodStatus,
    ctx: &mut Ctx,
) {
    let path = Path::root("spec");
    note_volumes(object, spec, &path.field("volumes"), ctx);
    let has_claims = !spec.resource_claims.is_empty();
    if has_claims
        || spec
            .containers
            .iter()
            .any(|own| !own.resources.claims.is_empty())
    {
        ctx.findings.add(
            object,
            &path.field("resourceClaims"),
            "claims on devices (dynamic resource allocation)",
            "the devices are not counted, and any node may take the pod",
        );
    }
    if spec.runtime_class_name.is_some() && spec.overhead.is_empty() {
        ctx.findings.add(
            object,
            &path.field("runtimeClassName"),
            "a runtime class, and no `overhead`",
            "the class' overhead and node selector are not applied",
        );
    }
    if spec.workload_ref.is_some() || spec.scheduling_group.is_some() {
        ctx.findings.add(
            object,
            &path.field("schedulingGroup"),
            "a pod group",
            "the pod is scheduled by itself",
        );
    }
    if metadata.annotations.get(gpu::INDEX).is_some() {
        let path = Path::root("metadata");
        ctx.findings.add(
            object,
            &path.field("annotations").key(gpu::INDEX),
            "the devices that the pod holds",
            "devices are chosen anew on its node",
        );
    }
    note_status(object, spec, status, ctx);
}

fn note_volumes(object: ObjectName<'_>, spec: &raw::PodSpec, path: &Path<'_>, ctx: &mut Ctx) {
    for (index, volume) in spec.volumes.iter().enumerate() {
        let kinds = [
            (
                "persistentVolumeClaim",
                volume.persistent_volume_claim.is_some(),
            ),
            ("ephemeral", volume.ephemeral.is_some()),
            ("csi", volume.csi.is_some()),
            ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
            (
                "awsElasticBlockStore",
                volume.aws_elastic_block_store.is_some(),
            ),
            ("azureDisk", volume.azure_disk.is_some()),
            ("cinder", volume.cinder.is_some()),
            ("iscsi", volume.iscsi.is_some()),
            ("rbd", volume.rbd.is_some()),
        ];
        for (kind, _) in kinds.iter().filter(|(_, is_there)| *is_there) {
            ctx.findings.add(
                object,
                &path.index(index).field(kind),
                "a volume that not every node can reach",
                "nodes are not narrowed to the volume's zone, and no node's limit of volumes or \
                 sharing rule is held",
            );
        }
    }
}

fn note_status(
    object: ObjectName<'_>,
    spec: &raw::PodSpec,
    status: &raw::PodStatus,
    ctx: &mut Ctx,
) {
    let path = Path::root("status");
    let nominated = status.nominated_node_name.as_deref().unwrap_or_default();
    if !nominated.is_empty() && spec.node_name.as_deref().unwrap_or_default().is_empty() {
        ctx.findings.add(
            object,
            &path.field("nominatedNodeName"),
            "the pod awaits the place it preempted",
            "the place is not kept for it",
        );
    }
    if status
        .container_statuses
        .iter()
        .any(|own| is_resized(spec, own))
    {
        ctx.findings.add(
            object,
            &path.field("containerStatuses"),
            "a resize is under way: the resources allocated differ from those in the spec",
            "the requests of the spec are counted",
        );
    }
}

/// Whether the node still accounts for other amounts than the spec has.
fn is_resized(spec: &raw::PodSpec, status: &raw::ContainerStatus) -> bool {
    let Some(container) = spec.containers.iter().find(|own| own.name == status.name) else {
        return false;
    };
    let differs = |actual: &raw::Amounts| {
        actual.iter().any(|(name, amount)| {
            let stated = container.resources.requests.get(name);
            stated.is_some_and(|stated| !equal(stated, amount))
        })
    };
    let in_force = status.resources.as_ref();
    differs(&status.allocated_resources) || in_force.is_some_and(|own| differs(&own.requests))
}

fn equal(one: &raw::AmountText, other: &raw::AmountText) -> bool {
    one == other || {
        let parse = |amount: &raw::AmountText| amount.0.parse::<crate::units::Quantity>().ok();
        parse(one) == parse(other)
    }
}

/// Adds the tolerations of a pod; those with numeric operators are findings.
pub(super) fn tolerations(
    object: ObjectName<'_>,
    raw: &[raw::Toleration],
    ctx: &mut Ctx,
) -> Result<Vec<crate::model::Toleration>, super::field::Problem> {
    let path = Path::root("spec");
    let path = path.field("tolerations");
    let texts: &mut Texts = &mut ctx.texts;
    let mut list = Vec::with_capacity(raw.len());
    for (index, raw) in raw.iter().enumerate() {
        let path = path.index(index);
        match super::affinity::toleration(raw, &path, texts)? {
            Some(toleration) => list.push(toleration),
            None => ctx.findings.add(
                object,
                &path.field("operator"),
                "a comparison of numbers (`Lt`, `Gt`)",
                "the taint is not tolerated",
            ),
        }
    }
    Ok(list)
}
