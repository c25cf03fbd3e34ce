//! Nova in the registry of systems.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use crate::kubelet::KubeletOptions;
use cluster::Commitment;
use control::Stepping;

use super::agent::NovaAgent;
use super::component::Nova;
use super::options::NovaOptions;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "nova",
    summary: "OpenStack Nova: places a virtual machine for every pod by filters and weighers.",
    source: "openstack/nova 00a0304: filter scheduler, services",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::nova,
    build,
};

const NO_CONTROLLER: &str = "instances are created once and not maintained";
const PASSTHROUGH: &str = "no passthrough of devices";
const SPECS: &str = "extra specs of the flavor against the host's capabilities";

/// Capabilities of Nova.
pub(super) const CAPABILITIES: Capabilities = &[
    (
        Capability::Requests,
        Yes("a flavor that holds them; memory of the guest system beside them"),
    ),
    (
        Capability::CpuFractions,
        Without("rounded up to whole virtual processors"),
    ),
    (
        Capability::ExtendedResources,
        Without("flavors hold processors, memory and disk"),
    ),
    (Capability::WholeGpus, Refused(PASSTHROUGH)),
    (Capability::GpuChoice, Refused(PASSTHROUGH)),
    (Capability::GpuShares, Refused(PASSTHROUGH)),
    (Capability::NodeSelector, Yes(SPECS)),
    (Capability::NodeAffinityEqual, Yes(SPECS)),
    (Capability::NodeAffinityChoice, Yes(SPECS)),
    (
        Capability::NodeAffinityTerms,
        Yes("a query of the JSON filter"),
    ),
    (
        Capability::PreferredNodeAffinity,
        Without("no weigher looks at labels"),
    ),
    (Capability::OnePerNode, Yes("server group, anti-affinity")),
    (
        Capability::PodAffinityNode,
        Without(
            "a server group holds the pods of one kind, by affinity to themselves; hints name others with \
             the filters `same-host` and `different-host`",
        ),
    ),
    (
        Capability::PodAffinityDomain,
        Without("server groups are about single hosts"),
    ),
    (
        Capability::PreferredPodAffinity,
        Yes("server group, soft policies, for pods of one kind"),
    ),
    (
        Capability::SpreadPreferred,
        Without("the weighers spread by what is free, not over zones"),
    ),
    (
        Capability::SpreadRequired,
        Without("the weighers spread by what is free, not over zones"),
    ),
    (Capability::Taints, Without("hosts take any instance")),
    (
        Capability::PodSlots,
        Without("hosts take any number, or fewer with the filter `instances`"),
    ),
    (
        Capability::HostPorts,
        Without("every instance has an address of its own"),
    ),
    (
        Capability::Volumes,
        Without("taken to be reachable from every host"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (Capability::Priority, Without("requests come in order")),
    (
        Capability::Gangs,
        Yes("one request for all instances: all get a host, or none"),
    ),
    (
        Capability::UnlikeGangs,
        Without("one request for the instances of each flavor"),
    ),
    (
        Capability::SchedulingGates,
        Without("instances are asked for at once"),
    ),
    (
        Capability::SeveralContainers,
        Yes("one instance with the sum of their requests"),
    ),
    (Capability::InitContainers, Yes("before the others")),
    (
        Capability::RestartInPlace,
        Yes("inside the instance, with the kubelet's delays"),
    ),
    (
        Capability::LivenessProbes,
        Yes("inside the instance; the container is started again"),
    ),
    (
        Capability::ReadinessProbes,
        Yes("the pod is in service or not"),
    ),
    (Capability::Replicas, Without(NO_CONTROLLER)),
    (
        Capability::RollingUpdate,
        Without("instances stay as they were created"),
    ),
    (
        Capability::StatefulSet,
        Without("instances without order and without their own volumes"),
    ),
    (Capability::DaemonSet, Refused(NO_CONTROLLER)),
    (Capability::Job, Refused(NO_CONTROLLER)),
    (Capability::CronJob, Refused(NO_CONTROLLER)),
    (Capability::DisruptionBudget, Without(NO_CONTROLLER)),
    (
        Capability::Service,
        Without("clients find instances themselves"),
    ),
    (Capability::OtherObjects, Without(NO_CONTROLLER)),
    (
        Capability::Placement,
        Yes("filters, then the highest weighed sum; one drawn among the best few if asked for"),
    ),
    (
        Capability::Overcommit,
        Yes("by allocation ratios: 4.0 of processors, 1.0 of memory and disk"),
    ),
    (
        Capability::FailureDetection,
        Yes("60 s after the last report, which come every 10 s"),
    ),
    (
        Capability::LostNode,
        Yes("left in place; built again elsewhere with `evacuateAfter`"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("instances continue; nothing is placed"),
    ),
];

/// Answers of a Nova whose filters look at hints.
pub const WITH_HINTS: Capabilities = &[(
    Capability::PodAffinityNode,
    Yes("hints `same_host` and `different_host`, with the instances there are at the time"),
)];

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.of::<NovaOptions>();
    let agent = NovaAgent::new(
        options.clone(),
        KubeletOptions {
            time_limits: request.time_limits,
            images: request.images.clone(),
            awaits_volumes: false,
        },
    );
    let control = Nova::new(options, request.form, request.setup.seed);
    Ok(SystemParts {
        components: vec![Box::new(control)],
        agent: Box::new(agent),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
