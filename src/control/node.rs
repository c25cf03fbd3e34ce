//! Node agents: the pure machine between the control plane and a node's processes (kubelet, Mesos
//! agent, Fleet agent …). Implementations live in `systems`; the simulator and a live host drive
//! the same one and differ only in the machine below it.

use std::sync::Arc;

use crate::model::{EndReason, PodRef, PodSpec};
use crate::units::{Duration, Instant, NodeId};

/// What happened to a process on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineEvent {
    /// It began to run.
    Started,
    /// It ended by itself, well or not.
    Exited {
        /// Whether its work is done.
        success: bool,
    },
    /// It was stopped as ordered.
    Stopped,
}

/// What an agent orders of its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineCommand {
    /// Start a pod's processes (pulls included).
    Start {
        /// Which pod.
        pod: PodRef,
        /// On which node.
        node: NodeId,
    },
    /// Stop a pod's processes.
    Stop {
        /// Which pod.
        pod: PodRef,
        /// On which node.
        node: NodeId,
    },
}

/// What an agent reports to the control plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The pod is being started.
    Starting(PodRef),
    /// The pod runs.
    Running(PodRef),
    /// The pod's condition `Ready` became this.
    Ready(PodRef, bool),
    /// Its containers were started again so often by now.
    Restarted(PodRef, u32),
    /// The pod ended.
    Ended(PodRef, EndReason),
}

impl Report {
    /// Whom it is about.
    pub const fn pod(self) -> PodRef {
        match self {
            Self::Starting(pod)
            | Self::Running(pod)
            | Self::Ready(pod, _)
            | Self::Restarted(pod, _)
            | Self::Ended(pod, _) => pod,
        }
    }
}

/// What an agent hands back from one step.
#[derive(Clone, Debug, Default)]
pub struct AgentOutput {
    /// Orders to the machine.
    pub commands: Vec<MachineCommand>,
    /// Reports to the control plane.
    pub reports: Vec<Report>,
    /// Wake-ups asked for: when, and for which pod.
    pub wakes: Vec<(Instant, PodRef)>,
}

impl AgentOutput {
    /// Empties the output and keeps its memory.
    #[inline]
    pub fn clear(&mut self) {
        self.commands.clear();
        self.reports.clear();
        self.wakes.clear();
    }
}

/// A pod as its node is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Which pod.
    pub pod: PodRef,
    /// On which node.
    pub node: NodeId,
    /// How long the pod says it may run at most.
    pub time_limit: Option<Duration>,
    /// Whether an object of the API controls it, so that its readiness is looked at.
    pub is_owned: bool,
    /// What it is.
    pub spec: Arc<PodSpec>,
}

/// An order to a node to end a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopOrder {
    /// Which pod.
    pub pod: PodRef,
    /// On which node.
    pub node: NodeId,
    /// How long it may take.
    pub grace: Duration,
    /// Why, as its end will say.
    pub reason: EndReason,
}

/// The agents of all nodes of a cell, as one machine (state by pod or node inside).
pub trait NodeAgent: Send {
    /// A pod was bound to a node.
    fn assigned(&mut self, now: Instant, assignment: Assignment, out: &mut AgentOutput);

    /// A pod was told to end. A second order for a pod can shorten its grace.
    fn stopping(&mut self, now: Instant, order: StopOrder, out: &mut AgentOutput);

    /// A pod's node is up again after it was down: none of its processes is left. It may have been
    /// told to end meanwhile.
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
