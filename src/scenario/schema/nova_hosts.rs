//! `cluster.provider.nova` of the experiment file: hypervisors that machines become instances on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NodeTemplate;
use crate::pattern::Pattern;
use options::Plain;
use units::SortedMap;

/// Nova below the provider: every machine is an instance, for which the filter scheduler finds a
/// hypervisor. A machine for which there is none is refused, and its order fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NovaProvider {
    /// Hypervisors; they are no nodes themselves.
    #[schemars(length(min = 1))]
    pub hosts: Vec<NovaHosts>,
    /// Policies of server groups, by node group: the machines of a group are members of one; default
    /// none.
    #[serde(default, skip_serializing_if = "SortedMap::is_empty")]
    pub server_groups: SortedMap<String, NovaGroupPolicy>,
    /// Options of the scheduler and the machines, as `system.nova`. Reports, evacuation, live migration,
    /// `clientRetry`, `schedulers`, `hints`, `isolatedImages` and the machine's `speed` and `buildFailure` have no effect
    /// here and are refused.
    #[serde(default)]
    #[schemars(extend("x-section" = "nova"))]
    pub options: Plain,
}

/// Policy of a server group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NovaGroupPolicy {
    /// All machines on one host.
    Affinity,
    /// At most one machine on a host.
    AntiAffinity,
    /// Hosts with machines of the group are preferred.
    SoftAffinity,
    /// Hosts with fewer machines of the group are preferred.
    SoftAntiAffinity,
}

/// Number of equal hypervisors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NovaHosts {
    /// Number of hypervisors, 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub count: u32,
    /// Names of the hypervisors, a pattern over the index from 0, such as `compute-{}`.
    pub name: Pattern,
    /// Template of each hypervisor, of which the resources count.
    pub template: NodeTemplate,
}
