//! View of the controller of node life, and its wants: conditions, taints, views of nodes.

use model::{Taint, TaintEffect, Text};
use units::Instant;

/// The condition `Ready` of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeReady {
    /// Reported status.
    pub status: ReadyStatus,
    /// Instant at which the node last posted the condition.
    pub heartbeat: Instant,
}

/// The status of the condition `Ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyStatus {
    /// The node is ready.
    True,
    /// The node says that it is not ready.
    False,
    /// The node says nothing.
    Unknown,
}

/// The controller's view of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// The node's name.
    pub name: Text,
    /// The node's region and zone.
    pub zone: Text,
    /// Marks a node whose health does not count for its zone.
    pub is_excluded: bool,
    /// Instant of the node's creation.
    pub created: Instant,
    /// The node's condition; `None` if it never posted.
    pub ready: Option<NodeReady>,
    /// Instant of the lease's last renewal.
    pub lease: Option<Instant>,
    /// Marks a node with the `NoExecute` taint `not-ready`.
    pub is_tainted_not_ready: bool,
    /// Marks a node with the `NoExecute` taint `unreachable`.
    pub is_tainted_unreachable: bool,
}

impl NodeView {
    pub(super) fn has(&self, taint: ExecuteTaint) -> bool {
        match taint {
            ExecuteTaint::NotReady => self.is_tainted_not_ready,
            ExecuteTaint::Unreachable => self.is_tainted_unreachable,
        }
    }
}

/// The `NoExecute` taints of this controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecuteTaint {
    /// Taint of nodes that report not to be ready.
    NotReady,
    /// Taint of nodes that do not report.
    Unreachable,
}

impl ExecuteTaint {
    /// The taint itself.
    pub fn taint(self) -> Taint {
        let name = match self {
            Self::NotReady => "not-ready",
            Self::Unreachable => "unreachable",
        };
        node_taint(name, TaintEffect::NoExecute)
    }

    pub(super) fn of(status: ReadyStatus) -> Option<Self> {
        match status {
            ReadyStatus::True => None,
            ReadyStatus::False => Some(Self::NotReady),
            ReadyStatus::Unknown => Some(Self::Unreachable),
        }
    }

    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::NotReady => Self::Unreachable,
            Self::Unreachable => Self::NotReady,
        }
    }
}

/// A change that the controller requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleWrite {
    /// The node's conditions become unknown.
    MarkUnknown(Text),
    /// The node's pods become not ready.
    PodsNotReady(Text),
    /// The node's pods are evicted, under [`super::EvictionRule::Timeout`].
    EvictPods(Text),
    /// The node gets a taint.
    AddTaint(Text, ExecuteTaint),
    /// The node loses a taint.
    RemoveTaint(Text, ExecuteTaint),
}

/// Conditions of a node beside `Ready`, and whether it is cordoned.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a condition of its own"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodePressure {
    /// `MemoryPressure` is true.
    pub memory: bool,
    /// `DiskPressure` is true.
    pub disk: bool,
    /// `PIDPressure` is true.
    pub pid: bool,
    /// `NetworkUnavailable` is true.
    pub network: bool,
    /// Marks a cordoned node.
    pub unschedulable: bool,
}

/// The `NoSchedule` taints that a node of these conditions has, all others of this controller not.
pub fn no_schedule_taints(ready: Option<NodeReady>, pressure: NodePressure) -> Vec<Taint> {
    let status = ready.map(|ready| ready.status);
    [
        (status == Some(ReadyStatus::False), "not-ready"),
        (status == Some(ReadyStatus::Unknown), "unreachable"),
        (pressure.memory, "memory-pressure"),
        (pressure.disk, "disk-pressure"),
        (pressure.pid, "pid-pressure"),
        (pressure.network, "network-unavailable"),
        (pressure.unschedulable, "unschedulable"),
    ]
    .into_iter()
    .filter(|(is_so, _)| *is_so)
    .map(|(_, name)| node_taint(name, TaintEffect::NoSchedule))
    .collect()
}

fn node_taint(name: &str, effect: TaintEffect) -> Taint {
    Taint {
        key: format!("node.kubernetes.io/{name}").into(),
        value: "".into(),
        effect,
    }
}
