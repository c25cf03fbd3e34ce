//! Pipeline: the policies of the registry alone, composed by a named profile, over the kubelets and
//! controllers of [`super::kubernetes`]. It follows the extension points of kube-scheduler without
//! its queue, back-off, preemption and plugins, so that a policy of a study is seen by itself.
//!
//! The profile of a published study, as a caller builds it from the registry:
//!
//! ```
//! use systems::{SystemRequest, registry};
//!
//! let request = SystemRequest::of("fgd");
//! let parts = (registry::find("pipeline")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "fgd");
//! # Ok::<(), systems::SystemError>(())
//! ```

use super::capability::{Capabilities, rows};
use super::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemFact, SystemParts, SystemRequest,
};
use super::kubernetes::cell;
use super::profile::check_profile;
use policy::build_profile;
use scheduler::external::{ExternalPlugin, ExternalPoints, ExternalQueueOrder, ExternalScheduler};
use scheduler::pipeline::cycle::Cycle;
use scheduler::{Pipeline, Plugin, PluginSlot};
use units::ComponentId;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "pipeline",
    summary: "A pipeline of policies that places one pod at a time, with kubelets and controllers.",
    source: "the extension points of kube-scheduler; published profiles name their study",
    scheduler: SchedulerKind::Pipeline,
    workloads: RunsWorkloads::WithControllers,
    facts: &[SystemFact::HasPlainForm],
    capabilities: CAPABILITIES,
    ends: crate::ends::kubernetes,
    build,
};

const NO_POLICY: &str = "no policy of the pipeline looks at it";
const CONTROLLERS: &str = "with `system.controllers`";

const CAPABILITIES: Capabilities = &rows! {
    Requests: Yes("reserved"),
    CpuFractions: Yes("thousandths of a core"),
    ExtendedResources: Yes("reserved"),
    WholeGpus: Yes("devices, by model"),
    GpuChoice: Yes("devices of any of them"),
    GpuShares: Yes("a part of one device"),
    NodeSelector: Yes("labels of nodes"),
    NodeAffinityEqual | NodeAffinityChoice | NodeAffinityTerms: Yes("all operators"),
    PreferredNodeAffinity | OnePerNode | PodAffinityNode | PodAffinityDomain |
        PreferredPodAffinity | SpreadPreferred | SpreadRequired: Without(NO_POLICY),
    Taints: Yes("pods tolerate them or stay away"),
    PodSlots: Yes("as many as `allocatable.pods`"),
    HostPorts: Yes("nodes on which they are free"),
    Volumes: Without("pods go where they fit; a volume binds no pod to a node"),
    DeviceClaims: Without("devices are not allotted"),
    Needs: Without("taken to be there"),
    Priority: Yes("with the queue order `priority`; no pod is evicted for another"),
    Gangs | UnlikeGangs: Without("members are placed one by one"),
    SchedulingGates: Without("pods are placed at once"),
    SeveralContainers: Yes("they share the pod's node"),
    InitContainers: Yes("before the others"),
    RestartInPlace: Yes("with a back-off that grows from 10 s to 5 min"),
    LivenessProbes: Yes("the container is started again"),
    HealthChecks: Without("not read; a probe decides"),
    ReadinessProbes: Yes("the pod is in service or not"),
    Replicas: Yes(CONTROLLERS),
    RollingUpdate: Yes("by surge and unavailable, halted and rolled back by users"),
    StatefulSet | DaemonSet | Job | CronJob | DisruptionBudget: Yes(CONTROLLERS),
    Service: Yes("its endpoints follow readiness"),
    OtherObjects: Yes(CONTROLLERS),
    Placement: Yes("filters, then the best weighted sum of scores"),
    Overcommit: Without("never of requests"),
    FailureDetection:
        Yes("leases of 10 s; not ready after 50 s of silence (models.nodeLife: observed)"),
    LostNode: Yes("evicted 300 s after the node is not ready; controllers make others"),
    ControlPlaneLoss: Yes("pods run on; nothing is placed, replaced or evicted"),
};

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    check_profile(&ENTRY, &request.profile.name)?;
    let mut profile = build_profile(&request.profile, &request.setup)?;
    if let Some(own) = &request.external {
        let seed = request.setup.seed;
        if own.points.has(ExternalPoints::SCHEDULE) {
            let cycle = Cycle::new(profile, request.form);
            let exchange = own.exchange.clone();
            let scheduler =
                ExternalScheduler::new(ComponentId(0), exchange, seed, cycle, own.watch_delay);
            return Ok(cell(request, vec![Box::new(scheduler)]));
        }
        if own.points.has(ExternalPoints::ORDER) {
            profile.order = Box::new(ExternalQueueOrder::new(own.exchange.clone(), seed));
        }
        let points = own.points.without(ExternalPoints::ORDER);
        let plugin = ExternalPlugin::new(own.exchange.clone(), points, seed);
        profile.plugins.push(PluginSlot {
            points: plugin.points(),
            plugin: Box::new(plugin),
            weight: own.weight,
        });
    }
    let scheduler = Pipeline::new(ComponentId(0), profile, request.form);
    Ok(cell(request, vec![Box::new(scheduler)]))
}
