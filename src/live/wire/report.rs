//! Reports of a node about its pods.

use control::node::Report;
use model::workload::probe::ProbeKind;
use model::{EndReason, PodRef};
use serde::{Deserialize, Serialize};

use super::reason;

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
    /// Number of restarts.
    Restarted {
        /// Restarts so far.
        restarts: u32,
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
    /// The pod ended.
    Ended {
        /// Reason for the end.
        #[serde(with = "reason")]
        reason: EndReason,
    },
}

impl News {
    /// The news in a report of an agent; `None` for pulls, which no daemon of a real host reports.
    pub(crate) const fn of(report: Report) -> Option<Self> {
        Some(match report {
            Report::Starting(_) => Self::Starting,
            Report::Running(_) => Self::Running,
            Report::Ready(_, ready) => Self::Ready { ready },
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
            Self::Unhealthy { .. } => return None,
        })
    }
}
