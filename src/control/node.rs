//! Node agents: the pure machine between the control plane and a node's processes (kubelet, Mesos
//! agent, Fleet agent …). Implementations live in `systems`; the simulator and a live host drive
//! the same one and differ only in the machine below it.

use std::sync::Arc;

use model::workload::probe::ProbeKind;
use model::{EndReason, InitialState, PodRef, PodSpec, PullError, PullStep, Restarts, Text};
use units::{Duration, Instant, NodeId, SortedMap};

use crate::local_node::LocalNode;

/// An event of a process on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineEvent {
    /// It began to run.
    Started,
    /// It ended by itself, or was killed for want of memory.
    Exited {
        /// The number of the container that ended: an init container that failed, or else the first of the others.
        container: u16,
        /// The code that it ended with; 0 is that its work is done.
        code: i32,
    },
    /// It was stopped as ordered.
    Stopped,
    /// An event of one container of a pod with several, by its number.
    Container(u16, ContainerEvent),
}

/// An event of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContainerEvent {
    /// It began to run.
    Started,
    /// It ended by itself, or was killed for want of memory.
    Exited {
        /// The code that it ended with; 0 is that its work is done.
        code: i32,
    },
    /// It was stopped as ordered.
    Stopped,
    /// A probe of it was made, as [`AgentOutput::probe_orders`] asked.
    Probed {
        /// The probe's purpose.
        kind: ProbeKind,
        /// `true` if it succeeded.
        is_success: bool,
    },
}

impl MachineEvent {
    /// The event of a container; without a number it is that of a pod that was started whole.
    pub const fn of(container: Option<u16>, event: ContainerEvent) -> Self {
        match (container, event) {
            (Some(container), event) => Self::Container(container, event),
            (None, ContainerEvent::Started) => Self::Started,
            (None, ContainerEvent::Exited { code }) => Self::Exited { container: 0, code },
            (None, ContainerEvent::Stopped) => Self::Stopped,
            (None, event @ ContainerEvent::Probed { .. }) => Self::Container(0, event),
        }
    }
}

/// An agent's order to probe a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeOrder {
    /// The pod.
    pub pod: PodRef,
    /// Container number: init containers first, then the others.
    pub container: u16,
    /// The probe's purpose.
    pub kind: ProbeKind,
}

/// An agent's order about an image on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageOrder {
    /// The node.
    pub node: NodeId,
    /// The image.
    pub image: Text,
    /// The action.
    pub deed: ImageAction,
}

/// Action on an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageAction {
    /// To get it: layers that are there are not transferred again.
    Pull,
    /// To stop getting it: it is not needed any more.
    Cancel,
    /// To delete it.
    Remove,
}

/// Result of an order about an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageEvent {
    /// It is there.
    Pulled {
        /// Transferred bytes.
        bytes: i64,
        /// The node's disk.
        disk: DiskUse,
    },
    /// It can't be had.
    Failed(PullError),
    /// It is gone.
    Removed {
        /// The node's disk.
        disk: DiskUse,
    },
}

/// Use of the disk that a node keeps images on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Bytes that images take.
    pub used: i64,
    /// Bytes there are; `None` without a bound.
    pub capacity: Option<i64>,
}

/// Images that nodes have before anything happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresentImages {
    /// Images on every node.
    pub everywhere: Vec<Text>,
    /// Images on some nodes, besides.
    pub on: SortedMap<NodeId, Vec<Text>>,
}

impl PresentImages {
    /// The images of a node.
    pub fn of(&self, node: NodeId) -> impl Iterator<Item = &Text> {
        let own = self.on.get(&node).into_iter().flatten();
        self.everywhere.iter().chain(own)
    }
}

/// An agent's order to its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineCommand {
    /// Start a pod's processes (pulls included).
    Start {
        /// The pod.
        pod: PodRef,
        /// The node.
        node: NodeId,
    },
    /// Stop a pod's processes.
    Stop {
        /// The pod.
        pod: PodRef,
        /// The node.
        node: NodeId,
    },
    /// Start one container of a pod that has several.
    StartContainer {
        /// The pod.
        pod: PodRef,
        /// Container number: init containers first, then the others.
        container: u16,
    },
    /// Stop one container of a pod that has several.
    StopContainer {
        /// The pod.
        pod: PodRef,
        /// The container.
        container: u16,
    },
}

/// An agent's report to the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The pod is being started.
    Starting(PodRef),
    /// The pod runs.
    Running(PodRef),
    /// The pod's condition `Ready` became this.
    Ready(PodRef, bool),
    /// The pod was found unhealthy, which is news of one that was not ready either.
    Unhealthy(PodRef),
    /// Restarts of the pod's containers so far.
    Restarted(PodRef, Restarts),
    /// One of its containers ended that will be started again, or did not do its work: which, and the
    /// code that it ended with.
    Exited(PodRef, u16, i32),
    /// The pod ended.
    Ended(PodRef, EndReason),
    /// Progress of the pod's node with an image for one of its containers.
    Pull(PodRef, u16, PullStep),
}

impl Report {
    /// Pod that the report is about.
    pub const fn pod(self) -> PodRef {
        match self {
            Self::Starting(pod)
            | Self::Running(pod)
            | Self::Ready(pod, _)
            | Self::Unhealthy(pod)
            | Self::Restarted(pod, _)
            | Self::Exited(pod, ..)
            | Self::Ended(pod, _)
            | Self::Pull(pod, ..) => pod,
        }
    }
}

/// Output of one step of an agent.
#[derive(Clone, Debug, Default)]
pub struct AgentOutput {
    /// Orders to the machine.
    pub commands: Vec<MachineCommand>,
    /// Reports to the control plane.
    pub reports: Vec<Report>,
    /// Wake-ups asked for: when, and for which pod.
    pub wakes: Vec<(Instant, PodRef)>,
    /// Orders about images.
    pub image_orders: Vec<ImageOrder>,
    /// Wake-ups asked for of nodes.
    pub node_wakes: Vec<(Instant, NodeId)>,
    /// Probes to make, of agents that have their machines make them.
    pub probe_orders: Vec<ProbeOrder>,
}

impl AgentOutput {
    /// Empties the output and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.commands.clear();
        self.reports.clear();
        self.wakes.clear();
        self.image_orders.clear();
        self.node_wakes.clear();
        self.probe_orders.clear();
    }
}

/// A pod as it is announced to its node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The pod.
    pub pod: PodRef,
    /// The node.
    pub node: NodeId,
    /// Longest run time that the pod declares.
    pub time_limit: Option<Duration>,
    /// Whether an object of the API controls it, so that its readiness is looked at.
    pub is_owned: bool,
    /// Marks a pod with volumes, which may have to be attached first.
    pub has_volumes: bool,
    /// Spec of the pod.
    pub spec: Arc<PodSpec>,
    /// State of a pod that was on the node before the run began.
    pub found: Option<Arc<InitialState>>,
}

/// An order to a node to end a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopOrder {
    /// The pod.
    pub pod: PodRef,
    /// The node.
    pub node: NodeId,
    /// Time that the pod may take to end.
    pub grace: Duration,
    /// Reason for the end, as the end will report it.
    pub reason: EndReason,
}

/// The agents of all nodes of a cell, as one machine (state by pod or node inside).
///
/// The plainest agent: a pod starts as soon as it is assigned, and ends when its processes do.
///
/// ```
/// use cluster::Store;
/// use control::local_node::LocalNode;
/// use control::node::{Assignment, Report, StopOrder};
/// use control::{AgentOutput, MachineCommand, MachineEvent, NodeAgent};
/// use model::{EndReason, PodRef};
/// use units::{Instant, NodeId};
///
/// #[derive(Clone)]
/// struct Plain;
///
/// impl NodeAgent for Plain {
///     fn assigned(&mut self, _: Instant, new: Assignment, _: LocalNode<'_>, out: &mut AgentOutput) {
///         out.reports.push(Report::Starting(new.pod));
///         out.commands.push(MachineCommand::Start { pod: new.pod, node: new.node });
///     }
///
///     fn machine(&mut self, _: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput) {
///         out.reports.push(match event {
///             MachineEvent::Started => Report::Running(pod),
///             _ => Report::Ended(pod, EndReason::Completed),
///         });
///     }
///
///     fn stopping(&mut self, _: Instant, order: StopOrder, out: &mut AgentOutput) {
///         out.commands.push(MachineCommand::Stop { pod: order.pod, node: order.node });
///     }
///
///     fn rebooted(
///         &mut self,
///         _: Instant,
///         old: Assignment,
///         _: Option<StopOrder>,
///         out: &mut AgentOutput,
///     ) {
///         out.reports.push(Report::Ended(old.pod, EndReason::NodeLost));
///     }
///
///     fn relisted(&mut self, _: Instant, _: PodRef, _: &mut AgentOutput) {}
///
///     fn woken(&mut self, _: Instant, _: PodRef, _: &mut AgentOutput) {}
///
///     fn clone_agent(&self) -> Box<dyn NodeAgent> {
///         Box::new(self.clone())
///     }
/// }
///
/// let pod = Store::new().pods().next();
/// let mut out = AgentOutput::default();
/// Plain.machine(Instant::ZERO, pod, MachineEvent::Started, &mut out);
/// assert_eq!(out.reports, [Report::Running(pod)]);
/// ```
pub trait NodeAgent: Send {
    /// A pod was bound to a node. Agents that judge what comes report the end of a pod that their node
    /// does not take ([`EndReason::Refused`]), by what `local` shows of it.
    fn assigned(
        &mut self,
        now: Instant,
        assignment: Assignment,
        local: LocalNode<'_>,
        out: &mut AgentOutput,
    );

    /// Whether agents of this kind put right what is wrongly believed of their nodes and pods when they
    /// post their status.
    fn posts_status(&self) -> bool {
        false
    }

    /// Has the agent order probes one by one ([`AgentOutput::probe_orders`]) and judge by what the machine
    /// reports. Otherwise it computes what probes would find, from what is said about applications. Agents
    /// that know no probes ignore it.
    fn order_probes(&mut self) {}

    /// A pod that is about to be assigned is to be prepared, and started once it is released. Agents
    /// that know no such thing start it at once.
    fn held(&mut self, pod: PodRef) {
        let _ = pod;
    }

    /// A pod that is about to be assigned comes from another node and is up again after a downtime. Agents
    /// that know no such thing start it.
    fn arrives(&mut self, pod: PodRef, downtime: Duration) {
        let _ = (pod, downtime);
    }

    /// Returns the speed at which pods work inside of what the agents run them in, in millionths of that
    /// of their node.
    fn guest_speed_ppm(&self) -> u32 {
        1_000_000
    }

    /// Returns the cores, in thousandths, of what the agents run a pod in, beyond which its processes have
    /// none even where the node has some left; `None` where they run on the node itself.
    fn guest_cores_milli(&self, spec: &PodSpec) -> Option<i64> {
        let _ = spec;
        None
    }

    /// Whether agents of this kind prepare pods that are held back, and start them once they are released.
    fn knows_holds(&self) -> bool {
        false
    }

    /// A pod may be started. Agents that judge what comes judge a pod that waited by what `local` shows now.
    fn released(&mut self, now: Instant, pod: PodRef, local: LocalNode<'_>, out: &mut AgentOutput) {
        let _ = (now, pod, local, out);
    }

    /// A pod was asked to terminate. A second order for a pod can shorten its grace.
    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput);

    /// A pod's node is up again after it was down: none of its processes is left. It may have been
    /// asked to terminate meanwhile.
    fn rebooted(
        &mut self,
        now: Instant,
        assignment: Assignment,
        order: Option<StopOrder>,
        out: &mut AgentOutput,
    );

    /// A pod's node reaches the control plane again, which may have other beliefs about the pod.
    fn relisted(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput);

    /// Something happened to a pod's processes.
    fn machine(&mut self, now: Instant, pod: PodRef, event: MachineEvent, out: &mut AgentOutput);

    /// Something became of an order about an image.
    fn image(
        &mut self,
        now: Instant,
        node: NodeId,
        image: &Text,
        event: ImageEvent,
        out: &mut AgentOutput,
    ) {
        let _ = (now, node, image, event, out);
    }

    /// A wake-up of a node that was asked for.
    fn node_woken(&mut self, now: Instant, node: NodeId, out: &mut AgentOutput) {
        let _ = (now, node, out);
    }

    /// A wake-up that was asked for.
    fn woken(&mut self, now: Instant, pod: PodRef, out: &mut AgentOutput);

    /// An equal machine that goes its own way from here.
    fn clone_agent(&self) -> Box<dyn NodeAgent>;
}

impl Clone for Box<dyn NodeAgent> {
    fn clone(&self) -> Self {
        self.clone_agent()
    }
}
