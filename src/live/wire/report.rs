//! Reports of a node about its pods.

use control::node::Report;
use model::workload::probe::ProbeKind;
use model::{EndReason, PodRef, Restarts};
use serde::{Deserialize, Serialize};

use super::reason;
use crate::runtime::Pull;

/// A report with its number within the daemon's process, from 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NumberedReport {
    /// Number of the report.
    pub number: u64,
    /// The pod.
    pub pod: u32,
    /// The news about the pod.
    pub news: News,
}

/// News about a pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "camelCase", deny_unknown_fields)]
pub enum News {
    /// The pod is being started.
    Starting,
    /// The pod runs.
    Running,
    /// Readiness of the pod.
    Ready {
        /// `true` if the pod is ready.
        ready: bool,
    },
    /// How often containers were started again.
    Restarted {
        /// Restarts so far.
        restarts: Restarts,
    },
    /// A container ended that is started again, or failed.
    Exited {
        /// Number of the container.
        container: u16,
        /// Exit code.
        code: i32,
    },
    /// A probe of a container failed that did not before.
    Unhealthy {
        /// Name of the container.
        container: String,
        /// Purpose of the probe.
        probe: ProbeKind,
        /// Reason.
        why: String,
    },
    /// A pull of an image that the host lacks begins or is done.
    Pull(Pull),
    /// A container failed otherwise than by an exit code of its own.
    Failed {
        /// Name of the container.
        container: String,
        /// Kind of failure.
        failure: Failure,
        /// Details.
        why: String,
    },
    /// The pod ended.
    Ended {
        /// Reason for the end.
        #[serde(with = "reason")]
        reason: EndReason,
    },
}

/// Failure of a container otherwise than by an exit code of its own, named as its reason is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The kernel killed processes of it for want of memory.
    #[serde(rename = "OOMKilled")]
    OutOfMemory,
    /// The limit on its processes refused it some; it runs on.
    ProcessesRefused,
    /// It was not started.
    StartError,
    /// Its shim was killed, and so it was ended.
    ShimLost,
    /// It ended and left no record.
    Unknown,
    /// Its host was started again.
    NodeRebooted,
}

impl Failure {
    /// The reason in one word.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::OutOfMemory => "OOMKilled",
            Self::ProcessesRefused => "ProcessesRefused",
            Self::StartError => "StartError",
            Self::ShimLost => "ShimLost",
            Self::Unknown => "Unknown",
            Self::NodeRebooted => "NodeRebooted",
        }
    }
}

impl News {
    /// The news in a report of an agent; `None` for pulls, which a real host's runtime reports by itself.
    pub(crate) const fn of(report: Report) -> Option<Self> {
        Some(match report {
            Report::Starting(_) => Self::Starting,
            Report::Running(_) => Self::Running,
            Report::Ready(_, ready) => Self::Ready { ready },
            Report::Unhealthy(_) => Self::Ready { ready: false },
            Report::Restarted(_, restarts) => Self::Restarted { restarts },
            Report::Exited(_, container, code) => Self::Exited { container, code },
            Report::Ended(_, reason) => Self::Ended { reason },
            Report::Pull(..) => return None,
        })
    }

    /// The report of an agent about a pod; `None` of what is news for users alone.
    pub(crate) const fn report(&self, pod: PodRef) -> Option<Report> {
        Some(match *self {
            Self::Starting => Report::Starting(pod),
            Self::Running => Report::Running(pod),
            Self::Ready { ready } => Report::Ready(pod, ready),
            Self::Restarted { restarts } => Report::Restarted(pod, restarts),
            Self::Exited { container, code } => Report::Exited(pod, container, code),
            Self::Ended { reason } => Report::Ended(pod, reason),
            Self::Unhealthy { .. } | Self::Failed { .. } | Self::Pull(_) => return None,
        })
    }
}
