//! Filters: the hosts that can take an instance (spec: orchestrators-a.md sections 6.1 and 6.3;
//! `scheduler/filters/*`).

use super::flavor::GroupPolicy;
use super::host::Host;
use super::scheduler::Request;

/// A filter, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// The host's service is enabled and has reported of late.
    Compute,
    /// The host has what the flavor's extra specs, the image and the request's zone name.
    Capabilities,
    /// The host has fewer members of the request's group than may share one.
    AntiAffinity,
    /// The host is one that the request's group uses already.
    Affinity,
    /// The host has one of the instances that the request's hint `same_host` names (`SameHostFilter`; not in
    /// Nova's own list).
    SameHost,
    /// The host has none of the instances that the request's hint `different_host` names
    /// (`DifferentHostFilter`; not in Nova's own list).
    DifferentHost,
    /// The request's query holds of the host (`JsonFilter`; not in Nova's own list).
    Query,
    /// The host's address is near the one that the request names (`SimpleCIDRAffinityFilter`; not in Nova's own
    /// list).
    Near,
    /// The metadata of the host's aggregates has what the flavor's extra specs name
    /// (`AggregateInstanceExtraSpecsFilter`; not in Nova's own list).
    AggregateExtraSpecs,
    /// Isolated images run on isolated hosts, and as a rule others do not (`IsolatedHostsFilter`; not in
    /// Nova's own list).
    IsolatedHosts,
    /// Few operations are under way on the host (`IoOpsFilter`; not in Nova's own list).
    IoOperations,
    /// The host has few instances (`NumInstancesFilter`; not in Nova's own list).
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
