//! Runtime of processes: a shim for each attempt, and a folder that holds all that is known of it.
//! Nothing is kept in memory alone, so an agent that starts again continues where the last one was
//! killed (`adopt.rs`).

mod adopt;
mod attempt;
mod exec;
mod start;
mod usage;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use units::SortedMap;

use super::cgroup::Hierarchies;
use super::host::{ENFORCEMENT, STRICT};
use super::{
    Account, AttemptId, Exec, Happening, Listed, LogPart, LogPosition, OpenError, Order, Runtime,
    StartError, Started, Usage, clock, own_folder, procfs, read_log,
};
use attempt::Attempt;

/// Configuration of the process runtime.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder for the state of containers; of one agent alone.
    pub folder: PathBuf,
    /// Name of the node, which becomes the name of its cgroups.
    pub node: String,
    /// Program and first arguments that run a shim, before its folder and command.
    pub shim: Vec<OsString>,
    /// Attitude to limits that the host cannot keep.
    pub enforcement: Enforcement,
    /// Folder below which cgroups are looked for; everywhere by default.
    pub cgroup_root: Option<PathBuf>,
    /// User that containers run as; by default that of the agent.
    pub account: Option<Account>,
}

/// Attitude to limits that the host cannot keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// Containers run without such limits.
    BestEffort,
    /// Containers with such limits are refused.
    Strict,
}

/// Runtime of processes.
pub struct ProcessRuntime {
    config: Config,
    hierarchies: Hierarchies,
    boot: String,
    attempts: SortedMap<AttemptId, Attempt>,
    pending: Vec<Happening>,
    /// Held as long as this agent lives.
    _lock: File,
}

/// Time between two looks at what gives no notice: a shim that starts, processes that end.
const LOOK_NS: i64 = 10_000_000;

impl ProcessRuntime {
    /// Opens the folder and adopts the attempts of earlier agents; the first poll reports them.
    pub fn open(config: Config) -> Result<Self, OpenError> {
        let lock = own_folder::taken(&config.folder, &config.node)?;
        own_folder::open_to(&config.folder, config.account)?;
        let failed = |path: &Path, source| OpenError::Folder {
            path: path.to_owned(),
            source,
        };
        let boot = procfs::boot_id();
        let boot = boot.map_err(|error| failed(Path::new("/proc"), error))?;
        let mut runtime = Self {
            hierarchies: Hierarchies::probe(config.cgroup_root.as_deref()),
            config,
            boot,
            attempts: SortedMap::new(),
            pending: Vec::new(),
            _lock: lock,
        };
        runtime
            .adopt()
            .map_err(|error| failed(&runtime.config.folder, error))?;
        Ok(runtime)
    }

    /// Controllers that limit and contain this runtime's containers.
    pub const fn hierarchies(&self) -> &Hierarchies {
        &self.hierarchies
    }

    /// Folder of an attempt: its records and its log.
    pub fn folder(&self, attempt: &AttemptId) -> PathBuf {
        self.config.folder.join(attempt.to_string())
    }

    /// Looks at every attempt once.
    fn look(&mut self) -> Vec<Happening> {
        let mut happenings = std::mem::take(&mut self.pending);
        let now_ns = clock::boot_ns();
        for (id, attempt) in &mut self.attempts {
            let changes = attempt.look(now_ns);
            happenings.extend(changes.into_iter().map(|change| Happening {
                attempt: id.clone(),
                change,
            }));
        }
        happenings
    }

    /// Waits until a shim ends or an attempt wants to be looked at.
    fn wait(&self, until_ns: i64) {
        let now_ns = clock::boot_ns();
        let wanted = self
            .attempts
            .values()
            .filter_map(Attempt::next_look_ns)
            .min();
        let until_ns = match wanted {
            Some(at_ns) => until_ns.min(at_ns.max(now_ns + LOOK_NS / 10)),
            None => until_ns,
        };
        let handles = self.attempts.values().filter_map(Attempt::watched);
        let mut watched: Vec<PollFd<'_>> = handles
            .map(|handle| PollFd::new(handle, PollFlags::IN))
            .collect();
        let limit = clock::timespec(until_ns.saturating_sub(now_ns));
        // An interrupted call is made again by the caller.
        let _ = poll(&mut watched, Some(&limit));
    }
}

impl Drop for ProcessRuntime {
    fn drop(&mut self) {
        self.hierarchies.tidy();
    }
}

impl Runtime for ProcessRuntime {
    fn labels(&self) -> Vec<(&'static str, String)> {
        let enforcement = match self.config.enforcement {
            Enforcement::BestEffort => "best-effort",
            Enforcement::Strict => STRICT,
        };
        let mut labels = Vec::from(self.hierarchies.labels());
        labels.push((ENFORCEMENT, enforcement.to_owned()));
        labels
    }

    fn start(&mut self, order: &Order) -> Result<Started, StartError> {
        order.program()?;
        if self.attempts.contains_key(&order.attempt) {
            return Ok(Started::Before);
        }
        let missing = self.hierarchies.missing(&order.limits);
        if self.config.enforcement == Enforcement::Strict && !missing.is_empty() {
            return Err(StartError::LimitsUnavailable {
                attempt: order.attempt.clone(),
                missing: missing.join(", "),
            });
        }
        let attempt = self.launch(order)?;
        self.attempts.insert(order.attempt.clone(), attempt);
        Ok(Started::Now)
    }

    fn stop(&mut self, attempt: &AttemptId, grace: Duration, reason: &str) {
        if let Some(attempt) = self.attempts.get_mut(attempt) {
            let grace_ns = i64::try_from(grace.as_nanos()).unwrap_or(i64::MAX);
            attempt.stop(clock::boot_ns().saturating_add(grace_ns), reason);
        }
    }

    fn poll(&mut self, timeout: Duration) -> Vec<Happening> {
        let timeout_ns = i64::try_from(timeout.as_nanos()).unwrap_or(i64::MAX);
        let until_ns = clock::boot_ns().saturating_add(timeout_ns);
        loop {
            let happenings = self.look();
            if !happenings.is_empty() || clock::boot_ns() >= until_ns {
                return happenings;
            }
            self.wait(until_ns);
        }
    }

    fn list(&self) -> Vec<Listed> {
        let listed = self.attempts.iter().map(|(id, attempt)| attempt.listed(id));
        listed.collect()
    }

    fn acknowledge(&mut self, attempt: &AttemptId) {
        let is_ended = self.attempts.get(attempt).is_some_and(Attempt::is_ended);
        if is_ended {
            let folder = self.folder(attempt);
            start::discard(&folder);
            self.attempts.remove(attempt);
        }
    }

    fn log(
        &self,
        attempt: &AttemptId,
        from: Option<&LogPosition>,
        most_bytes: usize,
    ) -> io::Result<LogPart> {
        read_log(&self.folder(attempt), from, most_bytes)
    }

    fn exec(&self, attempt: &AttemptId, command: &[String]) -> Result<Exec, String> {
        exec::prepared(&self.folder(attempt), command)
    }

    fn usage(&self, attempt: &AttemptId) -> Option<Usage> {
        self.attempts.get(attempt)?.usage()
    }
}
