//! Options of Sparrow.

use options::{Rules, SystemSection};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use units::Duration;

use super::queue_order::QueueOrder;

/// Options of Sparrow; used with `name: sparrow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(rename = "Sparrow")]
pub struct SparrowOptions {
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
    pub queues: QueueOrder,
    /// Seed of the run.
    #[serde(skip)]
    pub seed: u64,
}

impl Default for SparrowOptions {
    fn default() -> Self {
        Self {
            probes: 2,
            round_trip: Duration::from_millis(1),
            late_binding: true,
            cancellation: true,
            sampling: Sampling::default(),
            queues: QueueOrder::default(),
            seed: 0,
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

impl SystemSection for SparrowOptions {
    const SYSTEM: &'static str = "sparrow";
    const MEANING: &'static str = "Options of Sparrow, for `name: sparrow`.";

    fn check(&self, rules: &mut Rules<'_>) {
        if !self.late_binding {
            let fields = ["roundTrip", "cancellation", "sampling"];
            rules.only_with("lateBinding: true", &fields);
        }
    }
}
