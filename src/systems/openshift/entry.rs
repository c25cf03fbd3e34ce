//! `OpenShift` in the registry of systems.

use crate::capability::Support::{Refused, Without, Yes};
use crate::capability::{Capabilities, Capability};
use crate::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use crate::kubernetes::cell;

use super::component::{DeploymentConfigs, Scheduler};
use super::options::OpenShiftOptions;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "openshift",
    summary: "OpenShift Origin: its scheduler policy and deployment configurations, over Kubernetes.",
    source: "openshift/openshift-controller-manager 26d20fe, openshift/router 4b401a8, policy of 3.x",
    scheduler: SchedulerKind::Own,
    workloads: RunsWorkloads::WithControllers,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::kubernetes,
    build,
};

const OF_SERVICE: &str = "the policy knows regions, zones and the pods of a service";
const OF_PODS: &str = "predicate `MatchInterPodAffinity`";
const CONTROLLERS: &str = "with `system.controllers`";

/// Capabilities of `OpenShift`.
pub(super) const CAPABILITIES: Capabilities = &[
    (Capability::Requests, Yes("reserved")),
    (Capability::CpuFractions, Yes("thousandths of a core")),
    (
        Capability::ExtendedResources,
        Without("the policy of 3.x looks at cpu and memory"),
    ),
    (Capability::WholeGpus, Refused("no devices of nodes")),
    (Capability::GpuChoice, Refused("no devices of nodes")),
    (Capability::GpuShares, Refused("no devices of nodes")),
    (Capability::NodeSelector, Yes("labels of nodes")),
    (Capability::NodeAffinityEqual, Yes("all operators")),
    (Capability::NodeAffinityChoice, Yes("all operators")),
    (Capability::NodeAffinityTerms, Yes("all operators")),
    (
        Capability::PreferredNodeAffinity,
        Without("the policy knows regions, zones and the pods of a service; that of 3.11 heeds it"),
    ),
    (Capability::OnePerNode, Without(OF_SERVICE)),
    (Capability::PodAffinityNode, Without(OF_SERVICE)),
    (Capability::PodAffinityDomain, Without(OF_SERVICE)),
    (Capability::PreferredPodAffinity, Without(OF_SERVICE)),
    (Capability::SpreadPreferred, Without(OF_SERVICE)),
    (Capability::SpreadRequired, Without(OF_SERVICE)),
    (Capability::Taints, Yes("pods tolerate them or stay away")),
    (Capability::PodSlots, Yes("as many as `allocatable.pods`")),
    (Capability::HostPorts, Yes("nodes on which they are free")),
    (
        Capability::Volumes,
        Without("one writer of a disk on a node; claims bind no pod to a node"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (
        Capability::Priority,
        Without("pods take their turn in the order of their creation"),
    ),
    (Capability::Gangs, Without("members are placed one by one")),
    (
        Capability::UnlikeGangs,
        Without("members are placed one by one"),
    ),
    (
        Capability::SchedulingGates,
        Without("pods are placed at once"),
    ),
    (
        Capability::SeveralContainers,
        Yes("they share the pod's node"),
    ),
    (Capability::InitContainers, Yes("before the others")),
    (
        Capability::RestartInPlace,
        Yes("with a back-off that grows from 10 s to 5 min"),
    ),
    (
        Capability::LivenessProbes,
        Yes("the container is started again"),
    ),
    (
        Capability::ReadinessProbes,
        Yes("the pod is in service or not"),
    ),
    (Capability::Replicas, Yes(CONTROLLERS)),
    (
        Capability::RollingUpdate,
        Yes("deployment configurations: rolling or recreate, with hooks"),
    ),
    (Capability::StatefulSet, Yes(CONTROLLERS)),
    (Capability::DaemonSet, Yes(CONTROLLERS)),
    (Capability::Job, Yes(CONTROLLERS)),
    (Capability::CronJob, Yes(CONTROLLERS)),
    (Capability::DisruptionBudget, Yes(CONTROLLERS)),
    (Capability::Service, Yes("its endpoints follow readiness")),
    (Capability::OtherObjects, Yes(CONTROLLERS)),
    (
        Capability::Placement,
        Yes("predicates, then requests, the pods of the service and twice their zones"),
    ),
    (Capability::Overcommit, Without("never of requests")),
    (
        Capability::FailureDetection,
        Yes("leases of 10 s; not ready after 50 s of silence (models.nodeLife: observed)"),
    ),
    (
        Capability::LostNode,
        Yes("evicted 300 s after the node is not ready; controllers make others"),
    ),
    (
        Capability::ControlPlaneLoss,
        Yes("pods run on; nothing is placed, replaced or evicted"),
    ),
];

/// Controllers of Kubernetes whose work the system's own do.
const REPLACED: &[&str] = &["deployment"];

/// Answers of the policy of 3.11.
pub const WITH_3_11: Capabilities = &[
    (
        Capability::PreferredNodeAffinity,
        Yes("by weight, up to ten points"),
    ),
    (Capability::OnePerNode, Yes(OF_PODS)),
    (Capability::PodAffinityNode, Yes(OF_PODS)),
    (Capability::PodAffinityDomain, Yes(OF_PODS)),
    (
        Capability::PreferredPodAffinity,
        Yes("by weight, up to ten points"),
    ),
    (
        Capability::Placement,
        Yes(
            "predicates, then requests, balance, wishes, the pods of the service and twice their zones",
        ),
    ),
];

#[expect(clippy::unnecessary_wraps, reason = "required by the registry")]
fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    let options = request.options.of::<OpenShiftOptions>();
    let mut request = request.clone();
    if let Some(controllers) = &mut request.controllers {
        controllers.replaced = REPLACED;
    }
    let mut parts = cell(&request, vec![Box::new(Scheduler::new(options.clone()))]);
    if request.controllers.is_some() {
        parts
            .components
            .push(Box::new(DeploymentConfigs::new(options)));
    }
    Ok(parts)
}
