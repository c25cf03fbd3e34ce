//! Adopting the attempts of earlier agents. What the folder of an attempt holds decides:
//!
//! | found | taken for |
//! |---|---|
//! | the shim lives | running, or about to |
//! | `exit` | ended, perhaps while no agent was there |
//! | no `exit`, the workload lives | the shim was killed: `ShimLost`, the workload is killed |
//! | no `exit`, neither lives | both crashed: `Unknown`, no exit code |
//! | no `exit`, another boot | `NodeRebooted` |
//! | no `state` | not started: the folder is removed |
//!
//! A record that can't be read is taken for one that is not there, except that a damaged `state` proves
//! that there was a shim.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::super::record::OrderRecord;
use super::super::shim::{SHIM_MARK, WORKLOAD_MARK};
use super::super::{
    AttemptId, Change, ExitRecord, Happening, Identity, Outcome, StateRecord, Stored, files, procfs,
};
use super::ProcessRuntime;
use super::attempt::{Attempt, Process};
use super::start::{DISCARDED, discard, is_locked};

/// Handle of a process that lives now.
pub(super) fn open(pid: u32) -> Option<Process> {
    let identity = Identity::of(pid).ok().flatten()?;
    let handle = identity.open(&identity.boot)?;
    Some(Process { handle, pid })
}

impl ProcessRuntime {
    /// Adopts every attempt in the folder.
    pub(super) fn adopt(&mut self) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.config.folder)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        for name in names {
            let folder = self.config.folder.join(&name);
            if name.starts_with(DISCARDED) {
                // Half removed by an agent that was killed; tried again by the next one.
                let _ = fs::remove_dir_all(&folder);
            } else if let Ok(id) = name.parse::<AttemptId>()
                && folder.is_dir()
            {
                self.adopt_one(id, folder);
            }
        }
        Ok(())
    }

    fn adopt_one(&mut self, id: AttemptId, folder: PathBuf) {
        let order: Stored<OrderRecord> = files::read(&folder, "order");
        let state: Stored<StateRecord> = files::read(&folder, "state");
        let named = match (&state, &order) {
            (Stored::Whole(state), _) => Some(state.group.clone()),
            (_, Stored::Whole(order)) => Some(order.group.clone()),
            _ => None,
        };
        let group = named.unwrap_or_else(|| self.hierarchies.group(&self.config.node, &id));
        let attempt = if is_locked(&folder) {
            Attempt::adopted(folder, group, self.living_shim(&id, &state))
        } else {
            let exit: Stored<ExitRecord> = files::read(&folder, "exit");
            let is_nothing_left = || {
                group.members().is_empty()
                    && procfs::marked(WORKLOAD_MARK, &id.to_string()).is_empty()
            };
            if matches!((&state, &exit), (Stored::Missing, Stored::Missing)) && is_nothing_left() {
                discard(&folder);
                group.remove();
                self.pending.push(Happening {
                    attempt: id,
                    change: Change::NotStarted,
                });
                return;
            }
            let outcome = self.outcome_without_record(&state);
            Attempt::left(folder, group, outcome)
        };
        self.attempts.insert(id, attempt);
    }

    /// The shim of a folder that is locked: by its record, or else by its environment.
    fn living_shim(&self, id: &AttemptId, state: &Stored<StateRecord>) -> Option<Process> {
        if let Stored::Whole(state) = state
            && let Some(handle) = state.shim.open(&self.boot)
        {
            let pid = state.shim.pid;
            return Some(Process { handle, pid });
        }
        let marked = procfs::marked(SHIM_MARK, &id.to_string());
        marked.first().copied().and_then(open)
    }

    /// Outcome of an attempt whose shim has ended, if there is no record of the end.
    fn outcome_without_record(&self, state: &Stored<StateRecord>) -> Outcome {
        let Stored::Whole(state) = state else {
            return Outcome::Unknown;
        };
        if state.shim.boot != self.boot {
            return Outcome::NodeRebooted;
        }
        let workload = state.workload.as_ref();
        let living = workload.and_then(|workload| workload.open(&self.boot));
        living.map_or(Outcome::Unknown, |_| Outcome::ShimLost)
    }
}
