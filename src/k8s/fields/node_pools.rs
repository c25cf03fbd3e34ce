//! Fields of Karpenter's pools and claims of nodes.

use super::List;
use super::Use::{Fields, LeftOut, Read, Silent};

/// Pools and claims of nodes.
pub(super) const KINDS: &[(&str, List)] = &[("NodePool", POOL), ("NodeClaim", CLAIM)];

const MACHINES: &str = "machines come up as `cluster.provider` has them";
const STARTUP: &str = "nodes come up without it, since the run takes none off again";

const POOL: List = &[
    (
        "spec",
        Fields(&[
            ("weight", Read),
            ("limits", Read),
            (
                "replicas",
                LeftOut("no nodes are made but for pods that wait"),
            ),
            ("disruption", Read),
            (
                "template",
                Fields(&[
                    ("metadata", Read),
                    (
                        "spec",
                        Fields(&[
                            ("requirements", Read),
                            ("taints", Read),
                            ("startupTaints", LeftOut(STARTUP)),
                            ("expireAfter", Read),
                            ("terminationGracePeriod", Read),
                            ("nodeClassRef", Silent),
                            ("resources", Silent),
                            ("kubelet", LeftOut(MACHINES)),
                        ]),
                    ),
                ]),
            ),
        ]),
    ),
    ("status", Silent),
];

const CLAIM: List = &[
    (
        "spec",
        Fields(&[
            ("requirements", Silent),
            ("taints", Silent),
            ("startupTaints", Silent),
            ("expireAfter", Read),
            ("terminationGracePeriod", Silent),
            ("nodeClassRef", Silent),
            ("resources", Silent),
            ("kubelet", Silent),
        ]),
    ),
    ("status", Read),
];
