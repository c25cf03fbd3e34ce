//! Nova in the registry of systems.

use crate::capability::{Capabilities, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
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
    facts: &[SystemFact::HasPlainForm],
    capabilities: CAPABILITIES,
    ends: crate::ends::nova,
    build,
};

const NO_CONTROLLER: &str = "instances are created once and not maintained";
const PASSTHROUGH: &str = "no passthrough of devices";
const SPECS: &str = "extra specs of the flavor against the host's capabilities";

/// Capabilities of Nova.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("a flavor that holds them; memory of the guest system beside them"),
    CpuFractions: Without("rounded up to whole virtual processors"),
    ExtendedResources: Without("flavors hold processors, memory and disk"),
    WholeGpus | GpuChoice | GpuShares: Refused(PASSTHROUGH),
    NodeSelector | NodeAffinityEqual | NodeAffinityChoice: Yes(SPECS),
    NodeAffinityTerms: Yes("a query of the JSON filter"),
    PreferredNodeAffinity: Without("no weigher looks at labels"),
    OnePerNode: Yes("server group, anti-affinity"),
    PodAffinityNode:
        Without("a server group holds the pods of one kind, by affinity to themselves; hints \
            name others with the filters `same-host` and `different-host`"),
    PodAffinityDomain: Without("server groups are about single hosts"),
    PreferredPodAffinity: Yes("server group, soft policies, for pods of one kind"),
    SpreadPreferred | SpreadRequired:
        Without("the weighers spread by what is free, not over zones"),
    Taints: Without("hosts take any instance"),
    PodSlots: Without("hosts take any number, or fewer with the filter `num-instances`"),
    HostPorts: Without("every instance has an address of its own"),
    Volumes: Without("taken to be reachable from every host"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("taken to be there"),
    Priority: Without("requests come in order"),
    Gangs: Yes("one request for all instances: all get a host, or none"),
    UnlikeGangs: Without("one request for the instances of each flavor"),
    SchedulingGates: Without("instances are asked for at once"),
    SeveralContainers: Yes("one instance with the sum of their requests"),
    InitContainers: Yes("before the others"),
    RestartInPlace: Yes("inside the instance, with the kubelet's delays"),
    LivenessProbes: Yes("inside the instance; the container is started again"),
    HealthChecks: Without("not read; a probe decides"),
    ReadinessProbes: Yes("the pod is in service or not"),
    Replicas: Without(NO_CONTROLLER),
    RollingUpdate: Without("instances stay as they were created"),
    StatefulSet: Without("instances without order and without their own volumes"),
    DaemonSet | Job | CronJob: Refused(NO_CONTROLLER),
    DisruptionBudget: Without(NO_CONTROLLER),
    Service: Without("clients find instances themselves"),
    OtherObjects: Without(NO_CONTROLLER),
    Placement:
        Yes("filters, then the highest weighed sum; one drawn among the best few if asked for"),
    Overcommit: Yes("by allocation ratios: 4.0 of processors, 1.0 of memory and disk"),
    FailureDetection: Yes("60 s after the last report, which come every 10 s"),
    LostNode: Yes("left in place; built again elsewhere with `evacuateAfter`"),
    ControlPlaneLoss: Yes("instances continue; nothing is placed"),
};

/// Answers of a Nova whose filters look at hints.
pub(crate) const WITH_HINTS: Capabilities = &rows! {
    PodAffinityNode:
        Yes("hints `same_host` and `different_host`, with the instances there are at the time"),
};

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
