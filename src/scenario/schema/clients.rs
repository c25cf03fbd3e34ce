//! `models: production`, `models.clientLimits`, `models.kubelet` and `models.volumes` of the experiment
//! file.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::Models;
use crate::scalar::WordOr;
use units::Duration;

/// Named set of constants for what the other models leave at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelSet {
    /// Control plane with the default settings of its programs, such as the limits of their clients.
    Production,
}

/// Limits of the clients of the API server; `{}` has the defaults of Kubernetes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientLimits {
    /// Client of each controller; default 20 requests per second after a burst of 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controllers: Option<ClientLimit>,
    /// Client with which the scheduler binds pods; default 50 requests per second after a burst of
    /// 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<ClientLimit>,
    /// Client of each kubelet; default 50 requests per second after a burst of 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubelet: Option<ClientLimit>,
}

/// Limit of a client: a bucket of tokens, one for each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientLimit {
    /// Requests per second in the long run, at least 1.
    #[schemars(range(min = 1))]
    pub per_second: u32,
    /// Requests at once after a pause, at least 1.
    #[schemars(range(min = 1))]
    pub burst: u32,
}

/// Delays of kubelets; `{}` has the defaults of Kubernetes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeletDelays {
    /// Time between two looks at the containers of a node, at a phase drawn for each node; starts
    /// and ends are reported at the next look; default 1 s, and 0 s for reports at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relist: Option<Duration>,
    /// Time from the joining of a node while the run goes on, such as a machine of the provider after
    /// its boot, until it is Ready: until then it has the taint `node.kubernetes.io/not-ready`;
    /// default 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_ready: Option<Duration>,
}

/// Delays of volumes that one node at a time has: of claims with `ReadWriteOnce` or
/// `ReadWriteOncePod`, those of `volumeClaimTemplates` included; `{}` has the defaults below. They apply
/// to the system `kubernetes` with `system.controllers`, and under every system to the network volumes of
/// `storage`, which have the defaults where nothing is stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeDelays {
    /// Time to attach a volume to the node of a pod, which waits for it; default 10 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<Duration>,
    /// Time to unmount and detach a volume once no pod of its node has it any more; default 5 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detach: Option<Duration>,
    /// Time after which a volume that no pod has any more is detached from a node that is not Ready
    /// and has no taint `node.kubernetes.io/out-of-service`; default 6 min.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_detach: Option<Duration>,
}

/// Reads `models`: its fields, or the name of a set.
pub(super) fn models<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Models, D::Error> {
    Ok(
        match WordOr::<ModelSet, Models>::deserialize(deserializer)? {
            WordOr::Word(set) => Models {
                set: Some(set),
                ..Models::default()
            },
            WordOr::Fields(models) => models,
        },
    )
}
