//! Fleet in the registry of systems.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
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
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::fleet,
    build,
};

const COUNTS: &str = "machines are chosen by their number of units only";
const METADATA: &str = "MachineMetadata";
const SYSTEMD: &str = "systemd has no such concept";

/// Capabilities of Fleet.
pub(super) const CAPABILITIES: Capabilities = &[
    (Capability::Requests, Without(COUNTS)),
    (Capability::CpuFractions, Without(COUNTS)),
    (Capability::ExtendedResources, Without(COUNTS)),
    (
        Capability::WholeGpus,
        Refused("units get no dedicated devices"),
    ),
    (
        Capability::GpuChoice,
        Refused("units get no dedicated devices"),
    ),
    (
        Capability::GpuShares,
        Refused("units get no dedicated devices"),
    ),
    (Capability::NodeSelector, Yes(METADATA)),
    (Capability::NodeAffinityEqual, Yes(METADATA)),
    (
        Capability::NodeAffinityChoice,
        Yes("several MachineMetadata lines of one key"),
    ),
    (
        Capability::NodeAffinityTerms,
        Refused("metadata is only compared for equality"),
    ),
    (
        Capability::PreferredNodeAffinity,
        Without("all options are required"),
    ),
    (
        Capability::OnePerNode,
        Yes("Conflicts=NAME@* of a template"),
    ),
    (
        Capability::PodAffinityNode,
        Without("MachineOf names units, not labels; unit files state it"),
    ),
    (
        Capability::PodAffinityDomain,
        Refused("peers and conflicts are about one machine"),
    ),
    (
        Capability::PreferredPodAffinity,
        Without("all options are required"),
    ),
    (
        Capability::SpreadPreferred,
        Without("units spread over machines, not over zones"),
    ),
    (
        Capability::SpreadRequired,
        Refused("units spread over machines, not over zones"),
    ),
    (Capability::Taints, Without("machines accept any unit")),
    (
        Capability::PodSlots,
        Without("machines take any number of units"),
    ),
    (
        Capability::HostPorts,
        Without("two units on one port would fail; write Conflicts"),
    ),
    (
        Capability::Volumes,
        Without("disks stay on their machine and are ignored"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("assumed to exist")),
    (Capability::Priority, Without("units have no priorities")),
    (Capability::Gangs, Without("units are scheduled one by one")),
    (
        Capability::UnlikeGangs,
        Without("units are scheduled one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("a submitted unit is launched without delay"),
    ),
    (
        Capability::SeveralContainers,
        Yes("one unit with the sum of their requests"),
    ),
    (
        Capability::InitContainers,
        Without("ExecStartPre; only their requests matter"),
    ),
    (
        Capability::RestartInPlace,
        Yes("systemd's Restart, with the kubelet's delays"),
    ),
    (
        Capability::LivenessProbes,
        Yes("as systemd's watchdog: the unit is restarted"),
    ),
    (Capability::ReadinessProbes, Without(SYSTEMD)),
    (
        Capability::Replicas,
        Yes("instances NAME@1.service, NAME@2.service, … of a template"),
    ),
    (
        Capability::RollingUpdate,
        Without("changed units are unloaded, loaded and started again, all at once"),
    ),
    (
        Capability::StatefulSet,
        Without("named instances, without order or disks"),
    ),
    (Capability::DaemonSet, Yes("Global=true")),
    (
        Capability::Job,
        Without(
            "units that run once; a failed one is started again with `OnFailure`, without a limit",
        ),
    ),
    (
        Capability::CronJob,
        Refused("timers are not scheduled with their units here"),
    ),
    (
        Capability::DisruptionBudget,
        Without("units are moved whenever necessary"),
    ),
    (
        Capability::Service,
        Without("units announce themselves through sidekick units"),
    ),
    (Capability::OtherObjects, Without("only units exist")),
    (
        Capability::Placement,
        Yes("the eligible machine with the fewest units; ties go to the lowest name"),
    ),
    (
        Capability::Overcommit,
        Yes("unlimited: cpu and memory are ignored"),
    ),
    (
        Capability::FailureDetection,
        Yes("a machine's key ends 30 s after its last beat, 15 to 30 s after its loss"),
    ),
    (
        Capability::LostNode,
        Yes(
            "units move at the next round, at most 2 s later; on a partitioned machine they also \
            continue",
        ),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("units continue; another engine leads once the lease of 10 s has ended"),
    ),
];

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
