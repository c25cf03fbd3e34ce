//! Kueue as a whole: queues of waiting workloads, cycles of decisions, and the life of workloads
//! (spec: batch-on-kubernetes.md 1.3, 1.4, 1.6, 1.10). Time and changes come from outside; one
//! [`Controller`] acts as Kueue's scheduler and controllers do once they have settled.

mod admit;
mod cycle;
mod drive;
mod life;
mod limits;
mod objects;
mod order;
mod pending_queue;
mod places;
mod shapes;
mod stopping;

pub use cycle::{Cycle, Entry, RequeueReason, Status, Unadmitted};
pub use drive::ADMITTED;
pub use model::queueing::WaitForPodsReady;

use std::sync::Arc;

use model::queueing::{ClusterQueue, QueuedWorkload};
use model::{Labels, NAMESPACE_NAME_LABEL, Text};
use units::{Duration, Instant, QuantityError, SortedMap, SortedSet};

use super::snapshot::Snapshot;
use super::tree::NodeId;
use super::workload::Cursor;
use limits::LimitRanges;
use pending_queue::{Key, PendingQueue};
use shapes::{ShapeId, Shapes};

/// State of an admission check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CheckState {
    /// It has not been decided.
    #[default]
    Pending,
    /// It has passed.
    Ready,
    /// The workload is to be tried again.
    Retry,
    /// The workload is never to run.
    Rejected,
}

/// Stage of a workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// It holds no quota.
    #[default]
    Pending,
    /// It holds quota and waits for checks.
    QuotaReserved,
    /// It runs.
    Admitted,
    /// It has ended.
    Finished,
}

/// Whether the pods of a workload are ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readiness {
    /// They have not been, since the workload was admitted.
    #[default]
    WaitForStart,
    /// They are.
    Ready,
    /// They were, until this time.
    WaitForRecovery(Instant),
}

/// Cursor with what it is worth.
#[derive(Clone, Debug)]
struct CursorRecord {
    cursor: Cursor,
    generation: u64,
    cycle: u64,
    shape: ShapeId,
}

/// A workload as the controller knows it.
#[derive(Clone, Debug)]
pub struct State {
    /// The workload; its admission and conditions are up to date.
    pub workload: Arc<QueuedWorkload>,
    /// Queue of the cluster that it waits in or holds quota of.
    pub queue: Option<NodeId>,
    /// Stage.
    pub stage: Stage,
    /// Checks by name.
    pub checks: SortedMap<Text, CheckState>,
    /// Reason of its last eviction, until it holds quota again.
    pub evicted: Option<Text>,
    /// Number of evictions because its pods were not ready.
    pub requeue_count: i64,
    /// Time until which it is held back.
    pub requeue_at: Option<Instant>,
    /// Readiness of the pods.
    pub readiness: Readiness,
    /// Time of its admission.
    pub admitted: Option<Instant>,
    /// Mark of a workload that was evicted, and whose pods still hold the quota.
    pub is_stopping: bool,
    /// Whether its pods hold the quota until they are gone.
    keeps_quota: bool,
    /// A node of its places that is lost, and the time of the second pass.
    lost: Option<(Instant, Text)>,
    ran_before: Duration,
    holding: Option<usize>,
    cursor: Option<CursorRecord>,
    key: Option<Key>,
    shape: ShapeId,
}

/// Kueue as a whole.
#[derive(Clone, Debug)]
pub struct Controller {
    snapshot: Snapshot,
    wait_for_pods_ready: Option<WaitForPodsReady>,
    local_queues: SortedMap<(Text, Text), NodeId>,
    /// Shared by copies of the controller until they change.
    states: SortedMap<usize, Arc<State>>,
    shapes: Shapes,
    number_of: SortedMap<(Text, Text), usize>,
    next_number: usize,
    waiting: SortedMap<NodeId, PendingQueue>,
    by_holding: SortedMap<usize, usize>,
    retries: SortedMap<NodeId, Instant>,
    alarms: SortedSet<(Instant, usize)>,
    checked: SortedSet<usize>,
    /// Workloads that were evicted and whose pods still hold the quota.
    stopping: SortedSet<usize>,
    changed: SortedSet<usize>,
    /// Queues of workloads that changed, or were deleted.
    changed_queues: SortedSet<NodeId>,
    namespaces: SortedMap<Text, Labels>,
    limit_ranges: LimitRanges,
    cycles: u64,
    now: Instant,
}

/// Time for which requests to try workloads again are collected.
const COLLECTED: Duration = Duration::from_secs(1);

impl Controller {
    /// A controller of these queues, whose inadmissible workloads are first retried a second from now.
    pub fn new(
        snapshot: Snapshot,
        wait_for_pods_ready: Option<WaitForPodsReady>,
        now: Instant,
    ) -> Self {
        let queues: Vec<NodeId> = snapshot.queues().map(|(id, _)| id).collect();
        let mut controller = Self {
            snapshot,
            wait_for_pods_ready,
            local_queues: SortedMap::default(),
            states: SortedMap::default(),
            shapes: Shapes::default(),
            number_of: SortedMap::default(),
            next_number: 0,
            waiting: queues
                .iter()
                .map(|id| (*id, PendingQueue::default()))
                .collect(),
            by_holding: SortedMap::default(),
            retries: SortedMap::default(),
            alarms: SortedSet::default(),
            checked: SortedSet::default(),
            stopping: SortedSet::default(),
            changed: SortedSet::default(),
            changed_queues: queues.iter().copied().collect(),
            namespaces: SortedMap::default(),
            limit_ranges: LimitRanges::default(),
            cycles: 0,
            now,
        };
        for node in controller.snapshot.tree.ids() {
            controller.ask_for_retry(node);
        }
        controller
    }

    /// Names a queue of a namespace and the queue of the cluster that it leads to.
    pub fn add_local_queue(&mut self, namespace: &str, name: &str, cluster_queue: &str) {
        if let Some(queue) = self.snapshot.queue_named(cluster_queue) {
            let namespace = Text::from(namespace);
            let label = (NAMESPACE_NAME_LABEL.into(), namespace.clone());
            let known = self.namespaces.entry(namespace.clone());
            known.or_insert_with(|| Labels::from([label]));
            self.local_queues.insert((namespace, name.into()), queue);
        }
    }

    /// A queue gets other quotas, of the same resources in the same flavors: workloads of its tree are
    /// tried again at once.
    pub fn requote(&mut self, queue: NodeId, spec: &ClusterQueue) {
        self.snapshot.requote(queue, spec);
        self.waiting.entry(queue).or_default().generation += 1;
        self.changed_queues.insert(queue);
        self.retry(self.snapshot.tree.root(queue));
    }

    /// The time that it is.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The state that decisions read.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// A workload by name.
    pub fn state(&self, namespace: &str, name: &str) -> Option<&State> {
        self.state_of(self.number(namespace, name)?)
    }

    /// A workload by its number.
    pub fn state_of(&self, number: usize) -> Option<&State> {
        self.states.get(&number).map(|state| &**state)
    }

    /// Every workload, in order of submission.
    pub fn states(&self) -> impl Iterator<Item = &State> {
        self.states.values().map(|state| &**state)
    }

    /// Every workload with its number, in order of submission.
    pub fn numbered_states(&self) -> impl Iterator<Item = (usize, &State)> {
        let states = self.states.iter();
        states.map(|(number, own)| (*number, &**own))
    }

    /// Names of the workloads of a queue that wait to be tried, and of those that don't.
    pub fn queued(&self, queue: NodeId) -> (Vec<Text>, Vec<Text>) {
        let Some(waiting) = self.waiting.get(&queue) else {
            return (Vec::new(), Vec::new());
        };
        let name = |number: &usize| self.states[number].workload.name.clone();
        let active = waiting.active().map(|key| name(&key.number));
        (
            active.collect(),
            waiting.inadmissible.iter().map(name).collect(),
        )
    }

    /// The number of a workload: workloads are counted as they are submitted.
    pub fn number(&self, namespace: &str, name: &str) -> Option<usize> {
        let key = (Text::from(namespace), Text::from(name));
        self.number_of.get(&key).copied()
    }

    fn state_mut(&mut self, number: usize) -> &mut State {
        self.changed.insert(number);
        let state = self.states.get_mut(&number);
        let state = state.expect("invariant: numbers stand for workloads that are known");
        self.changed_queues.extend(state.queue);
        Arc::make_mut(state)
    }

    /// Lets time pass to an instant, at which inadmissible workloads are retried that are due; all
    /// else that is due happens in [`Controller::settle`], after the changes of that instant. The value
    /// is the trees and lone queues that were retried, by root.
    pub fn advance(&mut self, now: Instant) -> Vec<NodeId> {
        self.now = now;
        let due = |own: &(&NodeId, &Instant)| *own.1 <= now;
        let roots: Vec<NodeId> = self
            .retries
            .iter()
            .filter(due)
            .map(|(root, _)| *root)
            .collect();
        for root in &roots {
            self.retries.remove(root);
            self.retry(*root);
        }
        roots
    }

    /// A workload is submitted.
    ///
    /// # Errors
    /// Its requests are too large to be added.
    pub fn submit(&mut self, workload: QueuedWorkload) -> Result<(), QuantityError> {
        let workload = self.limit_ranges.adjusted(workload);
        for set in &workload.pod_sets {
            set.spec.requests()?;
        }
        let key = (workload.namespace.clone(), workload.name.clone());
        let local = (workload.namespace.clone(), workload.queue.clone());
        let queue = self.local_queues.get(&local).copied();
        let number = self.next_number;
        self.next_number += 1;
        let shape = self.shape_of(&workload);
        let checks = queue.map(|queue| self.snapshot.queue(queue).spec.checks.clone());
        let checks = checks.unwrap_or_default().into_iter();
        let state = State {
            workload: Arc::new(workload),
            queue,
            stage: Stage::Pending,
            checks: checks
                .map(|check| (check.name, CheckState::Pending))
                .collect(),
            evicted: None,
            requeue_count: 0,
            requeue_at: None,
            readiness: Readiness::WaitForStart,
            admitted: None,
            is_stopping: false,
            keeps_quota: false,
            lost: None,
            ran_before: Duration::from_secs(0),
            holding: None,
            cursor: None,
            key: None,
            shape,
        };
        self.states.insert(number, Arc::new(state));
        self.changed.insert(number);
        self.changed_queues.extend(queue);
        self.number_of.insert(key, number);
        self.enqueue(number);
        Ok(())
    }
}
