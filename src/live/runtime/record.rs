//! Records in the folder of an attempt: `order` (by the agent, before it starts the shim), `state` and
//! `exit` (by the shim), `stop` (by the agent). Each holds the version of its format; later versions
//! add fields only, so an agent reads the records of shims that an earlier version started.

use std::io;

use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use super::cgroup::Group;
use super::{AttemptId, Order, procfs};
use rustix::fd::OwnedFd;

/// Version of the records' format.
const VERSION: u32 = 1;

/// Identity of a process, which no later process shares: process ids come back, and after a restart
/// of the host start times do, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Id of the host's boot.
    pub boot: String,
    /// Process id.
    pub pid: u32,
    /// Start time of the process in clock ticks since boot.
    pub start_ticks: u64,
}

/// Record `order`: the order as it was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct OrderRecord {
    version: u32,
    /// Order.
    pub(super) order: Order,
    /// Cgroups of the container.
    pub(super) group: Group,
}

/// Record `state`: the shim and, once it runs, the workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StateRecord {
    version: u32,
    /// Attempt.
    pub attempt: AttemptId,
    /// Shim.
    pub shim: Identity,
    /// Workload; absent until the program is executed.
    pub workload: Option<Identity>,
    /// Wall clock at the workload's start, nanoseconds since 1970.
    pub started_ns: i64,
    /// Cgroups of the container.
    pub(super) group: Group,
    /// Version of the program that the shim is.
    pub program_version: String,
}

/// Record `exit`: the end of the workload. The agent writes it where the shim could not, so that every
/// agent reports the same end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    version: u32,
    /// Outcome.
    pub outcome: Outcome,
    /// Wall clock at the end, nanoseconds since 1970; absent where nothing saw the end.
    pub ended_ns: Option<i64>,
    /// Counters of the container's cgroups at the end.
    #[serde(default)]
    pub counters: Counters,
}

/// Record `stop`: an order to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRecord {
    version: u32,
    /// Reason of the order.
    pub reason: String,
    /// Clock since boot at which force follows, nanoseconds.
    pub force_at_ns: i64,
    /// The grace period passed, and the workload was killed.
    pub is_forced: bool,
}

/// Outcome of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The program ended with a code.
    Code(i32),
    /// A signal ended the program.
    Signal(i32),
    /// The program was not executed.
    StartError {
        /// Error number of the system, if it was the system's refusal.
        errno: Option<i32>,
        /// Error in words.
        message: String,
    },
    /// The shim was killed; the workload ran on and was ended.
    ShimLost,
    /// Shim and workload are gone and left no record.
    Unknown,
    /// The host was started again.
    NodeRebooted,
}

/// Counters of a container's cgroups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Processes that the kernel killed for want of memory.
    pub oom_kills: u64,
    /// Processes that the limit on processes refused.
    pub refused_processes: u64,
    /// Periods in which the limit on processor time held the container back.
    pub throttled_periods: u64,
    /// Processor time, nanoseconds.
    pub cpu_ns: u64,
    /// Highest use of memory, bytes.
    pub memory_peak_bytes: u64,
}

/// End of an attempt, as the agent reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Outcome.
    pub outcome: Outcome,
    /// Wall clock at the end, nanoseconds since 1970; absent where nothing saw the end.
    pub ended_ns: Option<i64>,
    /// Counters of the container's cgroups at the end.
    pub counters: Counters,
    /// Order to end, if there was one.
    pub stop: Option<StopRecord>,
}

impl Identity {
    /// Identity of a live process; `None` of one that has ended, zombies included.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        let stat = match procfs::stat(pid) {
            Ok(stat) => stat,
            Err(error) if procfs::is_gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !stat.is_alive() {
            return Ok(None);
        }
        Ok(Some(Self {
            boot: procfs::boot_id()?,
            pid,
            start_ticks: stat.start_ticks,
        }))
    }

    /// Handle of the process, if it still lives. The handle is opened before the start time is
    /// compared, so it cannot be that of a later process with the id.
    pub fn open(&self, boot: &str) -> Option<OwnedFd> {
        if self.boot != boot {
            return None;
        }
        let pid = Pid::from_raw(i32::try_from(self.pid).ok()?)?;
        let handle = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let stat = procfs::stat(self.pid).ok()?;
        (stat.start_ticks == self.start_ticks && stat.is_alive()).then_some(handle)
    }
}

impl OrderRecord {
    pub(super) const fn new(order: Order, group: Group) -> Self {
        Self {
            version: VERSION,
            order,
            group,
        }
    }
}

impl StateRecord {
    pub(super) fn new(attempt: AttemptId, shim: Identity, group: Group) -> Self {
        Self {
            version: VERSION,
            attempt,
            shim,
            workload: None,
            started_ns: 0,
            group,
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

impl ExitRecord {
    pub(super) const fn new(outcome: Outcome, ended_ns: Option<i64>, counters: Counters) -> Self {
        Self {
            version: VERSION,
            outcome,
            ended_ns,
            counters,
        }
    }
}

impl StopRecord {
    pub(super) const fn new(reason: String, force_at_ns: i64) -> Self {
        Self {
            version: VERSION,
            reason,
            force_at_ns,
            is_forced: false,
        }
    }
}

impl Ending {
    /// Reason of the end in one word, as Kubernetes names it where it has a word.
    pub const fn reason(&self) -> &'static str {
        match self.outcome {
            // By the counter: with a child killed, the code of the program is its own. A limit below
            // the least that a program needs kills the shim while it is within.
            Outcome::Code(_) | Outcome::Signal(_) | Outcome::Unknown
                if self.counters.oom_kills > 0 =>
            {
                "OOMKilled"
            }
            Outcome::Code(0) => "Completed",
            Outcome::Code(_) | Outcome::Signal(_) => "Error",
            Outcome::StartError { .. } => "StartError",
            Outcome::ShimLost => "ShimLost",
            Outcome::Unknown => "Unknown",
            Outcome::NodeRebooted => "NodeRebooted",
        }
    }

    /// Exit code as shells count it; `None` where nothing is known of it.
    pub const fn code(&self) -> Option<i32> {
        match self.outcome {
            Outcome::Code(code) => Some(code),
            Outcome::Signal(signal) => Some(128 + signal),
            _ => None,
        }
    }
}
