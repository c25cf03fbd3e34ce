//! Fleet in the registry of systems.

use crate::capability::{Capabilities, rows};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use cluster::Commitment;
use control::Stepping;

use crate::kubelet::KubeletOptions;

use super::agent_of_nodes::FleetAgent;
use super::component::Fleet;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "fleet",
    summary: "CoreOS Fleet: places systemd units on the machine with the fewest units.",
    source: "coreos/fleet 4522498 (1.0): engine, agents, unit files",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    facts: &[SystemFact::IgnoresCordons],
    capabilities: CAPABILITIES,
    ends: crate::ends::fleet,
    build,
};

const COUNTS: &str = "machines are chosen by their number of units only";
const METADATA: &str = "MachineMetadata";
const SYSTEMD: &str = "systemd has no such concept";

/// Capabilities of Fleet.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests | CpuFractions | ExtendedResources: Without(COUNTS),
    WholeGpus | GpuChoice | GpuShares: Refused("units get no dedicated devices"),
    NodeSelector | NodeAffinityEqual: Yes(METADATA),
    NodeAffinityChoice: Yes("several MachineMetadata lines of one key"),
    NodeAffinityTerms: Refused("metadata is only compared for equality"),
    PreferredNodeAffinity: Without("all options are required"),
    OnePerNode: Yes("Conflicts=NAME@* of a template"),
    PodAffinityNode: Without("MachineOf names units, not labels; unit files state it"),
    PodAffinityDomain: Refused("peers and conflicts are about one machine"),
    PreferredPodAffinity: Without("all options are required"),
    SpreadPreferred: Without("units spread over machines, not over zones"),
    SpreadRequired: Refused("units spread over machines, not over zones"),
    Taints: Without("machines accept any unit"),
    PodSlots: Without("machines take any number of units"),
    HostPorts: Without("two units on one port would fail; write Conflicts"),
    Volumes: Without("disks stay on their machine and are ignored"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("assumed to exist"),
    Priority: Without("units have no priorities"),
    Gangs | UnlikeGangs: Without("units are scheduled one by one"),
    SchedulingGates: Without("a submitted unit is launched without delay"),
    SeveralContainers: Yes("one unit with the sum of their requests"),
    InitContainers: Yes("before the others, as ExecStartPre"),
    RestartInPlace: Yes("systemd's Restart, with the kubelet's delays"),
    LivenessProbes: Yes("as systemd's watchdog: the unit is restarted"),
    HealthChecks: Without(SYSTEMD),
    ReadinessProbes: Without(SYSTEMD),
    Replicas: Yes("instances NAME@1.service, NAME@2.service, … of a template"),
    RollingUpdate: Without("changed units are unloaded, loaded and started again, all at once"),
    StatefulSet: Without("named instances, without order or disks"),
    DaemonSet: Yes("Global=true"),
    Job:
        Without("units that run once; a failed one is started again with `OnFailure`, without a \
            limit"),
    CronJob: Refused("timers are not scheduled with their units here"),
    DisruptionBudget: Without("units are moved whenever necessary"),
    Service: Without("units announce themselves through sidekick units"),
    OtherObjects: Without("only units exist"),
    Placement: Yes("the eligible machine with the fewest units; ties go to the lowest name"),
    Overcommit: Yes("unlimited: cpu and memory are ignored"),
    FailureDetection:
        Yes("a machine's key ends 30 s after its last beat, 15 to 30 s after its loss"),
    LostNode:
        Yes("units move at the next round, at most 2 s later; on a partitioned machine they \
            also continue"),
    ControlPlaneLoss: Yes("units continue; another engine leads once the lease of 10 s has ended"),
};

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    Ok(SystemParts {
        components: vec![Box::new(Fleet::new(request.options.of()))],
        agent: Box::new(FleetAgent::new(KubeletOptions {
            time_limits: request.time_limits,
            images: request.images.clone(),
            awaits_volumes: false,
        })),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
