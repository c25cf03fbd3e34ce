//! Fields of nodes and of other objects of a cluster that have no pods of their own.

use super::pods::TEMPLATE;
use super::{ANNOTATIONS, Fate, KEPT, List, READ, Retention, SILENT, Use, fields, part, whole};

/// Kinds that stand beside pods and workloads.
pub(super) const KINDS: &[(&str, List)] = table! {
    Node: NODE,
    PriorityClass: PRIORITY_CLASS,
    RuntimeClass: RUNTIME_CLASS,
    Namespace: NAMESPACE,
    ControllerRevision: REVISION,
    Secret ConfigMap: NAMED,
};

/// Metadata of an object, and what becomes of its finalizers.
macro_rules! metadata {
    ($finalizers:expr) => {
        table! {
            creationTimestamp deletionGracePeriodSeconds deletionTimestamp generateName labels name
                namespace uid: KEPT,
            annotations: ANNOTATIONS,
            finalizers: $finalizers,
            ownerReferences: part(OWNER),
            clusterName generation managedFields resourceVersion selfLink: SILENT,
        }
    };
}

/// Metadata of every object.
pub(crate) const METADATA: List = metadata!(READ);

/// Metadata of pods, which jobs mark by a finalizer.
pub(super) const POD_METADATA: List = metadata!(KEPT);

const OWNER: List = table! { apiVersion controller kind name: KEPT };

/// Of a status, the phase.
pub(super) const PHASE: List = table! { phase: KEPT };

/// The `spec` of a node.
pub(crate) const NODE_SPEC: List = table! {
    unschedulable: KEPT,
    taints: whole(table! {
        effect key value: KEPT,
        timeAdded: SILENT,
    }),
    configSource externalID podCIDR podCIDRs providerID: SILENT,
};

const NODE: List = table! {
    spec: fields(NODE_SPEC),
    status: part(NODE_STATUS),
};

const NODE_STATUS: List = table! {
    allocatable capacity: KEPT,
    conditions: part(table! {
        lastHeartbeatTime lastTransitionTime reason status type: KEPT,
    }),
    images: part(table! { names sizeBytes: KEPT }),
    nodeInfo: part(table! { kubeletVersion: KEPT }),
};

const PRIORITY_CLASS: List = table! {
    globalDefault preemptionPolicy value: KEPT,
    description: SILENT,
};

const RUNTIME_CLASS: List = table! {
    overhead: fields(table! { podFixed: KEPT }),
    scheduling: fields(table! { nodeSelector tolerations: KEPT }),
    handler: SILENT,
};

const NAMESPACE: List = table! {
    spec: Fate {
        used: Use::Fields(table! { finalizers: SILENT }),
        keep: Retention::Nothing,
    },
    status: part(PHASE),
};

/// A template that a set had.
const REVISION: List = table! {
    data: part(table! { spec: part(table! { template: part(TEMPLATE) }) }),
    revision: KEPT,
};

/// Objects that are known by their names alone.
const NAMED: List = table! { binaryData data immutable stringData type: SILENT };

/// Fields of a route of `OpenShift`.
pub(super) const ROUTE: List = table! {
    status: READ,
    spec: whole(table! {
        alternateBackends host path tls to wildcardPolicy: KEPT,
        port: SILENT,
    }),
};
