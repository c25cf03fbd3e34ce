//! The constraint enforcer: tasks that their node may no longer have are rejected
//! (spec: orchestrators-a.md section 2.8; swarmkit
//! `manager/orchestrator/constraintenforcer/constraint_enforcer.go`).

use model::Text;

use super::constraint::Constraint;
use super::node::{Availability, Node};
use super::task::{DesiredState, Resources, TaskState};

/// A task on the node.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The pod's id.
    pub task: Text,
    /// Current constraints of the service.
    pub constraints: Vec<Constraint>,
    /// Resources that the pod reserves.
    pub reservations: Resources,
    /// Desired state of the task.
    pub desired: DesiredState,
    /// Observed state of the task.
    pub observed: TaskState,
}

/// The tasks of an active node that are rejected, in the given order: constraints are not met, or
/// reservations do not fit in what the tasks before have left of `capacity`.
pub fn rejected(node: &Node, capacity: &Resources, tasks: &[Placed]) -> Vec<Text> {
    if node.availability != Availability::Active {
        return Vec::new();
    }
    let mut left = capacity.clone();
    let mut rejected = Vec::new();
    for task in tasks {
        let is_live = task.desired.is_active() && task.observed < TaskState::Complete;
        if !is_live {
            continue;
        }
        let is_met = task.constraints.iter().all(|one| one.matches(node));
        if is_met && task.reservations.fits(&left) {
            left.take(&task.reservations);
        } else {
            rejected.push(task.task.clone());
        }
    }
    rejected
}
