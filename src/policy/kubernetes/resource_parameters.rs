//! Arguments of the two plugins that score the use of resources, as `NodeResourcesFitArgs` and
//! `NodeResourcesBalancedAllocationArgs` have them (spec: kubernetes.md 1.7, 1.8).

use crate::{Kind, Parameter};

/// Arguments of `NodeResourcesFit`.
pub(super) const FIT: &[Parameter] = &[
    Parameter {
        name: "ignoredResources",
        kind: NAMES,
        doc: "Extended resources that nodes need not have.",
    },
    Parameter {
        name: "ignoredResourceGroups",
        kind: NAMES,
        doc: "Prefixes, before `/`, of extended resources that nodes need not have.",
    },
    Parameter {
        name: "scoringStrategy",
        kind: Kind::Object { fields: STRATEGY },
        doc: "How nodes are scored.",
    },
];

/// Arguments of `NodeResourcesBalancedAllocation`.
pub(super) const BALANCED: &[Parameter] = &[Parameter {
    name: "resources",
    kind: RESOURCES,
    doc: "Resources that are balanced; weights have no effect.",
}];

const NAMES: Kind = Kind::List {
    of: &Kind::Text { default: "" },
    default: "[]",
};

const STRATEGY: &[Parameter] = &[
    Parameter {
        name: "type",
        kind: Kind::Choice {
            default: "LeastAllocated",
            of: &[
                "LeastAllocated",
                "MostAllocated",
                "RequestedToCapacityRatio",
            ],
        },
        doc: "Which nodes are preferred: free ones, full ones, or by a curve.",
    },
    Parameter {
        name: "resources",
        kind: RESOURCES,
        doc: "Resources that are scored.",
    },
    Parameter {
        name: "requestedToCapacityRatio",
        kind: Kind::Object {
            fields: &[Parameter {
                name: "shape",
                kind: Kind::List {
                    of: &Kind::Object { fields: CURVE },
                    default: "[]",
                },
                doc: "Points of the curve, by increasing utilization.",
            }],
        },
        doc: "Curve of the strategy of that name.",
    },
];

/// A point of a curve.
const CURVE: &[Parameter] = &[
    Parameter {
        name: "utilization",
        kind: Kind::Integer {
            default: 0,
            min: 0,
            max: 100,
        },
        doc: "Utilization in percent.",
    },
    Parameter {
        name: "score",
        kind: Kind::Integer {
            default: 0,
            min: 0,
            max: 10,
        },
        doc: "Points of the node, 0 to 10.",
    },
];

const RESOURCES: Kind = Kind::List {
    of: &Kind::Object { fields: RESOURCE },
    default: r#"[{"name": "cpu", "weight": 1}, {"name": "memory", "weight": 1}]"#,
};

const RESOURCE: &[Parameter] = &[
    Parameter {
        name: "name",
        kind: Kind::Text { default: "" },
        doc: "Resource name.",
    },
    Parameter {
        name: "weight",
        kind: Kind::Integer {
            default: 1,
            min: 0,
            max: 100,
        },
        doc: "Weight of the resource, 1 to 100; 0 is 1.",
    },
];
