//! Global services: one task for every node that is there and meets the constraints
//! (spec: orchestrators-a.md section 2.5; swarmkit `manager/orchestrator/global/global.go`).

use model::Text;

use super::constraint::Constraint;
use super::node::{Availability, Node, NodeStatus};
use units::SortedSet;

/// Changes that bring a global service to its nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalScaling {
    /// Nodes that get a task, which is pinned to them.
    pub create: Vec<Text>,
    /// Nodes whose task is to shut down.
    pub shutdown: Vec<Text>,
}

/// Computes the changes for a service that has tasks on `running`. Paused nodes get no new tasks
/// and keep those they have.
pub fn reconcile<'a>(
    nodes: impl IntoIterator<Item = &'a Node>,
    constraints: &[Constraint],
    running: &SortedSet<Text>,
) -> GlobalScaling {
    let mut scaling = GlobalScaling::default();
    let mut known = SortedSet::new();
    for node in nodes {
        let is_eligible = node.status != NodeStatus::Down
            && node.availability != Availability::Drain
            && constraints.iter().all(|one| one.matches(node));
        known.insert(node.id.clone());
        match (is_eligible, running.contains(&node.id)) {
            (true, false) if node.availability == Availability::Active => {
                scaling.create.push(node.id.clone());
            }
            (false, true) => scaling.shutdown.push(node.id.clone()),
            _ => {}
        }
    }
    let gone = running.iter().filter(|&id| !known.contains(id));
    scaling.shutdown.extend(gone.cloned());
    scaling
}
