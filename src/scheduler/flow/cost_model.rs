//! Costs of places and of waiting: the part in which systems over a flow differ.

use smallvec::SmallVec;

use units::{Duration, Instant, NodeId};

use super::network::Cost;

/// One of whatever a cost model counts in (a gigabyte over a link, a second of waiting, a task):
/// costs are whole millionths.
pub const UNIT: Cost = 1_000_000;

/// A part of a task's input, with the nodes that have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Size in bytes.
    pub bytes: i64,
    /// Nodes with a copy.
    pub nodes: SmallVec<[NodeId; 3]>,
}

/// Facts about a task that cost models may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFacts {
    /// Instant of submission; of a task that lost a node, as much earlier than its return as it had
    /// waited by then.
    pub submitted: Instant,
    /// Run time that the task requests; [`Duration::MAX`] where it does not say.
    pub requested: Duration,
    /// Time that it ran before it last came to wait, on nodes that it lost.
    pub ran: Duration,
    /// Input that has to be where the task runs.
    pub input: Vec<Block>,
}

/// The rack of every node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Racks {
    racks: Vec<u32>,
}

impl Racks {
    /// The rack of a node; 0 for one that was never put into a rack.
    pub fn of(&self, node: NodeId) -> u32 {
        self.racks.get(node.index()).copied().unwrap_or(0)
    }

    /// Puts a node into a rack.
    pub fn put(&mut self, node: NodeId, rack: u32) {
        if self.racks.len() <= node.index() {
            self.racks.resize(node.index() + 1, 0);
        }
        self.racks[node.index()] = rack;
    }
}

/// A goal that a task prefers to an unnamed node of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// A node.
    Node(NodeId),
    /// Any node of a rack.
    Rack(u32),
}

/// A model of costs.
///
/// A model under which a task waits as long as the one node it would like is taken:
///
/// ```
/// use scheduler::flow::network::Cost;
/// use scheduler::flow::{CostModel, Goal, Racks, TaskFacts, UNIT};
/// use units::{Instant, NodeId};
///
/// #[derive(Clone)]
/// struct Fond;
///
/// impl CostModel for Fond {
///     fn name(&self) -> &'static str {
///         "fond"
///     }
///
///     fn waiting(&self, _task: &TaskFacts, _now: Instant) -> Cost {
///         UNIT
///     }
///
///     fn anywhere(&self, _task: &TaskFacts, _racks: &Racks) -> Cost {
///         2 * UNIT
///     }
///
///     fn preferred(&self, _task: &TaskFacts, _racks: &Racks) -> Vec<(Goal, Cost)> {
///         vec![(Goal::Node(NodeId(7)), 0)]
///     }
///
///     fn clone_model(&self) -> Box<dyn CostModel> {
///         Box::new(self.clone())
///     }
/// }
/// ```
pub trait CostModel: Send {
    /// The model's name in the registry.
    fn name(&self) -> &'static str;

    /// The cost of leaving a task without a node at an instant.
    fn waiting(&self, task: &TaskFacts, now: Instant) -> Cost;

    /// The first instant at which waiting costs a task more than this; `None` if it never will.
    fn dearer_than(&self, task: &TaskFacts, cost: Cost) -> Option<Instant> {
        let _ = (task, cost);
        None
    }

    /// The cost of any node, as far as it depends on the task.
    fn anywhere(&self, task: &TaskFacts, racks: &Racks) -> Cost;

    /// Nodes and racks that cost a task something else than any node would.
    fn preferred(&self, task: &TaskFacts, racks: &Racks) -> Vec<(Goal, Cost)> {
        let _ = (task, racks);
        Vec::new()
    }

    /// The cost of a node, as far as it depends on the node.
    fn node(&self, node: NodeId) -> Cost {
        let _ = node;
        0
    }

    /// The cost of one more task on a node with so many; it must not fall as tasks are added.
    fn one_more(&self, tasks: u32) -> Cost {
        let _ = tasks;
        0
    }

    /// The cost of the node that a task has, where it may lose it; the task pays a millionth less, and never
    /// as much as a place there would cost it.
    fn staying(&self, task: &TaskFacts, node: NodeId, racks: &Racks) -> Cost {
        let _ = (task, node, racks);
        Cost::MAX
    }

    /// What a run of this length is worth: so much less it costs a task to stay where it is. It must not
    /// fall as runs grow.
    fn worth(&self, ran: Duration) -> Cost {
        let _ = ran;
        0
    }

    /// Whether waiting grows dearer faster than runs grow in worth: then a task may lose its node although
    /// nothing has happened.
    fn outgrows_runs(&self) -> bool {
        false
    }

    /// An equal model.
    fn clone_model(&self) -> Box<dyn CostModel>;
}

impl Clone for Box<dyn CostModel> {
    fn clone(&self) -> Self {
        self.clone_model()
    }
}
