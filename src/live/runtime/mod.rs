//! Runtimes of a node: they start, watch, stop and list containers. The process runtime runs each
//! container under a shim of its own, a process that outlives the agent; files in the container's
//! folder are the only interface between the two, so an agent that is killed loses nothing.
//!
//! A runtime decides nothing: which container runs, and whether one that ended starts again, is for
//! the node agent above it.

#![expect(
    clippy::disallowed_methods,
    reason = "a runtime of a real host reads and writes its files"
)]

mod account;
pub mod cgroup;
pub mod clock;
pub mod docker;
pub mod doctor;
pub(crate) mod fault_point;
mod files;
pub mod host;
mod log;
mod log_reader;
mod order;
mod own_folder;
pub mod process;
pub mod procfs;
mod record;
pub mod room;
pub mod shim;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use account::Account;
pub use files::{Stored, read as read_record, write as write_record};
pub use log::{LogLimits, timestamp};
pub use log_reader::{LogPart, LogPosition, read_log};
pub use order::{AttemptId, Image, Limits, NameError, Order};
pub use own_folder::OpenError;
pub use record::{Counters, Ending, ExitRecord, Identity, Outcome, StateRecord, StopRecord};

/// A runtime of containers. `process::ProcessRuntime` is one; an engine such as Docker is another.
pub trait Runtime {
    /// Starts an attempt of a container. An attempt that is known already is not started again.
    fn start(&mut self, order: &Order) -> Result<Started, StartError>;

    /// Orders an attempt to end: a signal first, force after the grace period. An attempt that is
    /// unknown or has ended is left alone; a second order can only shorten the grace period.
    fn stop(&mut self, attempt: &AttemptId, grace: Duration, reason: &str);

    /// Waits for happenings, at most for the timeout; returns at once if some are pending.
    fn poll(&mut self, timeout: Duration) -> Vec<Happening>;

    /// Lists every attempt that is not acknowledged, by id.
    fn list(&self) -> Vec<Listed>;

    /// Forgets an attempt that ended, after the control plane has its ending for good.
    fn acknowledge(&mut self, attempt: &AttemptId);

    /// Reads the log of an attempt from a place on, or from its beginning.
    ///
    /// # Errors
    /// The log can't be read.
    fn log(
        &self,
        attempt: &AttemptId,
        from: Option<&LogPosition>,
        most_bytes: usize,
    ) -> io::Result<LogPart>;

    /// A command in the container of an attempt, such as a probe, which a thread of its own can run.
    ///
    /// # Errors
    /// The attempt does not run, or this runtime runs no commands.
    fn exec(&self, attempt: &AttemptId, command: &[String]) -> Result<Exec, String> {
        let _ = command;
        Err(format!(
            "{attempt}: this runtime runs no commands in containers"
        ))
    }

    /// Measures an attempt; `None` of one that does not run.
    fn usage(&self, attempt: &AttemptId) -> Option<Usage>;

    /// Labels of the node that follow from the runtime.
    fn labels(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// `true` if the runtime works; one that does not makes its node not ready.
    fn is_ready(&self) -> bool {
        true
    }
}

/// A command that is run within a time; the error is the reason of its failure.
pub type Exec = Box<dyn FnOnce(Duration) -> Result<(), String> + Send>;

/// Answer to an order to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The attempt is being started.
    Now,
    /// The attempt was started before; it starts, runs or has ended.
    Before,
}

/// Refusal to start an attempt.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The order names a pod, container or command that cannot be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The node is strict about limits and can't keep these.
    #[error(
        "{attempt}: this host can't limit {missing}; start without these limits, or set the node's \
         limits to best-effort"
    )]
    LimitsUnavailable {
        /// Attempt that was refused.
        attempt: AttemptId,
        /// Limits that cannot be kept, separated by commas.
        missing: String,
    },
    /// The disk of the state folder is full.
    #[error("{}: no space for the state of a container: {source}; free some space", path.display())]
    DiskFull {
        /// File or folder that could not be written.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file, a cgroup or the shim could not be made.
    #[error("{}: {action}: {source}", path.display())]
    Failed {
        /// Action that failed.
        action: &'static str,
        /// File, folder or program.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// Change of an attempt that the runtime noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// Attempt that changed.
    pub attempt: AttemptId,
    /// Kind of change.
    pub change: Change,
}

/// Kind of a happening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The workload runs. Adopted attempts run since before this agent.
    Running {
        /// Wall clock at the workload's start, nanoseconds since 1970.
        started_ns: i64,
        /// The attempt was started by an earlier agent of this node.
        is_adopted: bool,
    },
    /// The attempt ended; reported until it is acknowledged, to each agent once.
    Ended(Ending),
    /// A pull of the image begins or is done; the start goes on.
    Pull(Pull),
    /// Nothing was started for this order; the order may be given again.
    NotStarted,
    /// Processes outlive SIGKILL (they hang in the kernel); their resources stay reserved.
    Terminating {
        /// Number of processes left.
        process_count: usize,
    },
}

/// Pull of an image that a host lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pull {
    /// Name of the image.
    pub image: String,
    /// `true` once the image is there; `false` as the pull begins.
    pub is_done: bool,
}

/// An attempt as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Attempt.
    pub attempt: AttemptId,
    /// Phase of the attempt.
    pub phase: Phase,
    /// Process id of the workload, while it runs.
    pub workload: Option<u32>,
    /// Process id of the shim, while it runs.
    pub shim: Option<u32>,
    /// End of an attempt that ended.
    pub ending: Option<Ending>,
}

/// Phase of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Ordered, but the workload does not run yet.
    Starting,
    /// The workload runs.
    Running,
    /// The workload ended; processes that it left are being ended.
    Clearing,
    /// The attempt ended and waits for its acknowledgement.
    Ended,
}

/// Measured use of resources by an attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time so far, nanoseconds.
    pub cpu_ns: u64,
    /// Working set: memory in use without the inactive file cache, bytes.
    pub memory_bytes: u64,
    /// Number of processes.
    pub process_count: u64,
    /// Number of processes that the limit on them has refused so far.
    pub refused_processes: u64,
}
