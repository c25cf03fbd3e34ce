//! The one list of what can happen to a cluster. The store is a function of these; metrics, views
//! and the digest read nothing else.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::{
    Decision, Delivery, DeviceSet, InitialState, MachineFailure, NewPrice, Node, ObjectChange,
    PodName, PodOwner, PodSpec, PullError, Relocation, Restarts, RolloutStep, ServiceLevels,
    VolumeNews,
};
use units::{
    ClassId, ComponentId, Duration, GangId, Instant, NodeId, ObjectId, PodId, PodSlot, Resources,
    TenantId,
};

/// A pod: its identity, which is never reused, and the row where its record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PodRef {
    /// Identity: the n-th pod created in its cell.
    pub id: PodId,
    /// Row in the pod slab.
    pub slot: PodSlot,
}

/// A new pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodCreated {
    /// The pod's identity and row, as previously allocated by the store.
    pub pod: PodRef,
    /// The pod's class.
    pub class: ClassId,
    /// Name of the pod.
    pub name: PodName,
    /// Tenant that the pod is accounted to.
    pub tenant: TenantId,
    /// The gang it starts with, if any.
    pub gang: Option<GangId>,
    /// Longest run time that the pod declares.
    pub time_limit: Option<Duration>,
    /// Run time of a pod's work that is known in advance, which planners may expect of one without a time limit.
    pub estimate: Option<Duration>,
    /// State found on the node, for a pod that was there before the run began.
    pub found: Option<Arc<InitialState>>,
    /// The object that controls the pod, if an object of the API does.
    pub owner: Option<PodOwner>,
}

impl PodCreated {
    /// The run time that planners expect: the time limit, or else the run time; without an end where neither is known.
    pub fn expected_run_time(&self) -> Duration {
        self.time_limit.or(self.estimate).unwrap_or(Duration::MAX)
    }
}

/// Reason a pod ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EndReason {
    /// The pod completed its work.
    Completed,
    /// It ran longer than its time limit and was killed.
    TimeLimit,
    /// It failed by itself.
    Error,
    /// It was refused for good: no node can ever take it, or its scheduler does not try again.
    Rejected,
    /// The pod's node was lost.
    NodeLost,
    /// It was evicted on purpose.
    Evicted(EvictionCause),
    /// It was withdrawn by its owner.
    Cancelled,
    /// The node that it was bound to did not take it.
    Refused(Refusal),
    /// It goes on as the next pod of its name, on the node that it moved to while it ran.
    Moved,
}

/// Reason a node does not take a pod that was bound to it (spec: kubernetes.md part 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Refusal {
    /// Not enough processors are left.
    OutOfCpu,
    /// Not enough memory is left.
    OutOfMemory,
    /// Not enough ephemeral storage is left.
    OutOfStorage,
    /// It runs as many pods as it may.
    OutOfPods,
    /// Not enough of another resource is left.
    OutOfExtended,
    /// The pod's selectors don't admit the node.
    NodeAffinity,
    /// A port that it wants is taken.
    NodePorts,
    /// The node has a taint that acts on the pod.
    Taint,
    /// The node is short of memory or disk.
    Pressure,
}

impl Refusal {
    /// Returns whether the node lacks what the pod requests, which others have.
    pub const fn is_want_of_room(self) -> bool {
        matches!(
            self,
            Self::OutOfCpu
                | Self::OutOfMemory
                | Self::OutOfStorage
                | Self::OutOfPods
                | Self::OutOfExtended
        )
    }

    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::OutOfCpu,
        Self::OutOfMemory,
        Self::OutOfStorage,
        Self::OutOfPods,
        Self::OutOfExtended,
        Self::NodeAffinity,
        Self::NodePorts,
        Self::Taint,
        Self::Pressure,
    ];

    /// The reason that the pod's status shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfCpu => "OutOfcpu",
            Self::OutOfMemory => "OutOfmemory",
            Self::OutOfStorage => "OutOfephemeral-storage",
            Self::OutOfPods => "OutOfpods",
            Self::OutOfExtended => "OutOfextended",
            Self::NodeAffinity => "NodeAffinity",
            Self::NodePorts => "NodePorts",
            Self::Taint => "TaintToleration",
            Self::Pressure => "Evicted",
        }
    }
}

impl EndReason {
    /// Whether the object of an owned pod stays when the pod ended so: its end was not requested, so
    /// its owner has yet to look at it (spec: kubernetes.md 2.8).
    pub const fn leaves_object(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::TimeLimit
                | Self::Error
                | Self::Rejected
                | Self::Evicted(_)
                | Self::Refused(_)
        )
    }

    /// The reason's number in canonical bytes. The causes of evictions and refusals share one
    /// number each: they only inform people, no decision depends on them.
    pub const fn code(self) -> u64 {
        match self {
            Self::Completed => 0,
            Self::TimeLimit => 1,
            Self::Error => 2,
            Self::Rejected => 3,
            Self::NodeLost => 4,
            Self::Evicted(_) => 5,
            Self::Cancelled => 6,
            Self::Refused(_) => 7,
            Self::Moved => 8,
        }
    }
}

/// Reason a pod was evicted (spec: metrics.md 5.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EvictionCause {
    /// A pod of higher priority needed its place.
    Preemption,
    /// The pod does not tolerate a taint of its node, or no longer.
    Taint,
    /// The pod's node was drained.
    Drain,
    /// The descheduler found a better place possible.
    Descheduling,
    /// The pod's node was removed to save capacity.
    Consolidation,
    /// The provider interrupted the pod's spot node with notice.
    Spot,
    /// The pod's node ran short of memory or disk.
    NodePressure,
    /// It is to come back with what the vertical autoscaler recommends.
    Resizing,
}

impl EvictionCause {
    /// All of them, each at its own number.
    pub const ALL: [Self; 8] = [
        Self::Preemption,
        Self::Taint,
        Self::Drain,
        Self::Descheduling,
        Self::Consolidation,
        Self::Spot,
        Self::NodePressure,
        Self::Resizing,
    ];

    /// The cause's name in metrics and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preemption => "preemption",
            Self::Taint => "taint",
            Self::Drain => "drain",
            Self::Descheduling => "descheduling",
            Self::Consolidation => "consolidation",
            Self::Spot => "spot",
            Self::NodePressure => "node_pressure",
            Self::Resizing => "resizing",
        }
    }
}

/// A report or order about a pod, apart from its lifecycle steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PodChange {
    /// The pod's condition `Ready` changed to this.
    Ready(bool),
    /// Restarts of the pod's containers so far.
    Restarted(Restarts),
    /// It was asked to terminate: its node stops it and reports its end, a pod without a node just goes.
    /// A second order can only shorten the grace.
    Terminating {
        /// Time that the pod may take to end.
        grace: Duration,
        /// Reason for the end, as the end will report it.
        reason: EndReason,
    },
    /// The record of a pod that ended by itself is removed: its owner has counted it, or it was
    /// garbage-collected.
    Forgotten,
    /// The node prepares the pod, but starts it only after its release.
    Held,
    /// The node may start the pod.
    Released,
    /// The pod begins to move to another node while it runs; at the end of the move it is evicted and
    /// goes on there.
    Moving {
        /// Destination of the move.
        to: NodeId,
    },
    /// A cold migration or resize of the pod came to this step.
    Relocated(Relocation),
    /// A pod was declared anew: it is of another class from now on. One with a node requests the same.
    Declared {
        /// The new class.
        class: ClassId,
    },
    /// A pod that runs was resized in place: it holds what its new class requests from now on.
    Resized {
        /// The class before.
        before: ClassId,
        /// The new class, which asks for the same devices.
        class: ClassId,
    },
    /// One of its containers ended that is started again, or did not do its work.
    Exited {
        /// Container number: init containers first, then the others, in written order.
        container: u16,
        /// The code that it ended with.
        code: i32,
    },
    /// One of its containers was killed for want of memory.
    OomKilled {
        /// Container number: init containers first, then the others, in written order.
        container: u16,
    },
    /// The node pulls an image for one of the pod's containers.
    Pull {
        /// Container number: init containers first, then the others, in written order.
        container: u16,
        /// Step that the pull reached.
        step: PullStep,
    },
}

/// Progress of a node with an image that a container needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PullStep {
    /// It was asked for; it may wait for others first.
    Asked,
    /// It is there.
    Done {
        /// Transferred bytes.
        bytes: i64,
    },
    /// It can't be had.
    Failed {
        /// Reason the pull failed.
        error: PullError,
        /// Instant at which the image is asked for again.
        again: Instant,
    },
}

/// Contact between a node and the control plane. Lease renewals that change nothing are not events:
/// they follow from the changes around them (spec: kubernetes.md 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeContact {
    /// The node renews its lease as it should.
    Steady,
    /// It has fallen silent.
    Silent {
        /// Instant at which the node last renewed its lease.
        last_heartbeat: Instant,
    },
    /// It renewed its lease: told only where renewals are stepped one by one.
    Heard,
}

/// A claim on a node's resources that is not (yet) a bound pod: assumed and nominated pods, permit
/// waits, offers, reservations. It counts as used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Component that holds the resources.
    pub owner: ComponentId,
    /// The owner's own number for it, unique among its holds.
    pub number: u64,
    /// Node of the hold.
    pub node: NodeId,
    /// Amounts held.
    pub resources: Resources,
    /// Devices and the milli-GPU taken of each.
    pub devices: DeviceSet,
    /// Milli-GPU taken of each device in `devices`.
    pub milli_per_device: u16,
    /// Instant at which the hold lapses by itself, if it does.
    pub until: Option<Instant>,
}

/// A change of the cluster. Ids are dense and never reused, except for pod slots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A pod class was seen for the first time.
    ClassAdded {
        /// Index of the new entry: the next free one.
        class: ClassId,
        /// Content of the class.
        object: Arc<PodSpec>,
    },
    /// A node joined.
    NodeAdded {
        /// Index of the new entry: the next free one.
        node: NodeId,
        /// The node as declared.
        object: Arc<Node>,
    },
    /// A node's declaration changed.
    NodeUpdated {
        /// The node.
        node: NodeId,
        /// The node as now declared.
        object: Arc<Node>,
    },
    /// A node came up or went down; while down it takes nothing new.
    NodeReadiness {
        /// The node.
        node: NodeId,
        /// `true` if the node is up.
        ready: bool,
    },
    /// Contact with a node began or ceased: an observation, which changes nothing by itself.
    NodeContact {
        /// The node.
        node: NodeId,
        /// The contact.
        contact: NodeContact,
    },
    /// A node left for good. Pods that were not ended before stay bound to it until a controller removes
    /// them.
    NodeRemoved {
        /// The node.
        node: NodeId,
    },
    /// A pod was submitted.
    PodCreated(PodCreated),
    /// An attempt to place a pod failed; it stays pending.
    PodUnschedulable {
        /// The pod.
        pod: PodRef,
    },
    /// A pod was given a node.
    PodBound {
        /// The pod.
        pod: PodRef,
        /// Node of the pod.
        node: NodeId,
        /// The GPU devices it takes there.
        devices: DeviceSet,
    },
    /// A pod's node began to start it.
    PodStarting {
        /// The pod.
        pod: PodRef,
    },
    /// A pod runs.
    PodRunning {
        /// The pod.
        pod: PodRef,
    },
    /// A pod ended and holds nothing any more; its row is reused from now on.
    PodEnded {
        /// The pod.
        pod: PodRef,
        /// Reason for the end.
        reason: EndReason,
    },
    /// Something was reported or ordered of a pod.
    PodChanged {
        /// The pod.
        pod: PodRef,
        /// The change.
        change: PodChange,
    },
    /// An object of the API was created, changed or deleted.
    Object(ObjectChange),
    /// Resources were claimed.
    HoldPlaced(Arc<Hold>),
    /// A claim was given up or lapsed.
    HoldReleased {
        /// Component that held the resources.
        owner: ComponentId,
        /// The owner's number for it.
        number: u64,
    },
    /// Machines of a kind cost something else from now on.
    PriceChanged(Arc<NewPrice>),
    /// A scheduler that takes time to decide has decided on a job: an observation, which changes
    /// nothing by itself.
    Decided(Arc<Decision>),
    /// A push of an image reached a step on its way to the pods that run it: an observation, which
    /// changes nothing by itself.
    Delivery(Arc<Delivery>),
    /// A system reports of a workload's rollout what its pods don't show: an observation, which changes
    /// nothing by itself.
    Rollout {
        /// The workload.
        workload: ObjectId,
        /// The step that its rollout reached.
        step: RolloutStep,
    },
    /// Something happened to a volume or to a backup of it: an observation, which changes nothing by
    /// itself.
    Volume(Arc<VolumeNews>),
    /// An account of the virtual machines of a system: an observation, which changes nothing by
    /// itself.
    ServiceLevels(Arc<ServiceLevels>),
    /// A machine that was ordered does not come: an observation, which changes nothing by itself.
    MachineFailed(Arc<MachineFailure>),
}

impl Event {
    /// Describes the kind of change in words.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ClassAdded { .. } => "a new class",
            Self::NodeAdded { .. } => "a new node",
            Self::NodeUpdated { .. } => "a node's new declaration",
            Self::NodeReadiness { .. } => "a node's readiness",
            Self::NodeContact { .. } => "a node's contact",
            Self::NodeRemoved { .. } => "a node's removal",
            Self::PodCreated(_) => "a new pod",
            Self::PodUnschedulable { .. } => "a failed attempt",
            Self::PodBound { .. } => "a binding",
            Self::PodStarting { .. } => "a starting pod",
            Self::PodRunning { .. } => "a running pod",
            Self::PodEnded { .. } => "a pod's end",
            Self::PodChanged { .. } => "a pod's condition",
            Self::Object(_) => "an object of the API",
            Self::HoldPlaced(_) => "a hold",
            Self::HoldReleased { .. } => "a hold's release",
            Self::PriceChanged(_) => "a new price",
            Self::Decided(_) => "a scheduler's decision",
            Self::Delivery(_) => "a step of a push",
            Self::Rollout { .. } => "a step of a rollout",
            Self::Volume(_) => "news of a volume",
            Self::ServiceLevels(_) => "an account of service levels",
            Self::MachineFailed(_) => "a machine that was not made",
        }
    }
}
