//! Pipeline: the policies of the registry alone, composed by a named profile, over the kubelets and
//! controllers of [`super::kubernetes`]. It follows the extension points of kube-scheduler without
//! its queue, back-off, preemption and plugins, so that a policy of a study is seen by itself.
//!
//! The profile of a published study, as a caller builds it from the registry:
//!
//! ```
//! use policy::{ProfileChoice, Setup};
//! use scheduler::pipeline::evaluate::Form;
//! use systems::{SystemOptions, SystemRequest, TimeLimits, registry};
//!
//! let request = SystemRequest {
//!     setup: Setup::default(),
//!     profile: ProfileChoice::named("fgd"),
//!     options: SystemOptions::default(),
//!     controllers: None,
//!     form: Form::Incremental,
//!     time_limits: TimeLimits::Ignored,
//!     images: None,
//! };
//! let parts = (registry::find("pipeline")?.build)(&request)?;
//! assert_eq!(parts.components[0].name(), "fgd");
//! # Ok::<(), systems::SystemError>(())
//! ```

use super::capability::Support::{Without, Yes};
use super::capability::{Capabilities, Capability};
use super::entry::{
    RunsWorkloads, SchedulerKind, SystemEntry, SystemError, SystemParts, SystemRequest,
};
use super::kubernetes::cell;
use super::profile::check_profile;
use policy::build_profile;
use scheduler::Pipeline;
use units::ComponentId;

/// The registry's entry.
pub const ENTRY: SystemEntry = SystemEntry {
    name: "pipeline",
    summary: "A pipeline of policies that places one pod at a time, with kubelets and controllers.",
    source: "the extension points of kube-scheduler; published profiles name their study",
    scheduler: SchedulerKind::Pipeline,
    workloads: RunsWorkloads::WithControllers,
    empties_nodes: false,
    capabilities: CAPABILITIES,
    ends: crate::ends::kubernetes,
    build,
};

const NO_POLICY: &str = "no policy of the pipeline looks at it";
const CONTROLLERS: &str = "with `system.controllers`";

const CAPABILITIES: Capabilities = &[
    (Capability::Requests, Yes("reserved")),
    (Capability::CpuFractions, Yes("thousandths of a core")),
    (Capability::ExtendedResources, Yes("reserved")),
    (Capability::WholeGpus, Yes("devices, by model")),
    (Capability::GpuChoice, Yes("devices of any of them")),
    (Capability::GpuShares, Yes("a part of one device")),
    (Capability::NodeSelector, Yes("labels of nodes")),
    (Capability::NodeAffinityEqual, Yes("all operators")),
    (Capability::NodeAffinityChoice, Yes("all operators")),
    (Capability::NodeAffinityTerms, Yes("all operators")),
    (Capability::PreferredNodeAffinity, Without(NO_POLICY)),
    (Capability::OnePerNode, Without(NO_POLICY)),
    (Capability::PodAffinityNode, Without(NO_POLICY)),
    (Capability::PodAffinityDomain, Without(NO_POLICY)),
    (Capability::PreferredPodAffinity, Without(NO_POLICY)),
    (Capability::SpreadPreferred, Without(NO_POLICY)),
    (Capability::SpreadRequired, Without(NO_POLICY)),
    (Capability::Taints, Yes("pods tolerate them or stay away")),
    (Capability::PodSlots, Yes("as many as `allocatable.pods`")),
    (Capability::HostPorts, Yes("nodes on which they are free")),
    (
        Capability::Volumes,
        Without("pods go where they fit; a volume binds no pod to a node"),
    ),
    (
        Capability::DeviceClaims,
        Without("devices are not allotted"),
    ),
    (Capability::Needs, Without("taken to be there")),
    (
        Capability::Priority,
        Yes("with the queue order `priority`; no pod is evicted for another"),
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
        Yes("by surge and unavailable, halted and rolled back by users"),
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
        Yes("filters, then the best weighted sum of scores"),
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

fn build(request: &SystemRequest) -> Result<SystemParts, SystemError> {
    check_profile(&ENTRY, &request.profile.name)?;
    let profile = build_profile(&request.profile, &request.setup)?;
    let scheduler = Pipeline::new(ComponentId(0), profile, request.form);
    Ok(cell(request, vec![Box::new(scheduler)]))
}
