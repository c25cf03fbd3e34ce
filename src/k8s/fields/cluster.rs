//! Fields of nodes and of other objects of a cluster that have no pods of their own.

use super::List;
use super::Use::{Fields, LeftOut, Read, Silent};

/// Kinds that stand beside pods and workloads.
pub(super) const KINDS: &[(&str, List)] = &[
    ("Node", NODE),
    ("PriorityClass", PRIORITY_CLASS),
    ("RuntimeClass", RUNTIME_CLASS),
    ("Namespace", NAMESPACE),
    ("ControllerRevision", REVISION),
    ("Secret", NAMED),
    ("ConfigMap", NAMED),
];

/// Metadata of every object.
pub(crate) const METADATA: List = &[
    ("annotations", Read),
    ("clusterName", Silent),
    ("creationTimestamp", Read),
    ("deletionGracePeriodSeconds", Read),
    ("deletionTimestamp", Read),
    ("finalizers", Read),
    ("generateName", Read),
    ("generation", Silent),
    ("labels", Read),
    ("managedFields", Silent),
    ("name", Read),
    ("namespace", Read),
    ("ownerReferences", Read),
    ("resourceVersion", Silent),
    ("selfLink", Silent),
    ("uid", Read),
];

/// The `spec` of a node.
pub(crate) const NODE_SPEC: List = &[
    ("configSource", Silent),
    ("externalID", Silent),
    ("podCIDR", Silent),
    ("podCIDRs", Silent),
    ("providerID", Silent),
    (
        "taints",
        Fields(&[
            ("effect", Read),
            ("key", Read),
            ("timeAdded", Silent),
            ("value", Read),
        ]),
    ),
    ("unschedulable", Read),
];

const NODE: List = &[("spec", Fields(NODE_SPEC)), ("status", Read)];

const PRIORITY_CLASS: List = &[
    ("description", Silent),
    ("globalDefault", Read),
    ("preemptionPolicy", Read),
    ("value", Read),
];

const RUNTIME_CLASS: List = &[
    ("handler", Silent),
    ("overhead", Fields(&[("podFixed", Read)])),
    (
        "scheduling",
        Fields(&[("nodeSelector", Read), ("tolerations", Read)]),
    ),
];

const NAMESPACE: List = &[
    ("spec", Fields(&[("finalizers", Silent)])),
    ("status", Silent),
];

/// A template that a set had.
const REVISION: List = &[("data", Read), ("revision", Read)];

/// Objects that are known by their names alone.
const NAMED: List = &[
    ("binaryData", Silent),
    ("data", Silent),
    ("immutable", Silent),
    ("stringData", Silent),
    ("type", Silent),
];

/// Fields of a route of `OpenShift`.
pub(super) const ROUTE: List = &[
    (
        "spec",
        Fields(&[
            ("alternateBackends", Read),
            ("host", Read),
            ("path", Read),
            ("port", Silent),
            ("tls", Read),
            ("to", Read),
            ("wildcardPolicy", LeftOut("a route is for its host alone")),
        ]),
    ),
    ("status", Read),
];
