//! Pressures of a node: it is short of something that all its pods share.

use serde::{Deserialize, Serialize};

/// A shortage that a node reports with each heartbeat for as long as it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pressure {
    /// Kind of the shortage.
    pub kind: PressureKind,
    /// The shortage in words.
    pub why: String,
}

/// Kind of a shortage, named as the condition of a node that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PressureKind {
    /// The disk of the containers' folder has little room.
    #[serde(rename = "DiskPressure")]
    Disk,
    /// The host can start few processes more.
    #[serde(rename = "PIDPressure")]
    Pid,
}

impl PressureKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Disk, Self::Pid];

    /// Name of the condition.
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Disk => "DiskPressure",
            Self::Pid => "PIDPressure",
        }
    }

    /// Key of the taint that keeps new pods off the node.
    pub const fn taint(self) -> &'static str {
        match self {
            Self::Disk => model::node::DISK_PRESSURE_TAINT,
            Self::Pid => "node.kubernetes.io/pid-pressure",
        }
    }

    /// Reason of the condition in one word, while the shortage lasts or while there is none.
    pub(crate) const fn reason(self, holds: bool) -> &'static str {
        match (self, holds) {
            (Self::Disk, true) => "AgentHasDiskPressure",
            (Self::Disk, false) => "AgentHasNoDiskPressure",
            (Self::Pid, true) => "AgentHasInsufficientPID",
            (Self::Pid, false) => "AgentHasSufficientPID",
        }
    }

    /// Reason of the event with which the shortage begins or ends.
    pub(crate) const fn event(self, holds: bool) -> &'static str {
        match (self, holds) {
            (Self::Disk, true) => "NodeHasDiskPressure",
            (Self::Disk, false) => "NodeHasNoDiskPressure",
            (Self::Pid, true) => "NodeHasInsufficientPID",
            (Self::Pid, false) => "NodeHasSufficientPID",
        }
    }

    /// Words for a node without the shortage.
    pub(crate) const fn relief(self) -> &'static str {
        match self {
            Self::Disk => "there is room on the disk",
            Self::Pid => "more processes can be started",
        }
    }
}
