//! An attempt as the runtime knows it: stages, orders to end, and what a look at it finds.

use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_send_signal, waitid,
};

use super::super::cgroup::Group;
use super::super::shim::{self, WORKLOAD_MARK};
use super::super::{
    AttemptId, Change, Ending, ExitRecord, Listed, Outcome, Phase, StateRecord, StopRecord, Stored,
    clock, files, procfs,
};
use super::LOOK_NS;
use super::start::is_locked;

/// A process and its handle.
pub(super) struct Process {
    pub(super) handle: OwnedFd,
    pub(super) pid: u32,
}

/// An attempt.
pub(super) struct Attempt {
    folder: PathBuf,
    group: Group,
    stage: Stage,
    /// Absent of a shim that left no readable record of itself; the lock of the folder tells then.
    shim: Option<Process>,
    workload: Option<Process>,
    stop: Option<StopRecord>,
    is_adopted: bool,
    is_reported: bool,
}

/// Stage of an attempt.
enum Stage {
    Starting,
    Running,
    /// Processes that are left are being killed.
    Clearing {
        ending: Ending,
        since_ns: i64,
    },
    Ended(Ending),
}

/// Time that a shim has after force to end what is left, before it is killed itself.
const SHIM_LIMIT_NS: i64 = 6_000_000_000;
/// Time after which processes that outlive SIGKILL are reported.
const STUCK_NS: i64 = 10_000_000_000;

impl Process {
    /// Returns whether the process has ended, be it a zombie.
    pub(super) fn is_ended(&self) -> bool {
        let mut watched = [PollFd::new(&self.handle, PollFlags::IN)];
        let now = clock::timespec(0);
        poll(&mut watched, Some(&now)).is_ok_and(|ready| ready > 0)
    }
}

impl Attempt {
    /// An attempt whose shim this agent has started.
    pub(super) fn starting(folder: PathBuf, group: Group, shim: Process) -> Self {
        Self {
            folder,
            group,
            stage: Stage::Starting,
            shim: Some(shim),
            workload: None,
            stop: None,
            is_adopted: false,
            is_reported: false,
        }
    }

    /// An attempt of an earlier agent whose shim lives.
    pub(super) fn adopted(folder: PathBuf, group: Group, shim: Option<Process>) -> Self {
        let stop = files::read(&folder, "stop").whole();
        Self {
            folder,
            group,
            stage: Stage::Starting,
            shim,
            workload: None,
            stop,
            is_adopted: true,
            is_reported: false,
        }
    }

    /// An attempt of an earlier agent whose shim has ended.
    pub(super) fn left(folder: PathBuf, group: Group, outcome: Outcome) -> Self {
        let mut attempt = Self::adopted(folder, group, None);
        attempt.clear(outcome);
        attempt
    }

    pub(super) fn is_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended(_))
    }

    /// Handle whose readiness says that the attempt wants to be looked at.
    pub(super) fn watched(&self) -> Option<&OwnedFd> {
        match self.stage {
            Stage::Starting | Stage::Running => self.shim.as_ref().map(|shim| &shim.handle),
            Stage::Clearing { .. } | Stage::Ended(_) => None,
        }
    }

    /// Clock since boot at which the attempt wants to be looked at, if by then nothing gave notice.
    pub(super) fn next_look_ns(&self) -> Option<i64> {
        let soon = Some(clock::boot_ns() + LOOK_NS);
        match &self.stage {
            Stage::Starting | Stage::Clearing { .. } => soon,
            Stage::Running if self.shim.is_none() => soon,
            Stage::Running => {
                let stop = self.stop.as_ref()?;
                let limit_ns = stop.force_at_ns.saturating_add(SHIM_LIMIT_NS);
                let is_past = stop.is_forced || clock::boot_ns() >= stop.force_at_ns;
                Some(if is_past { limit_ns } else { stop.force_at_ns })
            }
            Stage::Ended(_) => None,
        }
    }

    /// Looks at the attempt and acts on what is due.
    pub(super) fn look(&mut self, now_ns: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.is_ended() {
            return changes;
        }
        // Asked before the records are read: a shim that has ended writes no more.
        let is_shim_ended = self.is_shim_ended();
        if matches!(self.stage, Stage::Starting) {
            changes.extend(self.look_at_start());
        }
        if matches!(self.stage, Stage::Starting | Stage::Running) {
            if is_shim_ended {
                self.settle();
            } else {
                self.force_when_due(now_ns);
            }
        }
        changes.extend(self.look_at_rest(now_ns));
        changes
    }

    /// Orders the attempt to end by force at an instant.
    pub(super) fn stop(&mut self, force_at_ns: i64, reason: &str) {
        if !matches!(self.stage, Stage::Starting | Stage::Running) {
            return;
        }
        match &mut self.stop {
            Some(stop) => stop.force_at_ns = stop.force_at_ns.min(force_at_ns),
            None => self.stop = Some(StopRecord::new(reason.to_owned(), force_at_ns)),
        }
        self.keep_stop();
        self.terminate();
    }

    /// Writes the order to end. On a full disk the next agent has to be ordered again.
    fn keep_stop(&self) {
        if let Some(stop) = &self.stop {
            let _ = files::write(&self.folder, "stop", stop);
        }
    }

    /// Sends SIGTERM to the process group of the workload.
    fn terminate(&self) {
        let Some(workload) = self
            .workload
            .as_ref()
            .filter(|workload| !workload.is_ended())
        else {
            return;
        };
        // The shim reaps the leader after its end alone, which the handle did not show.
        let group = i32::try_from(workload.pid).ok().and_then(Pid::from_raw);
        let is_sent = group.is_some_and(|group| kill_process_group(group, Signal::TERM).is_ok());
        if !is_sent {
            // The workload has left the group that was made for it.
            let _ = pidfd_send_signal(&workload.handle, Signal::TERM);
        }
    }

    fn is_shim_ended(&self) -> bool {
        self.shim
            .as_ref()
            .map_or_else(|| !is_locked(&self.folder), Process::is_ended)
    }

    /// Looks for the record of a workload that runs.
    fn look_at_start(&mut self) -> Option<Change> {
        let state: Stored<StateRecord> = files::read(&self.folder, "state");
        let started_ns = match state {
            Stored::Whole(state) => {
                let workload = state.workload?;
                self.workload = workload.open(&workload.boot).map(|handle| Process {
                    handle,
                    pid: workload.pid,
                });
                state.started_ns
            }
            Stored::Torn => {
                // The shim lives; its first child is the workload.
                let shim = self.shim.as_ref()?.pid;
                let pid = *procfs::children(shim).first()?;
                self.workload = super::adopt::open(pid);
                clock::wall_ns()
            }
            Stored::Missing => return None,
        };
        self.stage = Stage::Running;
        if self.stop.is_some() {
            self.terminate();
        }
        Some(Change::Running {
            started_ns,
            is_adopted: self.is_adopted,
        })
    }

    /// Kills the workload at the end of its grace period.
    fn force_when_due(&mut self, now_ns: i64) {
        let Some(stop) = &mut self.stop else { return };
        if now_ns > stop.force_at_ns.saturating_add(SHIM_LIMIT_NS) {
            // Stopped by a signal, say: an order to end must come to an end.
            if let Some(shim) = &self.shim {
                let _ = pidfd_send_signal(&shim.handle, Signal::KILL);
            }
            return;
        }
        if stop.is_forced || now_ns < stop.force_at_ns {
            return;
        }
        // A workload that ended in time leaves the rest to its shim.
        stop.is_forced = !self.workload.as_ref().is_some_and(Process::is_ended);
        if !stop.is_forced {
            return;
        }
        self.keep_stop();
        self.kill();
    }

    /// Sends SIGKILL to every process of the container that can be found.
    fn kill(&self) {
        // Fails for a group that was removed alone.
        let _ = self.group.kill();
        if let Some(workload) = &self.workload {
            let _ = pidfd_send_signal(&workload.handle, Signal::KILL);
        }
    }

    /// Reads how the attempt ended, once its shim has.
    fn settle(&mut self) {
        if let Some(shim) = &self.shim {
            // A shim of an earlier agent is not a child of this one.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            let _ = waitid(WaitId::PidFd(shim.handle.as_fd()), options);
        }
        // A shim that ran under the eyes of an agent and left no record was killed.
        let outcome = match self.stage {
            Stage::Running => Outcome::ShimLost,
            _ => Outcome::Unknown,
        };
        self.clear(outcome);
    }

    /// Begins to end what is left; the outcome is that of the record, if there is one.
    fn clear(&mut self, otherwise: Outcome) {
        let exit: Stored<ExitRecord> = files::read(&self.folder, "exit");
        let stop = self.stop.clone();
        let ending = match exit {
            Stored::Whole(exit) => Ending {
                outcome: exit.outcome,
                ended_ns: exit.ended_ns,
                counters: exit.counters,
                stop,
            },
            Stored::Missing | Stored::Torn => Ending {
                outcome: otherwise,
                ended_ns: None,
                counters: self.group.counters(),
                stop,
            },
        };
        self.stage = Stage::Clearing {
            ending,
            since_ns: clock::boot_ns(),
        };
    }

    /// Ends what is left, and reports the end after it.
    fn look_at_rest(&mut self, now_ns: i64) -> Option<Change> {
        let Stage::Clearing { ending, since_ns } = &self.stage else {
            return None;
        };
        let left = self.left_processes();
        if left.is_empty() {
            let ending = ending.clone();
            self.keep_ending(&ending);
            self.group.remove();
            self.stage = Stage::Ended(ending.clone());
            // Attempts that ended are kept for long, and handles are scarce.
            (self.shim, self.workload) = (None, None);
            return Some(Change::Ended(ending));
        }
        let is_stuck = now_ns - since_ns > STUCK_NS;
        self.kill();
        for process in left.iter().filter_map(|&pid| self.marked(pid)) {
            let _ = pidfd_send_signal(&process.handle, Signal::KILL);
        }
        if is_stuck && !self.is_reported {
            self.is_reported = true;
            return Some(Change::Terminating {
                process_count: left.len(),
            });
        }
        None
    }

    /// Records an end that no shim has recorded. Without space on the disk the next agent judges again.
    fn keep_ending(&self, ending: &Ending) {
        if files::read::<ExitRecord>(&self.folder, "exit")
            .whole()
            .is_none()
        {
            let exit = ExitRecord::new(ending.outcome.clone(), ending.ended_ns, ending.counters);
            let _ = shim::write_record(&self.folder, "exit", &exit);
        }
    }

    /// Processes that are left of the container: by its cgroups, or else by their environment.
    fn left_processes(&self) -> Vec<u32> {
        if self.group.is_empty() {
            procfs::marked(WORKLOAD_MARK, &self.name())
        } else {
            self.group.members()
        }
    }

    /// Handle of a process that bears the mark of this attempt; none where cgroups tell.
    fn marked(&self, pid: u32) -> Option<Process> {
        let process = super::adopt::open(pid).filter(|_| self.group.is_empty())?;
        let is_marked = procfs::marked(WORKLOAD_MARK, &self.name()).contains(&pid);
        is_marked.then_some(process)
    }

    fn name(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub(super) fn listed(&self, id: &AttemptId) -> Listed {
        let pid = |process: &Option<Process>| {
            let process = process.as_ref().filter(|process| !process.is_ended());
            process.map(|process| process.pid)
        };
        Listed {
            attempt: id.clone(),
            phase: match self.stage {
                Stage::Starting => Phase::Starting,
                Stage::Running => Phase::Running,
                Stage::Clearing { .. } => Phase::Clearing,
                Stage::Ended(_) => Phase::Ended,
            },
            workload: pid(&self.workload),
            shim: pid(&self.shim),
            ending: match &self.stage {
                Stage::Ended(ending) => Some(ending.clone()),
                _ => None,
            },
        }
    }

    /// Counters of the container so far, and the processes below its shim.
    pub(super) fn usage(&self) -> Option<super::Usage> {
        if !matches!(self.stage, Stage::Running) {
            return None;
        }
        let measured = self.group.usage();
        measured.or_else(|| Some(super::usage::below(self.shim.as_ref()?.pid)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Counters;
    use super::*;

    #[test]
    fn memory_is_named_by_the_counter_and_not_by_the_code() {
        let ending = |outcome, oom_kills| Ending {
            outcome,
            ended_ns: None,
            counters: Counters {
                oom_kills,
                ..Counters::default()
            },
            stop: None,
        };
        assert_eq!(ending(Outcome::Signal(9), 0).reason(), "Error");
        assert_eq!(ending(Outcome::Signal(9), 1).reason(), "OOMKilled");
        assert_eq!(ending(Outcome::Code(3), 1).reason(), "OOMKilled");
        assert_eq!(ending(Outcome::Code(0), 0).reason(), "Completed");
        assert_eq!(ending(Outcome::Unknown, 1).reason(), "OOMKilled");
        assert_eq!(ending(Outcome::Unknown, 0).reason(), "Unknown");
        assert_eq!(ending(Outcome::Unknown, 1).code(), None);
        assert_eq!(ending(Outcome::Signal(15), 0).code(), Some(143));
    }
}
