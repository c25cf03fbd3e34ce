//! The agent: brings the units of its machine to what the registry says
//! (spec: orchestrators-a.md section 5; fleet `agent/{reconcile,task,agent}.go`).

use model::Text;

use super::unit::TargetState;
use units::{SortedMap, SortedSet};

/// A unit on a machine: which content, and in which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Present {
    /// The hash of its content.
    pub content: u64,
    /// Loaded or launched.
    pub state: TargetState,
}

/// A task of an agent on its machine, in order of execution.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Stops and forgets a unit.
    Unload(Text),
    /// Writes a unit's file.
    Load(Text),
    /// Lets systemd read all unit files again.
    ReloadUnitFiles,
    /// Stops a unit.
    Stop(Text),
    /// Starts a unit.
    Start(Text),
}

/// The agent of one machine.
#[derive(Clone, Debug, Default)]
pub struct Agent {
    present: SortedMap<Text, Present>,
    activated: SortedSet<Text>,
    is_cut_off: bool,
}

impl Agent {
    /// Units on the machine.
    pub fn present(&self) -> &SortedMap<Text, Present> {
        &self.present
    }

    /// The machine is cut off from the registry, or reaches it again. Units run on meanwhile.
    pub fn set_cut_off(&mut self, is_cut_off: bool) {
        self.is_cut_off = is_cut_off;
    }

    /// One round: what to do so that the machine has what is desired.
    pub fn reconcile(&mut self, desired: &SortedMap<Text, Present>) -> Vec<Task> {
        if self.is_cut_off {
            return Vec::new();
        }
        let mut tasks = Vec::new();
        let present = std::mem::take(&mut self.present);
        for (name, here) in &present {
            let wanted = desired.get(name);
            let is_kept = wanted.is_some_and(|wanted| {
                wanted.content == here.content && wanted.state != TargetState::Inactive
            });
            if !is_kept {
                tasks.push(Task::Unload(name.clone()));
                self.activated.remove(name);
            }
        }
        for (name, wanted) in desired {
            if wanted.state == TargetState::Inactive {
                continue;
            }
            let here = present
                .get(name)
                .filter(|here| here.content == wanted.content);
            let state = here.map(|here| here.state);
            if state.is_none() {
                tasks.push(Task::Load(name.clone()));
            }
            // A service that its socket has started stays up although it is only to be loaded.
            let is_activated = self.activated.contains(name);
            match (state, wanted.state) {
                (None | Some(TargetState::Loaded), TargetState::Launched) if !is_activated => {
                    tasks.push(Task::Start(name.clone()));
                }
                (Some(TargetState::Launched), TargetState::Loaded) if !is_activated => {
                    tasks.push(Task::Stop(name.clone()));
                }
                _ => {}
            }
            self.present.insert(name.clone(), *wanted);
        }
        let is_reloaded = |task: &Task| matches!(task, Task::Load(_) | Task::Unload(_));
        if tasks.iter().any(is_reloaded) {
            tasks.push(Task::ReloadUnitFiles);
        }
        tasks.sort();
        tasks
    }

    /// A first connection comes to a launched socket: its service starts if it is loaded here.
    pub fn connected(&mut self, socket: &str) -> Option<Task> {
        let is_open = self
            .present
            .get(socket)
            .is_some_and(|here| here.state == TargetState::Launched);
        let service = Text::from(format!("{}.service", socket.strip_suffix(".socket")?));
        let is_waiting = self
            .present
            .get(&service)
            .is_some_and(|here| here.state == TargetState::Loaded);
        let is_first = is_open && is_waiting && self.activated.insert(service.clone());
        is_first.then_some(Task::Start(service))
    }
}
