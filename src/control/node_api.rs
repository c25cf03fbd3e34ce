//! The API server as nodes meet it: which pods a node has, what a change tells a node, what a report
//! of a node changes. The simulator and a driver of real hosts both carry messages by these rules.

use std::sync::Arc;

use cluster::Store;
use model::{EndReason, Event, Node, Pod, PodChange, PodPhase, PodRef, Taint, TaintEffect, Text};
use units::{Duration, Instant, NodeId};

use crate::local_node::LocalNode;
use crate::node::{AgentOutput, Assignment, NodeAgent, Report, StopOrder};
use crate::volumes::has_volumes;

/// The message to a node that follows from a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A pod was bound to the node.
    Assign(PodRef),
    /// A pod is to end.
    Stop {
        /// The pod.
        pod: PodRef,
        /// Time that the pod may take to end.
        grace: Duration,
        /// Reason for the end, as the end will report it.
        reason: EndReason,
    },
    /// A pod that was held back may be started.
    Release(PodRef),
}

impl Notice {
    /// The message that follows from a change, if one does.
    #[inline]
    pub const fn of(event: &Event) -> Option<Self> {
        match *event {
            Event::PodBound { pod, .. } => Some(Self::Assign(pod)),
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { grace, reason },
            } => Some(Self::Stop { pod, grace, reason }),
            Event::PodChanged {
                pod,
                change: PodChange::Released,
            } => Some(Self::Release(pod)),
            _ => None,
        }
    }
}

/// A node's pod as the control plane wants it once the node is heard again.
#[derive(Clone, Debug)]
pub struct DesiredPod {
    /// The pod.
    pub assignment: Assignment,
    /// The order to end that stands for the pod.
    pub order: Option<StopOrder>,
    /// `true` if the pod was held back and may be started.
    pub may_start: bool,
    /// `true` if the host was down meanwhile, so that none of its processes is left.
    pub crashed: bool,
}

/// Brings an agent and the control plane together over a pod that the agent knows, after the two did
/// not hear each other.
pub fn reunite(
    agent: &mut dyn NodeAgent,
    now: Instant,
    pod: DesiredPod,
    store: &Store,
    out: &mut AgentOutput,
) {
    let known = pod.assignment.pod;
    match pod.order {
        order if pod.crashed => agent.rebooted(now, pod.assignment, order, out),
        Some(order) => {
            // Its status says again how it is before it is stopped.
            agent.relisted(now, known, out);
            agent.stopping(now, order, out);
        }
        None => {
            if pod.may_start {
                let local = LocalNode::new(store, pod.assignment.node);
                agent.released(now, known, local, out);
            }
            agent.relisted(now, known, out);
        }
    }
}

/// The node about which a change says what may be wrong: that it, or a pod on it, is not ready.
pub fn doubted(store: &Store, event: &Event) -> Option<NodeId> {
    match event {
        Event::NodeReadiness { node, ready: false } => Some(*node),
        Event::PodChanged {
            pod,
            change: PodChange::Ready(false),
        } => store.pods().get(*pod).and_then(Pod::node),
        _ => None,
    }
}

impl Assignment {
    /// The message that tells a node of a pod; `None` of a pod without a node.
    pub fn of(store: &Store, pod: PodRef) -> Option<Self> {
        let record = store.pods().get(pod)?;
        Some(Self {
            pod,
            node: record.node()?,
            time_limit: record.time_limit(),
            is_owned: store.pod_states().get(pod).is_some(),
            has_volumes: has_volumes(store, record),
            spec: store.class(record.class).spec.clone(),
            found: record.found().cloned(),
        })
    }
}

impl StopOrder {
    /// The order to end that stands for a pod on a node, if one was given.
    pub fn of(store: &Store, pod: PodRef, node: NodeId) -> Option<Self> {
        let order = store.pod_states().get(pod)?.terminating?;
        Some(Self {
            pod,
            node,
            grace: order.grace,
            reason: order.reason,
        })
    }
}

impl Report {
    /// The change that the API server makes of a report; `None` if it says nothing new.
    pub fn event(self, store: &Store) -> Option<Event> {
        let phase = store.pods().get(self.pod())?.phase;
        let event = match self {
            Self::Starting(pod) if phase == PodPhase::Bound => Event::PodStarting { pod },
            Self::Running(pod) if phase != PodPhase::Running => Event::PodRunning { pod },
            Self::Ended(pod, reason) => Event::PodEnded { pod, reason },
            Self::Ready(pod, ready) => {
                let state = store.pod_states().get(pod);
                if state.is_some_and(|state| state.is_ready == ready) {
                    return None;
                }
                let change = PodChange::Ready(ready);
                Event::PodChanged { pod, change }
            }
            Self::Unhealthy(pod) => Event::PodChanged {
                pod,
                change: PodChange::Ready(false),
            },
            Self::Restarted(pod, restarts) => Event::PodChanged {
                pod,
                change: PodChange::Restarted(restarts),
            },
            Self::Exited(pod, container, code) => Event::PodChanged {
                pod,
                change: PodChange::Exited { container, code },
            },
            Self::Pull(pod, container, step) => Event::PodChanged {
                pod,
                change: PodChange::Pull { container, step },
            },
            Self::Starting(_) | Self::Running(_) => return None,
        };
        Some(event)
    }
}

/// The pods on a node, in the order of their creation.
pub fn pods_on(store: &Store, node: NodeId) -> Vec<PodRef> {
    let slots = store.nodes().pods(node).iter();
    let pods = slots.filter_map(|&slot| store.pods().at(slot));
    let mut pods: Vec<PodRef> = pods.map(|record| record.pod).collect();
    pods.sort_unstable();
    pods
}

/// Key of the taint of a node that drains where its system takes everything off such a node itself.
pub const DRAIN: &str = "windtunnel.dev/drain";

/// Whether a node drains, and its system is to take everything off it.
pub fn drains(node: &Node) -> bool {
    node.taints.iter().any(|taint| *taint.key == *DRAIN)
}

/// The change by which a node takes no new pods, or takes them again, and drains no longer; `None` if it is
/// so already.
pub fn cordon(store: &Store, node: NodeId, unschedulable: bool) -> Option<Event> {
    let known = store.nodes().object(node)?;
    let is_new = known.unschedulable != unschedulable || drains(known);
    is_new.then(|| {
        let mut object = Node {
            unschedulable,
            ..(**known).clone()
        };
        object.taints.retain(|taint| *taint.key != *DRAIN);
        let object = Arc::new(object);
        Event::NodeUpdated { node, object }
    })
}

/// The change by which a node takes no new pods, and its system takes off it what is there; `None` if it
/// is so already.
pub fn drain(store: &Store, node: NodeId) -> Option<Event> {
    let known = store.nodes().object(node)?;
    (!drains(known)).then(|| {
        let mut object = Node {
            unschedulable: true,
            ..(**known).clone()
        };
        object.taints.push(Taint {
            key: DRAIN.into(),
            value: Text::default(),
            effect: TaintEffect::NoExecute,
        });
        let object = Arc::new(object);
        Event::NodeUpdated { node, object }
    })
}

/// The change by which a node says that a condition holds of it, or no longer does: by the taint that
/// follows from the condition. `None` if it has said so.
pub fn condition(store: &Store, node: NodeId, key: &str, holds: bool) -> Option<Event> {
    let known = store.nodes().object(node)?;
    let is_it = |taint: &Taint| *taint.key == *key;
    if known.taints.iter().any(is_it) == holds {
        return None;
    }
    let effect = holds.then_some(TaintEffect::NoSchedule);
    mark(store, node, &key.into(), effect)
}

/// The change by which a node has a taint of a key, without a value, or no taint of that key; `None`
/// if it is so already.
pub fn mark(store: &Store, node: NodeId, key: &Text, effect: Option<TaintEffect>) -> Option<Event> {
    retaint(store, node, |taints| {
        taints.retain(|taint| taint.key != *key);
        taints.extend(effect.map(|effect| Taint {
            key: key.clone(),
            value: Text::default(),
            effect,
        }));
    })
}

/// The change of a node's taints; `None` if they stay as they are.
pub fn retaint(store: &Store, node: NodeId, change: impl FnOnce(&mut Vec<Taint>)) -> Option<Event> {
    let known = store.nodes().object(node)?;
    let mut object = Node::clone(known);
    change(&mut object.taints);
    let object = Arc::new(object);
    (object.taints != known.taints).then_some(Event::NodeUpdated { node, object })
}

/// The change by which a node says which images it has; `None` if it has said so.
pub fn images(store: &Store, node: NodeId, images: Vec<(Text, i64)>) -> Option<Event> {
    let known = store.nodes().object(node)?;
    let is_new = known.images != images;
    is_new.then(|| {
        let object = Arc::new(Node {
            images,
            ..(**known).clone()
        });
        Event::NodeUpdated { node, object }
    })
}
