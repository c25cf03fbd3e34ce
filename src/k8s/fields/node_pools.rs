//! Fields of Karpenter's pools and claims of nodes.

use super::{KEPT, List, SILENT, fields, left_out, part};

/// Pools and claims of nodes.
pub(super) const KINDS: &[(&str, List)] = table! {
    NodePool: POOL,
    NodeClaim: CLAIM,
};

const MACHINES: &str = "machines come up as `cluster.provider` has them";
const STARTUP: &str = "nodes come up without it, since the run takes none off again";

const POOL: List = table! {
    spec: fields(table! {
        disruption limits weight: KEPT,
        replicas: left_out("no nodes are made but for pods that wait"),
        template: fields(table! {
            metadata: part(table! { annotations labels: KEPT }),
            spec: fields(table! {
                expireAfter nodeClassRef requirements taints terminationGracePeriod: KEPT,
                startupTaints: left_out(STARTUP),
                kubelet: left_out(MACHINES),
                resources: SILENT,
            }),
        }),
    }),
    status: SILENT,
};

const CLAIM: List = table! {
    spec: fields(table! {
        expireAfter: KEPT,
        kubelet nodeClassRef requirements resources startupTaints taints terminationGracePeriod:
            SILENT,
    }),
    status: part(table! { conditions nodeName: KEPT }),
};
