//! Causes of trouble with a workload, in the order of 9.4: an earlier cause explains a later one.

use cluster::Store;
use model::rules::room::fits;
use model::{PodRef, exit};
use units::NodeId;

/// Cause of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A node was lost or not heard of.
    NodeLost,
    /// An image could not be had.
    ImageUnavailable,
    /// A quota refused pods.
    QuotaExceeded,
    /// No node had enough left of what a pod asks for.
    InsufficientResources,
    /// A node had the room; its labels, taints or pods did not suit.
    ConstraintUnmet,
    /// A node had the room; a port of it was taken.
    PortConflict,
    /// Containers were killed for want of memory.
    OutOfMemory,
    /// A pod ceased to be ready while it ran.
    ProbeFailed,
    /// Containers ended again and again.
    CrashLoop,
    /// Containers that serve ended well, and were started again.
    Completed,
    /// Their command could not be executed: code 126.
    CommandNotExecutable,
    /// Their command was not found: code 127.
    CommandNotFound,
    /// They were killed: code 137.
    Killed,
    /// They crashed: code 139.
    Segfault,
    /// They were asked to terminate: code 143.
    Terminated,
    /// They ended badly otherwise.
    ApplicationError,
    /// A pod was evicted.
    Evicted,
    /// Pods were held back by their own limits.
    Throttled,
    /// Pods were held back by what others did on their node.
    NoisyNeighbor,
}

impl Cause {
    /// Name of the cause.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NodeLost => "NodeLost",
            Self::ImageUnavailable => "ImageUnavailable",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::InsufficientResources => "InsufficientResources",
            Self::ConstraintUnmet => "ConstraintUnmet",
            Self::PortConflict => "PortConflict",
            Self::OutOfMemory => "OutOfMemory",
            Self::ProbeFailed => "ProbeFailed",
            Self::CrashLoop => "CrashLoop",
            Self::Completed => exit::reason(0),
            Self::CommandNotExecutable => exit::reason(126),
            Self::CommandNotFound => exit::reason(127),
            Self::Killed => exit::reason(exit::KILLED),
            Self::Segfault => exit::reason(139),
            Self::Terminated => exit::reason(exit::TERMINATED),
            Self::ApplicationError => "ApplicationError",
            Self::Evicted => "Evicted",
            Self::Throttled => "Throttled",
            Self::NoisyNeighbor => "NoisyNeighbor",
        }
    }

    /// Refines the cause with new evidence: an unready pod may turn out to have crashed, a crashed
    /// one to have been killed for lack of memory or to be crash-looping. Other causes stay as they
    /// are.
    pub(super) fn refined(self, shown: Self) -> Self {
        match (self, shown) {
            (Self::ProbeFailed, Self::CrashLoop | Self::OutOfMemory)
            | (Self::CrashLoop, Self::OutOfMemory)
            | (Self::Throttled, Self::NoisyNeighbor) => shown,
            (Self::ProbeFailed, shown) if shown.is_exit() => shown,
            (held, Self::CrashLoop | Self::OutOfMemory) if held.is_exit() => shown,
            // What slowed a pod matters less than what stops it.
            (held, shown) if held.is_throttling() && !shown.is_throttling() => shown,
            (known, _) => known,
        }
    }

    /// Cause derived from the exit code of a container that ended by itself.
    pub(super) const fn of_exit(code: i32) -> Self {
        match code {
            0 => Self::Completed,
            126 => Self::CommandNotExecutable,
            127 => Self::CommandNotFound,
            exit::KILLED => Self::Killed,
            139 => Self::Segfault,
            exit::TERMINATED => Self::Terminated,
            _ => Self::ApplicationError,
        }
    }

    /// `true` if the cause is no more than the end of a container.
    const fn is_exit(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::CommandNotExecutable
                | Self::CommandNotFound
                | Self::Killed
                | Self::Segfault
                | Self::Terminated
                | Self::ApplicationError
        )
    }

    /// Whether pods have no node for it.
    pub(super) const fn is_pending(self) -> bool {
        matches!(
            self,
            Self::InsufficientResources | Self::ConstraintUnmet | Self::PortConflict
        )
    }

    /// Whether pods run, slower than they would.
    pub(super) const fn is_throttling(self) -> bool {
        matches!(self, Self::Throttled | Self::NoisyNeighbor)
    }

    /// Cause for which no node takes a pod: whether one has the room for it.
    pub(super) fn of_pending(pod: PodRef, store: &Store) -> Self {
        let Some(record) = store.pods().get(pod) else {
            return Self::InsufficientResources;
        };
        let class = store.class(record.class);
        let (nodes, asks) = (store.nodes(), &class.requests);
        let free = nodes.free();
        let has_room = (0..free.cpu_milli.len()).any(|index| {
            let node = NodeId::from_index(index);
            nodes.object(node).is_some()
                && nodes.is_ready(node)
                && fits(asks.cpu_milli, free.cpu_milli[index])
                && fits(asks.memory_bytes, free.memory_bytes[index])
                && fits(asks.gpu_milli, free.gpu_milli[index])
                && fits(1, free.pods[index])
        });
        if !has_room {
            Self::InsufficientResources
        } else if class
            .spec
            .all_containers()
            .any(|all_container| !all_container.host_ports.is_empty())
        {
            Self::PortConflict
        } else {
            Self::ConstraintUnmet
        }
    }
}
