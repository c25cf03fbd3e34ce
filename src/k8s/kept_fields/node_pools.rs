//! Fields of pools and claims of nodes that a snapshot keeps.

use super::super::keep::Keep::{All, Fields};
use super::{List, METADATA};

/// A pool.
pub(super) const NODE_POOL: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    (
        "spec",
        Fields(&[
            ("weight", All),
            ("limits", All),
            ("replicas", All),
            ("disruption", All),
            (
                "template",
                Fields(&[
                    ("metadata", Fields(&[("labels", All), ("annotations", All)])),
                    ("spec", Fields(OF_NODES)),
                ]),
            ),
        ]),
    ),
];

/// A claim.
pub(super) const NODE_CLAIM: List = &[
    ("apiVersion", All),
    ("kind", All),
    ("metadata", METADATA),
    ("spec", Fields(&[("expireAfter", All)])),
    ("status", Fields(&[("nodeName", All)])),
];

const OF_NODES: List = &[
    ("requirements", All),
    ("taints", All),
    ("expireAfter", All),
    ("terminationGracePeriod", All),
];
