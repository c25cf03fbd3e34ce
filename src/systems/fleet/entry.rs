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
    summary: "CoreOS Fleet: systemd units on the machine with the fewest of them.",
    source: "coreos/fleet 4522498 (1.0): engine, agents, unit files",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::Always,
    capabilities: CAPABILITIES,
    build,
};

const COUNTS: &str = "machines are chosen by their number of units";
const METADATA: &str = "MachineMetadata";
const SYSTEMD: &str = "systemd knows nothing of it";

/// What Fleet can express.
const CAPABILITIES: Capabilities = &[
    (Capability::Requests, Without(COUNTS)),
    (Capability::CpuFractions, Without(COUNTS)),
    (Capability::ExtendedResources, Without(COUNTS)),
    (
        Capability::WholeGpus,
        Refused("units get no devices of their own"),
    ),
    (
        Capability::GpuChoice,
        Refused("units get no devices of their own"),
    ),
    (
        Capability::GpuShares,
        Refused("units get no devices of their own"),
    ),
    (Capability::NodeSelector, Yes(METADATA)),
    (Capability::NodeAffinityEqual, Yes(METADATA)),
    (
        Capability::NodeAffinityChoice,
        Yes("several MachineMetadata lines of one key"),
    ),
    (
        Capability::NodeAffinityTerms,
        Refused("metadata are equal or not"),
    ),
    (
        Capability::PreferredNodeAffinity,
        Without("every option is required"),
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
        Without("every option is required"),
    ),
    (
        Capability::SpreadPreferred,
        Without("units spread over machines, not over zones"),
    ),
    (
        Capability::SpreadRequired,
        Refused("units spread over machines, not over zones"),
    ),
    (Capability::Taints, Without("machines take any unit")),
    (
        Capability::HostPorts,
        Without("two units on one port would fail; write Conflicts"),
    ),
    (
        Capability::Volumes,
        Without("disks stay on their machine and are not looked at"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (Capability::Priority, Without("units are alike")),
    (Capability::Gangs, Without("units are scheduled one by one")),
    (
        Capability::SchedulingGates,
        Without("a unit that is submitted is wanted"),
    ),
    (
        Capability::SeveralContainers,
        Yes("one unit with their sum"),
    ),
    (
        Capability::InitContainers,
        Without("ExecStartPre; only their requests count"),
    ),
    (
        Capability::RestartInPlace,
        Yes("systemd's Restart, with the kubelet's delays"),
    ),
    (
        Capability::LivenessProbes,
        Yes("as systemd's watchdog: the unit is started again"),
    ),
    (Capability::ReadinessProbes, Without(SYSTEMD)),
    (
        Capability::Replicas,
        Yes("instances NAME@1.service and on of a template"),
    ),
    (
        Capability::RollingUpdate,
        Without("changed units are unloaded, loaded and started again, all at once"),
    ),
    (
        Capability::StatefulSet,
        Without("instances with names, without order or disks"),
    ),
    (Capability::DaemonSet, Yes("Global=true")),
    (
        Capability::Job,
        Without("units that run once; one that fails is not tried again"),
    ),
    (
        Capability::CronJob,
        Refused("timers are not scheduled with their units here"),
    ),
    (
        Capability::DisruptionBudget,
        Without("units are moved when they must be"),
    ),
    (
        Capability::Service,
        Without("units announce themselves by units of their own"),
    ),
    (Capability::OtherObjects, Without("there are units alone")),
    (
        Capability::Placement,
        Yes("the able machine with the fewest units, the lowest name of equals"),
    ),
    (
        Capability::Overcommit,
        Yes("without bound: cpu and memory play no part"),
    ),
    (
        Capability::FailureDetection,
        Yes("a machine's key ends 30 s after its last beat, 15 to 30 s after its loss"),
    ),
    (
        Capability::LostNode,
        Yes("units move at the next round, at most 2 s later; cut off, they run on, too"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("units run on; another engine leads once the lease of 10 s has ended"),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "the registry asks for it")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    Ok(SystemParts {
        components: vec![Box::new(Fleet::new(request.options.fleet.clone()))],
        agent: Box::new(FleetAgent::new(KubeletOptions {
            time_limits: request.time_limits,
            images: request.images.clone(),
        })),
        stepping: Stepping::PerInstant,
        commitment: Commitment::Decided,
    })
}
