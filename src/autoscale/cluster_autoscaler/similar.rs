//! Which node groups are similar, so that new nodes are spread over them: their nodes may differ in a
//! zone, a name and a little memory (the original's `processors/nodegroupset/compare_nodegroups.go`
//! with the labels that its providers add).

use super::estimator::Template;
use super::group::NodeGroup;
use model::node::{
    GROUP_LABEL, HOSTNAME_LABEL, INSTANCE_TYPE_LABEL, OLD_REGION_LABEL, OLD_ZONE_LABEL,
    ORDERED_LABEL, POOL_LABELS, REGION_LABEL, ZONE_LABEL,
};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::{ResourceList, Text};
use scheduler::kube::Amounts;
use units::{Quantity, SortedMap};

/// Greatest difference of memory capacities, as a part of the larger one.
const MEMORY_DIFFERENCE: f64 = 0.015;
/// Greatest difference of allocatable amounts, and of what daemons leave of them.
const ALLOCATABLE_DIFFERENCE: f64 = 0.05;

/// Labels in which similar nodes may differ, on any cloud.
const OWN_LABELS: [&str; 24] = [
    HOSTNAME_LABEL,
    ZONE_LABEL,
    REGION_LABEL,
    OLD_ZONE_LABEL,
    OLD_REGION_LABEL,
    GROUP_LABEL,
    ORDERED_LABEL,
    "beta.kubernetes.io/fluentd-ds-ready",
    "topology.gke.io/zone",
    "topology.ebs.csi.aws.com/zone",
    "topology.k8s.aws/zone-id",
    "topology.disk.csi.azure.com/zone",
    "topology.diskplugin.csi.alibabacloud.com/zone",
    "alpha.eksctl.io/instance-id",
    "k8s.amazonaws.com/eniConfig",
    "lifecycle",
    "aksEngineVersion",
    "creationSource",
    "poolName",
    "resourceNameSuffix",
    "kubernetes.azure.com/consolidated-additional-properties",
    "kubernetes.azure.com/node-image-version",
    "ibm-cloud.kubernetes.io/worker-id",
    "vpc-block-csi-driver-labels",
];

/// Whether new nodes of two groups are so much alike that they are spread over both; the nodes may
/// differ in some more labels.
pub(super) fn are_similar(one: &NodeGroup, other: &NodeGroup, ignored: &[Text]) -> bool {
    let templates = one.template.as_ref().zip(other.template.as_ref());
    templates.is_some_and(|(first, second)| {
        has_similar_capacity(first, second)
            && are_near(
                &first.node.allocatable,
                &second.node.allocatable,
                ALLOCATABLE_DIFFERENCE,
            )
            && are_near(&free(first), &free(second), ALLOCATABLE_DIFFERENCE)
            && labels(one, first, ignored) == labels(other, second, ignored)
    })
}

/// Memory may differ by a little; what else the machines have is the same.
fn has_similar_capacity(first: &Template, second: &Template) -> bool {
    let capacity = |of: &Template| {
        let stated = !of.node.capacity.is_empty();
        let list = if stated {
            &of.node.capacity
        } else {
            &of.node.allocatable
        };
        let (memory, mut others) = (list.get(MEMORY), list.clone());
        others.set(MEMORY, Quantity::ZERO);
        (memory, others)
    };
    let ((memory, others), (other_memory, other_others)) = (capacity(first), capacity(second));
    others == other_others
        && first.node.gpu == second.node.gpu
        && is_near(memory, other_memory, MEMORY_DIFFERENCE)
}

/// Amounts that daemons leave of a node, of resources of which they may have any.
fn free(of: &Template) -> ResourceList {
    let mut asked = Amounts::default();
    for daemon in &of.daemons {
        asked.change(&daemon.class.requests, 1);
    }
    let mut free = ResourceList::default();
    let mut leave = |name: &str, asked: Quantity| {
        let offered = of.node.allocatable.get(name);
        free.set(name, offered.checked_sub(asked).unwrap_or(offered));
    };
    leave(CPU, Quantity::from_milli(asked.cpu_milli));
    leave(MEMORY, Quantity::from_units(asked.memory));
    leave(PODS, Quantity::ZERO);
    leave(EPHEMERAL_STORAGE, Quantity::from_units(asked.storage));
    for (name, amount) in &asked.scalars {
        leave(name, Quantity::from_units(*amount));
    }
    free
}

/// Whether two lists name the same resources, and amounts differ by a part of the larger one at most.
fn are_near(one: &ResourceList, other: &ResourceList, part: f64) -> bool {
    let is_in = |list: &ResourceList, name: &str| list.contains(name);
    one.iter()
        .all(|(name, amount)| is_in(other, name) && is_near(amount, other.get(name), part))
        && other.iter().all(|(name, _)| is_in(one, name))
}

fn is_near(one: Quantity, other: Quantity, part: f64) -> bool {
    let milli = |amount: Quantity| amount.milli_ceil().unwrap_or(i64::MAX) as f64;
    let (one, other) = (milli(one), milli(other));
    let (larger, smaller) = (one.max(other), one.min(other));
    larger - smaller <= larger * part
}

/// The labels that have to agree. A group of no listed instance type has its own name as that of its
/// nodes, which says nothing about them.
fn labels<'n>(
    group: &'n NodeGroup,
    template: &'n Template,
    ignored: &[Text],
) -> SortedMap<&'n Text, &'n Text> {
    let all = template.node.labels.iter();
    let agreeing = all.filter(|(key, value)| {
        !OWN_LABELS.contains(&&***key)
            && !POOL_LABELS.contains(&&***key)
            && !ignored.contains(key)
            && (***key != *INSTANCE_TYPE_LABEL || **value != group.id)
    });
    agreeing.collect()
}
