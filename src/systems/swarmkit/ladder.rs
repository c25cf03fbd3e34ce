//! The ladder that a node's agent walks a task up: accepted, prepared, ready, started, running
//! (spec: orchestrators-a.md section 2.1; swarmkit `agent/exec/controller.go`).

use super::task::{DesiredState, TaskState};

/// An agent's order to its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pull the image and make the container.
    Prepare,
    /// Start the container.
    Start,
    /// Stop the container.
    Stop,
}

/// An event of a task on its machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It is prepared.
    Prepared,
    /// It runs.
    Started,
    /// It ended by itself, well or not.
    Exited {
        /// `true` if the task's work is done.
        success: bool,
    },
    /// It was stopped as ordered.
    Stopped,
    /// An order could not be carried out.
    Failed,
}

/// A task on its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ladder {
    observed: TaskState,
    desired: DesiredState,
    is_stopping: bool,
}

impl Ladder {
    /// A task that was just assigned, with the secrets and configs that it depends on.
    pub fn new(desired: DesiredState) -> Self {
        Self {
            observed: TaskState::Assigned,
            desired,
            is_stopping: false,
        }
    }

    /// Observed state.
    pub fn observed(&self) -> TaskState {
        self.observed
    }

    /// The manager wants another state; it never goes back. What the machine is to do, if anything.
    pub fn want(&mut self, desired: DesiredState) -> Option<Action> {
        self.desired = self.desired.max(desired);
        self.advance()
    }

    /// Something happened. What the machine is to do, if anything.
    pub fn happened(&mut self, happening: Happening) -> Option<Action> {
        let state = self.observed;
        let next = match happening {
            Happening::Prepared if state == TaskState::Preparing => TaskState::Ready,
            Happening::Started if state == TaskState::Starting => TaskState::Running,
            Happening::Exited { success: true } => TaskState::Complete,
            Happening::Exited { success: false } | Happening::Failed => {
                if state < TaskState::Starting {
                    TaskState::Rejected
                } else {
                    TaskState::Failed
                }
            }
            Happening::Stopped => TaskState::Shutdown,
            _ => state,
        };
        self.climb(next);
        self.advance()
    }

    /// Goes on as far as nothing has to happen first.
    pub fn advance(&mut self) -> Option<Action> {
        if self.observed > TaskState::Running {
            return None;
        }
        if !self.desired.is_active() {
            let was_stopping = std::mem::replace(&mut self.is_stopping, true);
            return (!was_stopping).then_some(Action::Stop);
        }
        match self.observed {
            TaskState::Assigned => {
                self.climb(TaskState::Accepted);
                self.climb(TaskState::Preparing);
                Some(Action::Prepare)
            }
            TaskState::Ready if self.desired >= DesiredState::Running => {
                self.climb(TaskState::Starting);
                Some(Action::Start)
            }
            _ => None,
        }
    }

    /// An observed state only grows.
    fn climb(&mut self, state: TaskState) {
        self.observed = self.observed.max(state);
    }
}
