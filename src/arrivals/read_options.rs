//! Options of users for the reading of a trace. One set for all formats; each format's entry in the
//! registry names those that it heeds, anything else has no effect on it.

use std::sync::Arc;

use crate::column_mapping::ColumnMapping;
use model::Throughputs;
use units::Duration;

use intake::ledger::RowPolicy;

/// The rule that a job's type breaks without throughputs of its own.
pub const NO_THROUGHPUTS: &str = "a type of `models.throughputs`";

/// The rule that a number of GPUs breaks without throughputs of its own.
pub const NO_SCALED: &str =
    "a number of GPUs that `models.throughputs.scaled` states for the type of the job";

/// Choices about the reading of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a choice of the user's, by its name"
)]
pub struct ReadOptions {
    /// Policy for bad rows and documented irregularities.
    pub rows: RowPolicy,
    /// `pods-per-node`: pod slots of a node whose format doesn't say (openb nodes). The published
    /// study of that trace allows 1,001.
    pub pods_per_node: i64,
    /// `ran-only`: leave out pods that never ran (openb pods).
    pub ran_only: bool,
    /// `min-runtime`: what a run time of 0 becomes; without it such jobs are dropped (SWF).
    pub min_runtime: Option<Duration>,
    /// `kill-at-walltime`: a run time longer than the requested time is cut to it (SWF).
    pub kill_at_walltime: bool,
    /// `memory`: jobs ask for the memory that the log says they requested (SWF).
    pub memory: bool,
    /// `full-cpu`: 1/1000 cores that 1 stands for where a trace is normalized to its largest machine.
    pub full_cpu_milli: i64,
    /// `full-memory`: bytes that 1 stands for where a trace is normalized to its largest machine.
    pub full_memory_bytes: i64,
    /// `open-buckets`: 1/1000 cores that the open bucket of cores counts as (Azure).
    pub open_cpu_milli: i64,
    /// `open-buckets`: bytes that the open bucket of memory counts as (Azure).
    pub open_memory_bytes: i64,
    /// `core-mhz`: speed of a core of the hosts; a task asks for its speed divided by it, else for its number of cores
    /// (`OpenDC`).
    pub core_mhz: Option<i64>,
    /// `constraints`: tasks keep to constraints on attributes of machines that stand in their own records (Google's
    /// trace of 2019), and those of a job stand on different machines where it says so (both of Google's).
    pub constraints: bool,
    /// `shares`: machines ask for the shares of their host's disks and network (Azure, 2020), and services for those of
    /// its disk (Alibaba, 2017).
    pub shares: bool,
    /// `largest-request`: a task whose request changes asks for the most that it ever asked for.
    pub largest_request: bool,
    /// `end-when-idle`: machines end once they use nothing from one sample to the next, as `CloudSim` has
    /// it (`PlanetLab`).
    pub end_when_idle: bool,
    /// Whether a task that runs is resized as in the trace (Google, Alibaba 2018): otherwise its first request
    /// stands. A run says so where its system takes part.
    pub resizes: bool,
    /// `usage`: pods use what the trace says they used (SWF, the project's own table).
    pub usage: bool,
    /// `recorded`: jobs keep as labels what the trace states of them and no run reads, for what is written of it
    /// (SWF, `sacct`, the project's own table), and of formats that state the outcome of a job, that.
    pub recorded: bool,
    /// Whether jobs keep their outcome alone as a label, for one who counts them.
    pub outcomes: bool,
    /// Throughputs of jobs by GPU model: types of jobs must be among its rows (Gavel, the project's own
    /// table), and steps take the time that they take on the reference model (Gavel).
    pub throughputs: Option<Arc<Throughputs>>,
    /// `columns`: columns of a table by the names of those that they stand for (the project's own table).
    pub columns: Arc<ColumnMapping>,
    /// Field that names the partition of a job, if partitions are read (SWF, `sacct`, the project's own
    /// table).
    pub partitions: Option<PartitionField>,
}

/// Field of a job that names its partition; formats other than SWF have one alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PartitionField {
    /// The partition: field 16 of SWF.
    #[default]
    Partition,
    /// The queue: field 15 of SWF.
    Queue,
}

impl ReadOptions {
    /// Whether jobs keep their outcome as a label.
    pub fn keeps_outcomes(&self) -> bool {
        self.recorded || self.outcomes
    }
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            rows: RowPolicy::default(),
            pods_per_node: 1_001,
            ran_only: false,
            min_runtime: None,
            kill_at_walltime: false,
            memory: false,
            full_cpu_milli: 64_000,
            full_memory_bytes: 256 << 30,
            open_cpu_milli: 30_000,
            open_memory_bytes: 70 << 30,
            core_mhz: None,
            constraints: false,
            shares: false,
            largest_request: false,
            end_when_idle: false,
            resizes: false,
            usage: false,
            recorded: false,
            outcomes: false,
            throughputs: None,
            columns: Arc::default(),
            partitions: None,
        }
    }
}
