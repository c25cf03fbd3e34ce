//! The messages that pass between the control plane, the node plane and the surroundings of a cell.

use std::sync::Arc;

use cluster::Incident;
use control::admission::Creation;
use control::node::{ImageEvent, ImageOrder, MachineCommand, Report};
use control::node_api::Notice;
use control::operation::Operation;
use control::provider::{OrderFailure, ProviderRequest};
use control::upgrade::NodeAction;
use model::{EndReason, Event, Pod, PodRef, PodSpec, Text};
use units::{Identity, NodeId};

use super::control_faults::{ApiLimit, BindFault, Part, ViewFault};
use super::cores::ProcessRef;
use super::hosts::{HostOutage, Trouble};
use super::progress::Handover;

/// A message to a part of a cell.
#[derive(Debug)]
pub(super) enum Message {
    ControlPlane(ToControlPlane),
    Nodes(ToNodes),
    Surroundings(ToSurroundings),
    /// Word to the observer of something that begins, or is over.
    Incident(Incident),
}

/// A message to the control plane.
#[derive(Debug)]
pub(super) enum ToControlPlane {
    /// A change that the world made: it can't be refused.
    Happened(Event),
    /// A report of a node's agent.
    Report(Report),
    /// A report of a node's agent that its client had to keep for a while.
    Sent(Report),
    /// A machine that was ordered joins as a node.
    Joined(Event),
    /// A machine that a component ordered will not come.
    OrderFailed {
        component: usize,
        failed: Box<OrderFailure>,
    },
    /// A node is to take no new pods, or to take them again.
    Cordon { node: NodeId, unschedulable: bool },
    /// A pod is to end within its own grace.
    Terminate { pod: PodRef, reason: EndReason },
    /// A user's wish.
    Request(Box<Request>),
    /// A fault of the control plane begins, or is over.
    Fault(ControlFault),
}

/// A fault of the control plane that begins, or is over.
#[derive(Debug)]
pub(super) enum ControlFault {
    /// Every component stops acting, or acts again.
    Outage { is_up: bool },
    /// The leader of a part crashes, or another is elected.
    Leader { part: Part, is_up: bool },
    /// A part sees changes late or not at all, or as usual again.
    Sight(Part, Option<ViewFault>),
    /// Bindings fail, or don't any more.
    Binds(Option<BindFault>),
    /// Requests of a part take time, or don't any more.
    Api(Part, Option<ApiLimit>),
    /// The number of managers that are away, the leader first.
    Managers { away: u32 },
    /// A framework is away, or back.
    Framework { framework: u32, is_up: bool },
    /// The list of nodes is not answered, or is again.
    Discovery { is_up: bool },
}

/// Changes that a user's operation asks for.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) operation: Operation,
    /// The changes, in order.
    pub(super) events: Vec<Event>,
    /// The objects to be created after them.
    pub(super) creations: Vec<Creation>,
}

/// A message to the node plane.
#[derive(Debug)]
pub(super) enum ToNodes {
    /// The message to a node that follows from a change of the control plane.
    Notice(Notice),
    /// The control plane believes that a node, or a pod on it, is not ready.
    Doubted(NodeId),
    /// An agent's order to its machine.
    Order(MachineCommand),
    /// An agent's order about an image.
    ImageOrder(Box<ImageOrder>),
    /// An order about an image came to something.
    ImageEvent {
        node: NodeId,
        image: Text,
        event: ImageEvent,
    },
    /// A node is to say which images it has.
    ReportImages(NodeId),
    /// Processes may have ended of containers, or on shared cores.
    Ends,
    /// Something may be due of containers, images or cores.
    Tick,
    /// Something may be due of processes that share nodes.
    Contend,
    /// A node may have to be looked at; `after_ends` if processes have just ended.
    Look { after_ends: bool },
    /// The next wake-up for containers, images and cores is to be asked for.
    ExpectTick,
    /// A process ended, or is killed with a code.
    ProcessExits {
        process: ProcessRef,
        killed: Option<i32>,
    },
    /// Trouble of a host begins, or is over.
    Trouble {
        node: NodeId,
        trouble: Trouble,
        begins: bool,
    },
    /// A host is heard again after it was lost.
    Back { node: NodeId, lost: Box<HostOutage> },
    /// A node received its pods again, after its reports arrived.
    Reconcile { node: NodeId, lost: Box<HostOutage> },
    /// A pod of such a node is reconciled.
    ReconcilePod(PodResync),
    /// A node that was away is looked at again for want of memory.
    LookAgain(NodeId),
    /// An agent is to say whether it is ready.
    PostStatus(NodeId),
    /// An agent is to say how a pod is.
    Relist(PodRef),
    /// A node is cordoned and its pods are asked to terminate: what a handler of notices does.
    Drain(NodeId),
    /// A pod is lost with its node.
    Lose(PodRef),
    /// A pod that was lost is submitted again.
    Resubmit(Box<Resubmission>),
    /// The registry stops answering, or answers again.
    Registry { is_up: bool },
    /// An image comes corrupted, or whole again.
    CorruptImage { image: Text, is_corrupted: bool },
}

/// A pod on a node that is heard again.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodResync {
    pub(super) node: NodeId,
    pub(super) pod: PodRef,
    /// Whether the host was down meanwhile.
    pub(super) crashed: bool,
    /// Whether the node was not told of the pod.
    pub(super) is_untold: bool,
}

/// A pod that was lost, and what is left of its work.
#[derive(Debug)]
pub(super) struct Resubmission {
    pub(super) record: Pod,
    /// The pod's stable identity.
    pub(super) who: Identity,
    pub(super) rest: Handover,
}

/// A message to the surroundings.
#[derive(Debug)]
pub(super) enum ToSurroundings {
    /// A host may have gone down or come back: clients meet it.
    HostChanged { node: NodeId, is_up: bool },
    /// A component asks for a machine, or gives one back.
    Provide {
        component: usize,
        request: Box<ProviderRequest>,
    },
    /// A drain goes on.
    GoOnDraining(NodeId),
    /// A step of an upgrade.
    Upgrade {
        deed: Box<NodeAction>,
        replaces: bool,
    },
    /// The next strike of a time line of failures is to be awaited.
    AwaitStrike(u32),
    /// The node tries the resizes again that wait for room on it.
    TryResizes(NodeId),
    /// A pod is to be resized to a class that is known by now.
    Resize { pod: PodRef, spec: Arc<PodSpec> },
}

impl From<ToControlPlane> for Message {
    #[inline]
    fn from(message: ToControlPlane) -> Self {
        Self::ControlPlane(message)
    }
}

impl From<ControlFault> for Message {
    fn from(fault: ControlFault) -> Self {
        Self::ControlPlane(ToControlPlane::Fault(fault))
    }
}

impl From<ToNodes> for Message {
    #[inline]
    fn from(message: ToNodes) -> Self {
        Self::Nodes(message)
    }
}

impl From<ToSurroundings> for Message {
    fn from(message: ToSurroundings) -> Self {
        Self::Surroundings(message)
    }
}
