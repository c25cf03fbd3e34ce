//! Options of Sparrow.

use units::Duration;

use super::queue_order::QueueOrder;

/// Options of Sparrow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparrowOptions {
    /// Number of probes for each task.
    pub probes: u32,
    /// Round trip of a question and its answer.
    pub round_trip: Duration,
    /// `true` if nodes ask for tasks when they have room; otherwise tasks are put into the shortest
    /// queue at once.
    pub late_binding: bool,
    /// `true` if leftover reservations are removed as soon as the last task is handed out.
    pub cancellation: bool,
    /// `true` if the probes of a job's tasks are drawn task by task; otherwise all tasks share them.
    pub per_task: bool,
    /// Order of the queues of nodes.
    pub queues: QueueOrder,
    /// The run's seed.
    pub seed: u64,
}

impl Default for SparrowOptions {
    fn default() -> Self {
        Self {
            probes: 2,
            round_trip: Duration::from_millis(1),
            late_binding: true,
            cancellation: true,
            per_task: false,
            queues: QueueOrder::default(),
            seed: 0,
        }
    }
}
