//! The scheduler: collects commits, places tasks in groups, remembers who waits and why
//! (spec: orchestrators-a.md section 2.3; swarmkit `manager/scheduler/scheduler.go`).

use std::sync::Arc;

use model::Text;
use units::{Duration, Instant, SortedMap};

use super::node::Node;
use super::pipeline::{explain, passes};
use super::spread::{Fill, SpreadMode, compare};
use super::task::{Task, TaskSpec, Version};

/// Time for which the scheduler waits for more after a commit.
pub const COMMIT_DEBOUNCE: Duration = Duration::from_millis(50);
/// Longest time for which the scheduler waits after the first commit.
pub const LONGEST_DEBOUNCE: Duration = Duration::from_secs(1);

/// Delay of the scheduler's next run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debounce {
    quiet: Duration,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Default for Debounce {
    fn default() -> Self {
        Self::after(COMMIT_DEBOUNCE)
    }
}

impl Debounce {
    /// A debounce that waits for so long after the last commit, and for a second after the first at most.
    pub const fn after(quiet: Duration) -> Self {
        Self {
            quiet,
            first: None,
            last: None,
        }
    }

    /// Something that the scheduler looks at was committed; when it runs, as known now.
    pub fn committed(&mut self, now: Instant) -> Instant {
        let first = *self.first.get_or_insert(now);
        self.last = Some(now);
        let quiet = now.saturating_add(self.quiet);
        quiet.min(first.saturating_add(LONGEST_DEBOUNCE))
    }

    /// `true` if the scheduler runs now. If so, the next commit starts over.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return false;
        };
        let quiet = last.saturating_add(self.quiet);
        let due = quiet.min(first.saturating_add(LONGEST_DEBOUNCE)) <= now;
        if due {
            *self = Self::after(self.quiet);
        }
        due
    }
}

/// A task got a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The task.
    pub task: Text,
    /// The pod's node.
    pub node: Text,
}

/// Decisions of one pass of the scheduler.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// Tasks that got a node, in order.
    pub assigned: Vec<Assignment>,
    /// Tasks that wait, each with the explanation.
    pub waiting: Vec<(Text, String)>,
}

/// The nodes, and the tasks that wait.
#[derive(Clone, Debug, Default)]
pub struct Scheduler {
    /// Count of the shares of branches.
    pub mode: SpreadMode,
    nodes: SortedMap<Text, Node>,
    pinned: Vec<Task>,
    unassigned: Vec<Task>,
    /// Specs that no node could take since something last changed for the better: they are not
    /// tried again.
    hopeless: Vec<Arc<TaskSpec>>,
    /// Whether every group is decided on by going through the whole tree.
    pub(super) is_plain: bool,
}

impl Scheduler {
    /// A scheduler without nodes.
    pub fn new(mode: SpreadMode) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    /// A node is new or has changed.
    pub fn put_node(&mut self, node: Node) {
        self.hopeless.clear();
        self.nodes.insert(node.id.clone(), node);
    }

    /// A node is gone.
    pub fn remove_node(&mut self, id: &str) -> Option<Node> {
        self.nodes.remove(id)
    }

    /// The nodes, by id.
    pub fn nodes(&self) -> &SortedMap<Text, Node> {
        &self.nodes
    }

    /// A node, to change it.
    pub fn node_mut(&mut self, id: &str) -> Option<&mut Node> {
        self.hopeless.clear();
        self.nodes.get_mut(id)
    }

    /// A task waits for a node, or for its own node to have room.
    pub fn enqueue(&mut self, task: Task) {
        match task.node {
            Some(_) => self.pinned.push(task),
            None => self.unassigned.push(task),
        }
    }

    /// A task no longer waits.
    pub fn forget(&mut self, task: &str) {
        self.pinned.retain(|one| &*one.id != task);
        self.unassigned.retain(|one| &*one.id != task);
    }

    /// Number of waiting tasks.
    pub fn backlog(&self) -> usize {
        self.pinned.len() + self.unassigned.len()
    }

    /// Places whatever can be placed: pinned tasks first, then group after group.
    pub fn run(&mut self, now: Instant) -> Pass {
        let mut pass = Pass::default();
        self.place_pinned(&mut pass);
        let mut groups: SortedMap<Version, Vec<Task>> = SortedMap::new();
        let mut singles = Vec::new();
        for task in std::mem::take(&mut self.unassigned) {
            if self.is_hopeless(&task.spec) {
                self.unassigned.push(task);
                continue;
            }
            if task.spec.version.service.is_empty() {
                singles.push(vec![task]);
            } else {
                let version = task.spec.version.clone();
                groups.entry(version).or_default().push(task);
            }
        }
        for group in groups.into_values().chain(singles) {
            self.place_group(now, group, &mut pass);
        }
        pass
    }

    fn place_pinned(&mut self, pass: &mut Pass) {
        for task in std::mem::take(&mut self.pinned) {
            let node = task.node.as_ref().and_then(|id| self.nodes.get_mut(id));
            match node {
                Some(node) if passes(&task.spec, node) => {
                    node.add_task(&task.spec);
                    let node = node.id.clone();
                    pass.assigned.push(Assignment {
                        task: task.id,
                        node,
                    });
                }
                Some(node) => {
                    let why = explain(&task.spec, [&*node]);
                    pass.waiting.push((task.id.clone(), why));
                    self.pinned.push(task);
                }
                // Its node is gone; the orchestrator takes the task away.
                None => self.pinned.push(task),
            }
        }
    }

    fn place_group(&mut self, now: Instant, group: Vec<Task>, pass: &mut Pass) {
        let Some(spec) = group.first().map(|task| Arc::clone(&task.spec)) else {
            return;
        };
        if self.is_hopeless(&spec) {
            self.unassigned.extend(group);
            return;
        }
        let order = self.choose(now, &spec, group.len());
        let placed = order.len();
        let mut tasks = group.into_iter();
        let chosen = tasks.by_ref().take(placed).zip(order);
        pass.assigned.extend(chosen.map(|(task, node)| Assignment {
            task: task.id,
            node,
        }));
        let waiting: Vec<Task> = tasks.collect();
        if !waiting.is_empty() {
            // With preferences shares are counted anew in each pass, which may place some after all.
            if spec.preferences.is_empty() {
                self.hopeless.push(Arc::clone(&spec));
            }
            let why = explain(&spec, self.nodes.values());
            let told = waiting.iter().map(|task| (task.id.clone(), why.clone()));
            pass.waiting.extend(told);
            self.unassigned.extend(waiting);
        }
    }

    fn is_hopeless(&self, spec: &Arc<TaskSpec>) -> bool {
        !self.is_plain && self.hopeless.iter().any(|known| Arc::ptr_eq(known, spec))
    }

    /// The nodes for so many equal tasks, in order; fewer if there is no room. They are entered.
    pub fn choose(&mut self, now: Instant, spec: &TaskSpec, tasks: usize) -> Vec<Text> {
        if tasks == 1 && spec.preferences.is_empty() && !self.is_plain {
            return self.choose_one(now, spec);
        }
        let mut fill = Fill {
            nodes: &mut self.nodes,
            spec,
            now,
            mode: self.mode,
            left: tasks,
            order: Vec::new(),
        };
        fill.run();
        fill.order
    }

    /// Nodes for a single task without preferences: the best node is found without sorting.
    fn choose_one(&mut self, now: Instant, spec: &TaskSpec) -> Vec<Text> {
        let open = self.nodes.values().filter(|node| passes(spec, node));
        let best = open.min_by(|one, other| compare(spec, now, one, other));
        let Some(best) = best.map(|node| node.id.clone()) else {
            return Vec::new();
        };
        if let Some(node) = self.nodes.get_mut(&best) {
            node.add_task(spec);
        }
        vec![best]
    }
}
