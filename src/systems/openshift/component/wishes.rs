//! Facts about pods that the policy compares nodes by: preferred affinity, taints to be avoided, disks, and
//! the node selectors of projects
//! (spec: orchestrators-a.md section 8.1).

use cluster::Store;
use model::node::{REGION_LABEL, ZONE_LABEL, label_of};
use model::resource_list::{CPU, MEMORY, PODS};
use model::{Labels, Node, Object, PodRef, PodSpec, PodVolume, Text, rules};
use units::SortedSet;

use super::super::options::OpenShiftOptions;
use super::super::policy::{Amounts, Candidate};
use super::super::rules::Rules;

/// Wishes of a class of pods that a node meets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    /// Weights of the preferred node affinity that the node meets.
    pub(super) preferred: i64,
    /// Number of the node's taints that the pods avoid.
    pub(super) avoided: i64,
}

impl Wishes {
    /// The wishes that a node meets.
    pub(super) fn of(spec: &PodSpec, node: &Node) -> Self {
        let preferred = &spec.affinity.node.preferred;
        Self {
            preferred: rules::affinity::preference(preferred, node),
            avoided: rules::taints::avoided(spec, &node.taints) as i64,
        }
    }
}

/// Disks that a pod mounts for reading alone, or those that it writes.
pub(super) fn disks(spec: &PodSpec, are_read: bool) -> SortedSet<Text> {
    let disks = spec.volumes.iter().filter_map(|volume| {
        let (is_read, name) = match volume {
            PodVolume::GceDisk { disk, read_only } => (*read_only, format!("gce/{disk}")),
            PodVolume::EbsVolume(id) => (false, format!("ebs/{id}")),
            PodVolume::Iscsi { name, read_only } => (*read_only, format!("iscsi/{name}")),
            PodVolume::Rbd {
                pool,
                image,
                read_only,
                ..
            } => (*read_only, format!("rbd/{pool}/{image}")),
            PodVolume::Claim(_) | PodVolume::Ephemeral(_) | PodVolume::Kept(_) => return None,
        };
        (is_read == are_read).then(|| name.into())
    });
    disks.collect()
}

/// Whether a node's labels, taints and cordon admit a pod.
pub(super) fn admits(spec: &PodSpec, node: &Node) -> bool {
    rules::admits(spec, node) && rules::unschedulable::admits(spec, node)
}

/// A label as the policy writes it.
pub(super) fn pair(key: &Text, value: &Text) -> Text {
    format!("{key}={value}").into()
}

/// A node without pods, as the policy sees it.
pub(super) fn candidate(node: &Node, policy: &Rules) -> Candidate {
    let list = &node.allocatable;
    let labels = node.labels.iter().map(|(key, value)| pair(key, value));
    Candidate {
        region: node.labels.get(&policy.region).cloned(),
        zone: node.labels.get(&policy.zone).cloned(),
        locality: locality(node),
        labels: labels.collect(),
        capacity: Some(Amounts {
            cpu: list.get(CPU).milli_floor().unwrap_or(i64::MAX),
            memory: list.get(MEMORY).units_ceil().unwrap_or(i64::MAX),
        }),
        slots: list.stated(PODS).and_then(|own| own.units_ceil().ok()),
        ..Candidate::default()
    }
}

/// Region and zone of a node (Kubernetes `GetZoneKey`).
fn locality(node: &Node) -> Option<(Text, Text)> {
    let label = |key| label_of(&node.labels, key).cloned().unwrap_or_default();
    let (region, zone) = (label(REGION_LABEL), label(ZONE_LABEL));
    (!region.is_empty() || !zone.is_empty()).then_some((region, zone))
}

/// Labels that a node has to have for the pods of a project: those that its Namespace holds, or those of
/// the options.
pub(super) fn project_selector<'a>(
    project: &Text,
    options: &'a OpenShiftOptions,
    store: &'a Store,
) -> &'a Labels {
    let held = store.objects().namespace(project);
    let held = held.and_then(|own| own.node_selector.as_ref());
    held.unwrap_or_else(|| options.selector_of(project))
}

/// The controller of a pod, by kind and name, if it is one that nodes can ask to stay away.
pub(super) fn controller(pod: PodRef, store: &Store) -> Option<(Text, Text)> {
    let owner = store.pod_states().get(pod)?.owner?;
    let object = &store.objects().get(owner.object)?.object;
    let is_meant = matches!(
        object,
        Object::ReplicationController(_) | Object::ReplicaSet(_)
    );
    is_meant.then(|| (object.kind().into(), object.name().clone()))
}
