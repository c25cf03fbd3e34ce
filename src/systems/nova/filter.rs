//! Filters: the hosts that can take an instance (spec: orchestrators-a.md sections 6.1 and 6.3;
//! `scheduler/filters/*`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flavor::GroupPolicy;
use super::host::Host;
use super::scheduler::Request;

/// A filter of Nova, by its word here or by the name of its class.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "NovaFilter", extend("x-help" = "hosts are candidates by their inventory, as `CoreFilter`, `RamFilter` and `DiskFilter` \
    once had it: state `ratios` and `reserved`"))]
pub enum Filter {
    /// Enabled hosts whose last report is recent (`ComputeFilter`).
    #[serde(alias = "ComputeFilter")]
    #[schemars(extend("x-formerly" = "ComputeFilter"))]
    Compute,
    /// Hosts with the labels that a pod asks for (`ComputeCapabilitiesFilter`).
    #[serde(alias = "ComputeCapabilitiesFilter")]
    #[schemars(extend("x-formerly" = "ComputeCapabilitiesFilter"))]
    Capabilities,
    /// Hosts without members of an anti-affinity group (`ServerGroupAntiAffinityFilter`).
    #[serde(alias = "ServerGroupAntiAffinityFilter")]
    #[schemars(extend("x-formerly" = "ServerGroupAntiAffinityFilter"))]
    AntiAffinity,
    /// Hosts with members of an affinity group (`ServerGroupAffinityFilter`).
    #[serde(alias = "ServerGroupAffinityFilter")]
    #[schemars(extend("x-formerly" = "ServerGroupAffinityFilter"))]
    Affinity,
    /// Hosts with instances that a request names, by required pod affinity to another kind per node
    /// (`SameHostFilter`).
    #[serde(alias = "SameHostFilter")]
    #[schemars(extend("x-formerly" = "SameHostFilter"))]
    SameHost,
    /// Hosts without instances that a request names, by required pod anti-affinity to another kind per node
    /// (`DifferentHostFilter`).
    #[serde(alias = "DifferentHostFilter")]
    #[schemars(extend("x-formerly" = "DifferentHostFilter"))]
    DifferentHost,
    /// Hosts of which the query of a request's hints holds (`JsonFilter`).
    #[serde(rename = "json", alias = "JsonFilter")]
    #[schemars(extend("x-formerly" = "JsonFilter"))]
    Query,
    /// Hosts whose address is near the one that a request's hints name (`SimpleCIDRAffinityFilter`).
    #[serde(rename = "simple-cidr-affinity", alias = "SimpleCIDRAffinityFilter")]
    #[schemars(extend("x-formerly" = "SimpleCIDRAffinityFilter"))]
    Near,
    /// Hosts whose aggregates have the metadata that a pod's node selector asks for
    /// (`AggregateInstanceExtraSpecsFilter`).
    #[serde(
        rename = "aggregate-instance-extra-specs",
        alias = "AggregateInstanceExtraSpecsFilter"
    )]
    #[schemars(extend("x-formerly" = "AggregateInstanceExtraSpecsFilter"))]
    AggregateExtraSpecs,
    /// Isolated hosts for isolated images, other hosts for the others (`IsolatedHostsFilter`).
    #[serde(alias = "IsolatedHostsFilter")]
    #[schemars(extend("x-formerly" = "IsolatedHostsFilter"))]
    IsolatedHosts,
    /// Hosts with few operations under way (`IoOpsFilter`).
    #[serde(rename = "io-ops", alias = "IoOpsFilter")]
    #[schemars(extend("x-formerly" = "IoOpsFilter"))]
    IoOperations,
    /// Hosts with few instances (`NumInstancesFilter`).
    #[serde(rename = "num-instances", alias = "NumInstancesFilter")]
    #[schemars(extend("x-formerly" = "NumInstancesFilter"))]
    Instances,
}

impl Filter {
    /// Nova's own list.
    pub const DEFAULT: [Self; 4] = [
        Self::Compute,
        Self::Capabilities,
        Self::AntiAffinity,
        Self::Affinity,
    ];

    /// Whether a host passes.
    pub fn passes(
        self,
        host: &Host,
        standing: Standing,
        request: &Request,
        rules: &Limits,
    ) -> bool {
        let group = request.group.as_ref().map(|group| group.policy);
        match self {
            Self::Compute => host.is_enabled && host.is_up,
            Self::Capabilities => standing.matches,
            Self::AntiAffinity => match group {
                Some(GroupPolicy::AntiAffinity { most_per_host }) => {
                    // An instance that moves may stay where it is.
                    request.present == Some(standing.host) || standing.members < most_per_host
                }
                _ => true,
            },
            Self::Affinity => match group {
                Some(GroupPolicy::Affinity) => standing.group_is_empty || standing.members > 0,
                _ => true,
            },
            Self::SameHost => {
                let same = request.hints.as_ref().and_then(|own| own.same.as_ref());
                same.is_none_or(|hosts| hosts.contains(&standing.host))
            }
            Self::DifferentHost => {
                let hints = request.hints.as_ref();
                hints.is_none_or(|own| !own.different.contains(&standing.host))
            }
            Self::Query => request.query.as_ref().is_none_or(|own| own.holds(host)),
            Self::Near => request.near.is_none_or(|network| {
                let address = host.address;
                address.is_some_and(|address| network.contains(address))
            }),
            Self::AggregateExtraSpecs => request.extra_specs.iter().all(|(key, value)| {
                let metadata = host.metadata.as_ref();
                let values = metadata.and_then(|own| own.get(key));
                values.is_some_and(|values| values.contains(value))
            }),
            Self::IsolatedHosts => {
                let (host, image) = (host.is_isolated, request.is_image_isolated);
                host == image || (host && !rules.restricts_isolated_hosts)
            }
            Self::IoOperations => host.io_operations < rules.most_io_operations,
            Self::Instances => host.instances < rules.most_instances,
        }
    }

    /// Whether a request asks the filter anything; one that is not asked lets every host pass.
    pub(super) fn is_asked(self, request: &Request) -> bool {
        let group = request.group.as_ref().map(|group| group.policy);
        match self {
            Self::AntiAffinity => matches!(group, Some(GroupPolicy::AntiAffinity { .. })),
            Self::Affinity => matches!(group, Some(GroupPolicy::Affinity)),
            Self::SameHost | Self::DifferentHost => request.hints.is_some(),
            Self::Query => request.query.is_some(),
            Self::Near => request.near.is_some(),
            Self::AggregateExtraSpecs => !request.extra_specs.is_empty(),
            Self::Compute
            | Self::Capabilities
            | Self::IsolatedHosts
            | Self::IoOperations
            | Self::Instances => true,
        }
    }

    /// The reason for which hosts are left out, as messages state it.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Compute => "service disabled or down",
            Self::Capabilities => "other capabilities",
            Self::AntiAffinity => "members of the anti-affinity group there",
            Self::Affinity => "no member of the affinity group there",
            Self::SameHost => "none of the instances of the hint same_host there",
            Self::DifferentHost => "instances of the hint different_host there",
            Self::Query => "the query does not hold there",
            Self::Near => "address not near that of the hint build_near_host_ip",
            Self::AggregateExtraSpecs => "other metadata of aggregates",
            Self::IsolatedHosts => "isolated hosts are for isolated images, and these for them",
            Self::IoOperations => "too many operations under way",
            Self::Instances => "too many instances",
        }
    }
}

/// A host's standing with a request, beside the host's own state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The host's number.
    pub host: usize,
    /// `true` if the host has the capabilities that the request names.
    pub matches: bool,
    /// Members of the request's server group on the host.
    pub members: i64,
    /// `true` if the request's server group has no member anywhere.
    pub group_is_empty: bool,
}

/// Limits of the filters that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Operations at which a host takes no more (`max_io_ops_per_host`).
    pub most_io_operations: i64,
    /// Instances at which a host takes no more (`max_instances_per_host`).
    pub most_instances: i64,
    /// `true` if isolated hosts take isolated images alone (`restrict_isolated_hosts_to_isolated_images`).
    pub restricts_isolated_hosts: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            most_io_operations: 8,
            most_instances: 50,
            restricts_isolated_hosts: true,
        }
    }
}
