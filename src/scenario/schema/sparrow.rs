//! `system.sparrow:` of the experiment file: options of Sparrow.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

/// Options of Sparrow; used with `name: sparrow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Sparrow {
    /// Number of probes for each task, 1 to 1000; default 2.
    #[schemars(range(min = 1, max = 1_000))]
    pub probes: u32,
    /// Round trip of a node's question and the scheduler's answer; default `1ms`.
    pub round_trip: Duration,
    /// Nodes ask for tasks when they have room if `true`; otherwise each task joins the shortest of
    /// the queues that it probes. Default `true`.
    pub late_binding: bool,
    /// Leftover reservations are removed once the last task is handed out if `true`; default
    /// `true`.
    pub cancellation: bool,
    /// Sampling of nodes; default `batch`.
    pub sampling: Sampling,
    /// Queues of each node; default `one`.
    pub queues: WorkerQueues,
}

impl Default for Sparrow {
    fn default() -> Self {
        Self {
            probes: 2,
            round_trip: Duration::from_nanos(1_000_000),
            late_binding: true,
            cancellation: true,
            sampling: Sampling::default(),
            queues: WorkerQueues::default(),
        }
    }
}

/// Sampling of nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// All tasks of a job share its probes.
    #[default]
    Batch,
    /// Probes are drawn task by task.
    PerTask,
}

/// Queues of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerQueues {
    /// One queue, first come, first served.
    #[default]
    One,
    /// A queue for each user (tenant or namespace), served in turns.
    ByUser,
    /// A queue for each priority, the highest served first; nothing is preempted.
    ByPriority,
}
