//! The fields of a pod that bear on placement and have no place in the model yet: each is a
//! finding that says what placement misses by it.

use super::field::{Path, Problem, Texts};
use super::findings::ObjectName;
use super::keys::{QUEUE_NAME, QUEUES_OF_OTHERS};
use super::{Ctx, Origin};
use super::{fields, gpu, raw};

/// Words for the gangs of Kubernetes' own API, where one is found.
const NO_GANGS: &str = "no gang of Kubernetes' own API (`GangScheduling`, off by default in every release), \
    which is not modelled; leave it out, or use a PodGroup of scheduling.x-k8s.io (plugin \
    `Coscheduling`) or of Kueue (`kueue.x-k8s.io/pod-group-name`)";

/// Notes every field of the pod that bears on placement and isn't modelled.
pub(super) fn note_left_out(
    object: ObjectName<'_>,
    metadata: &raw::Metadata,
    spec: &raw::PodSpec,
    ctx: &mut Ctx,
) {
    let path = Path::root("spec");
    note_volumes(object, spec, &path.field("volumes"), ctx);
    let names_class = { spec.priority_class_name.as_deref() }.is_some_and(|own| !own.is_empty());
    let stated = spec.priority.filter(|own| *own != 0 && !names_class);
    if let Some(priority) = stated.filter(|_| ctx.origin == Origin::Submitted) {
        ctx.findings.add(
            object,
            &path.field("priority"),
            format!("{priority}, and no `priorityClassName`"),
            "the API server refuses such pods, as it computes priorities from classes; here they have it",
        );
    }
    let containers = spec.containers.iter().chain(&spec.init_containers);
    let containers: Vec<&str> = containers.map(|own| own.name.as_str()).collect();
    for unread in fields::unread_of_pod(&metadata.annotations, &containers) {
        let path = Path::root("metadata");
        let path = path.field("annotations");
        let effect = "the annotation has no effect";
        ctx.findings
            .add(object, &path.key(unread.key), unread.what, effect);
    }
    if metadata.annotations.get(gpu::INDEX).is_some() {
        let path = Path::root("metadata");
        ctx.findings.add(
            object,
            &path.field("annotations").key(gpu::INDEX),
            "the devices that the pod holds",
            "devices are chosen again on its node",
        );
    }
}

/// Effect of a gang of Kubernetes' own API in a cluster that has some.
pub(super) const ALONE: &str =
    "each pod is placed by itself, as if it had no group (`GangScheduling` is not modelled)";

/// Refuses gangs of Kubernetes' own API (the gate `GangScheduling`, which no release turns on by itself): the
/// pod would be placed by itself, as if it had no group. A pod that a server has admitted, or that
/// has its node, is a finding.
pub(super) fn refuse_gang(
    object: ObjectName<'_>,
    spec: &raw::PodSpec,
    ctx: &mut Ctx,
) -> Result<(), Problem> {
    let path = Path::root("spec");
    let groups = [
        ("workloadRef", spec.workload_ref.is_some()),
        ("schedulingGroup", spec.scheduling_group.is_some()),
    ];
    // A pod that has its node is not placed again.
    let is_placed = spec.node_name.as_ref().is_some_and(|node| !node.is_empty());
    for (field, _) in groups.into_iter().filter(|(_, is_stated)| *is_stated) {
        if ctx.origin != Origin::Admitted && !is_placed {
            return Err(path.field(field).broken(format!("expected {NO_GANGS}")));
        }
        ctx.findings
            .add(object, &path.field(field), "a group of pods", ALONE);
    }
    Ok(())
}

/// Notes the queue of a pod; one that is held back has it where queues are declared.
pub(super) fn note_queue(
    object: ObjectName<'_>,
    metadata: &raw::Metadata,
    spec: &raw::PodSpec,
    is_held: bool,
    ctx: &mut Ctx,
) {
    note_queue_of_others(object, metadata, ctx);
    let Some(queue) = metadata.labels.get(QUEUE_NAME) else {
        return;
    };
    let path = Path::root("metadata");
    let labels = path.field("labels");
    let (field, what) = (
        labels.key(QUEUE_NAME),
        format!("the queue `{queue}` is not modelled"),
    );
    let (starts, waits) = (
        "the pod starts at once, whatever the quota of the queue",
        "the pod waits until the end: no queue takes its scheduling gates away",
    );
    if is_held {
        ctx.findings
            .add_without_queues(object, &field, what, starts);
    } else if spec.scheduling_gates.is_empty() {
        ctx.findings.add(object, &field, what, starts);
    } else {
        ctx.findings.add(object, &field, what, waits);
    }
}

/// Notes the queue in which another scheduler would hold an object back.
pub(super) fn note_queue_of_others(
    object: ObjectName<'_>,
    metadata: &raw::Metadata,
    ctx: &mut Ctx,
) {
    for label in QUEUES_OF_OTHERS {
        let Some(queue) = metadata.labels.get(label).filter(|own| !own.is_empty()) else {
            continue;
        };
        let path = Path::root("metadata");
        ctx.findings.add(
            object,
            &path.field("labels").key(label),
            format!("the queue `{queue}` is not modelled"),
            "pods start at once, whatever the quota of the queue; the system `batch` has queues of Volcano and \
             YuniKorn for rows of traces",
        );
    }
}

fn note_volumes(object: ObjectName<'_>, spec: &raw::PodSpec, path: &Path<'_>, ctx: &mut Ctx) {
    for (index, volume) in spec.volumes.iter().enumerate() {
        let kinds = [
            ("csi", volume.csi.is_some()),
            ("azureDisk", volume.azure_disk.is_some()),
            ("cinder", volume.cinder.is_some()),
        ];
        for (kind, _) in kinds.iter().filter(|(_, is_there)| *is_there) {
            ctx.findings.add(
                object,
                &path.index(index).field(kind),
                "a volume of a kind that is not modelled",
                "volume limits of nodes ignore it",
            );
        }
    }
}

/// Adds the tolerations of a pod; those with numeric operators are findings.
pub(super) fn tolerations(
    object: ObjectName<'_>,
    raw: &[raw::Toleration],
    ctx: &mut Ctx,
) -> Result<Vec<model::Toleration>, super::field::Problem> {
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
