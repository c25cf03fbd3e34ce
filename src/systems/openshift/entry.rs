//! `OpenShift` in the registry of systems.

use crate::capability::{Capabilities, rows};
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
    facts: &[],
    capabilities: CAPABILITIES,
    ends: crate::ends::kubernetes,
    build,
};

const OF_SERVICE: &str = "the policy knows regions, zones and the pods of a service";
const OF_PODS: &str = "predicate `MatchInterPodAffinity`";
const CONTROLLERS: &str = "with `system.controllers`";

/// Capabilities of `OpenShift`.
pub(super) const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("reserved"),
    CpuFractions: Yes("thousandths of a core"),
    ExtendedResources: Without("the policy of 3.x looks at cpu and memory"),
    WholeGpus | GpuChoice | GpuShares: Refused("no devices of nodes"),
    NodeSelector: Yes("labels of nodes"),
    NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms: Yes("all operators"),
    PreferredNodeAffinity:
        Without("the policy knows regions, zones and the pods of a service; that of 3.11 heeds it"),
    OnePerNode | PodAffinityNode | PodAffinityDomain | PreferredPodAffinity | SpreadPreferred |
        SpreadRequired: Without(OF_SERVICE),
    Taints: Yes("pods tolerate them or stay away"),
    PodSlots: Yes("as many as `allocatable.pods`"),
    HostPorts: Yes("nodes on which they are free"),
    Volumes: Without("one writer of a disk on a node; claims bind no pod to a node"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("taken to be there"),
    Priority: Without("pods take their turn in the order of their creation"),
    Gangs | UnlikeGangs: Without("members are placed one by one"),
    SchedulingGates: Without("pods are placed at once"),
    SeveralContainers: Yes("they share the pod's node"),
    InitContainers: Yes("before the others"),
    RestartInPlace: Yes("with a back-off that grows from 10 s to 5 min"),
    LivenessProbes: Yes("the container is started again"),
    HealthChecks: Without("not read; a probe decides"),
    ReadinessProbes: Yes("the pod is in service or not"),
    Replicas: Yes(CONTROLLERS),
    RollingUpdate: Yes("deployment configurations: rolling or recreate, with hooks"),
    StatefulSet | DaemonSet | Job | CronJob | DisruptionBudget: Yes(CONTROLLERS),
    Service: Yes("its endpoints follow readiness"),
    OtherObjects: Yes(CONTROLLERS),
    Placement: Yes("predicates, then requests, the pods of the service and twice their zones"),
    Overcommit: Without("never of requests"),
    FailureDetection:
        Yes("leases of 10 s; not ready after 50 s of silence (models.nodeLife: observed)"),
    LostNode: Yes("evicted 300 s after the node is not ready; controllers make others"),
    ControlPlaneLoss: Yes("pods run on; nothing is placed, replaced or evicted"),
};

/// Controllers of Kubernetes whose work the system's own do.
const REPLACED: &[&str] = &["deployment"];

/// Answers of the policy of 3.11.
pub(crate) const WITH_3_11: Capabilities = &rows! {
    PreferredNodeAffinity: Yes("by weight, up to ten points"),
    OnePerNode | PodAffinityNode | PodAffinityDomain: Yes(OF_PODS),
    PreferredPodAffinity: Yes("by weight, up to ten points"),
    Placement:
        Yes("predicates, then requests, balance, wishes, the pods of the service and twice \
            their zones"),
};

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
