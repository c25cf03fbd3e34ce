//! `cluster.provider.nova` of the experiment file, and host aggregates: what Nova knows of hosts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NodeTemplate, Nova};
use crate::pattern::Pattern;
use units::SortedMap;

/// Host aggregate: hosts that share metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NovaAggregate {
    /// Names of the aggregate's hosts, which may be in several aggregates; `*` in a name stands for any text.
    #[schemars(length(min = 1))]
    pub hosts: Vec<String>,
    /// Metadata: `ram_weight_multiplier` and the like replace the factor of a weigher on these hosts, the
    /// smallest value where aggregates differ; other keys are what node selectors of pods ask for with the
    /// filter `aggregate-instance-extra-specs`, several values separated by commas.
    #[schemars(extend("minProperties" = 1))]
    pub metadata: SortedMap<String, String>,
}

/// Scheduler hints that clients state with their requests for some pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(
    extend("anyOf" = [{"required": ["query"]}, {"required": ["buildNearHostIp"]}]),
    extend("dependentRequired" = {"cidr": ["buildNearHostIp"]})
)]
pub struct NovaHints {
    /// Labels of the pods.
    #[schemars(extend("minProperties" = 1))]
    pub labels: SortedMap<String, String>,
    /// Namespace of the pods; default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub namespace: Option<String>,
    /// Query about the host for the filter `json` (`query`): lists in JSON of an operator (`=`, `<`, `>`, `in`,
    /// `<=`, `>=`, `not`, `or`, `and`) and its terms, such as `["and", [">=", "$free_ram_mb", 1024], ["<",
    /// "$num_instances", 8]]`. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Address that the filter `simple-cidr-affinity` looks for hosts near (`build_near_host_ip`); default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_near_host_ip: Option<String>,
    /// Length of the prefix that near addresses share (`cidr`); default `/24`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
}

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
    pub options: Nova,
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
