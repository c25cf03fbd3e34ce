//! The objects of Kueue: flavors of resources, topologies, queues with quotas in trees of cohorts,
//! and workloads that wait for quota (spec: batch-on-kubernetes.md 1.1).

mod admission_checks;

use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use admission_checks::{AdmissionCheck, CheckAnswer, RequeueTime, WaitForPodsReady};

use super::{LabelSelector, Labels, PodSpec, Taint, Text, Toleration};
use units::{Duration, Instant, Quantity, SortedMap};

/// A kind of nodes that quota is given for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFlavor {
    /// The flavor's name.
    pub name: Text,
    /// Labels that its nodes have.
    pub node_labels: Labels,
    /// Taints that its nodes have.
    pub node_taints: Vec<Taint>,
    /// Tolerations that pods get with the flavor.
    pub tolerations: Vec<Toleration>,
    /// Name of the topology of its nodes.
    pub topology: Option<Text>,
}

/// A hierarchy of nodes by their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The topology's name.
    pub name: Text,
    /// Keys of the labels, outermost level first.
    pub levels: Vec<Text>,
}

/// Quota of one resource in one flavor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueQuota {
    /// Name of the resource.
    pub resource: Text,
    /// Amount that the node of the tree owns.
    pub nominal: Quantity,
    /// Amount that it may use beyond its own; `None` is any.
    pub borrowing_limit: Option<Quantity>,
    /// Amount of its own that others may use; `None` is all.
    pub lending_limit: Option<Quantity>,
}

/// Quotas of one flavor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlavorQuotas {
    /// Name of the flavor.
    pub flavor: Text,
    /// Quotas by resource.
    pub resources: Vec<QueueQuota>,
}

/// Resources that are taken from one flavor together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceGroup {
    /// Names of the resources.
    pub covered: Vec<Text>,
    /// Flavors in order of preference.
    pub flavors: Vec<FlavorQuotas>,
}

/// A node of the tree of quotas above the queues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// The cohort's name.
    pub name: Text,
    /// Name of the cohort above.
    pub parent: Option<Text>,
    /// Quotas of its own.
    pub groups: Vec<ResourceGroup>,
    /// Weight under fair sharing.
    pub weight: Quantity,
}

/// Order in which a queue's workloads are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QueueingStrategy {
    /// One that can't be admitted lets others pass.
    #[default]
    BestEffortFifo,
    /// One that can't be admitted blocks those behind it.
    StrictFifo,
}

/// Choice between the present flavor and those behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlavorSearch {
    /// The present flavor is taken.
    #[default]
    MayStopSearch,
    /// The next flavor is tried, too.
    TryNextFlavor,
}

/// Preference among flavors that are not simply free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlavorPreference {
    /// Borrowing is better than preempting.
    #[default]
    BorrowingOverPreemption,
    /// Preempting is better than borrowing.
    PreemptionOverBorrowing,
}

/// Rules by which a queue chooses among flavors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlavorFungibility {
    /// Choice where the workload fits by borrowing.
    pub when_can_borrow: FlavorSearch,
    /// Choice where the workload fits by preempting.
    pub when_can_preempt: FlavorSearch,
    /// Preference between the two.
    pub preference: FlavorPreference,
}

impl Default for FlavorFungibility {
    fn default() -> Self {
        Self {
            when_can_borrow: FlavorSearch::MayStopSearch,
            when_can_preempt: FlavorSearch::TryNextFlavor,
            preference: FlavorPreference::BorrowingOverPreemption,
        }
    }
}

/// Rule of which workloads may be preempted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PreemptionPolicy {
    /// None.
    #[default]
    Never,
    /// Those of lower priority.
    LowerPriority,
    /// Those of lower priority, and younger ones of equal priority.
    LowerOrNewerEqualPriority,
    /// All.
    Any,
}

/// Preemption of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueuePreemption {
    /// Rule for workloads of the queue itself.
    pub within_queue: PreemptionPolicy,
    /// Rule for workloads of queues of the cohort that use more than their own.
    pub reclaim: PreemptionPolicy,
    /// Preemption in the cohort while the queue borrows; `None` is never.
    pub borrowing: Option<BorrowingPreemption>,
}

/// Preemption in the cohort while the queue itself borrows: of workloads of lower priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BorrowingPreemption {
    /// Highest priority of those that are preempted.
    pub max_priority: Option<i32>,
}

/// State in which a queue's owner holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopPolicy {
    /// It works.
    #[default]
    None,
    /// No workload is admitted.
    Hold,
    /// No workload is admitted, and those that are admitted are evicted.
    HoldAndDrain,
}

/// An admission check that workloads of a queue have to pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueCheck {
    /// Name of the check.
    pub name: Text,
    /// Flavors that it is for; all if there are none.
    pub flavors: Vec<Text>,
}

/// A queue of the cluster, with quotas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterQueue {
    /// The queue's name.
    pub name: Text,
    /// Name of its cohort.
    pub cohort: Option<Text>,
    /// Order in which its workloads are tried.
    pub strategy: QueueingStrategy,
    /// Namespaces whose workloads it takes; `None` is none.
    pub namespaces: Option<LabelSelector>,
    /// Quotas.
    pub groups: Vec<ResourceGroup>,
    /// Rules by which it chooses among flavors.
    pub fungibility: FlavorFungibility,
    /// Preemption of the queue.
    pub preemption: QueuePreemption,
    /// Checks that its workloads have to pass.
    pub checks: Vec<QueueCheck>,
    /// State in which its owner holds it.
    pub stop: StopPolicy,
    /// Weight under fair sharing.
    pub weight: Quantity,
}

/// Wish about the domain of a topology that pods are in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TopologyConstraint {
    /// All pods in one domain of this level.
    Required(Text),
    /// All pods in one domain of this level, or else of a higher one.
    Preferred(Text),
    /// The pods anywhere in the topology.
    Unconstrained,
}

/// Pods of a set that lie in one domain together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopologySlice {
    /// Level of the domain.
    pub level: Text,
    /// Number of pods.
    pub size: i64,
}

/// Wishes of a set of pods about a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopologyRequest {
    /// Wish about the domain of all pods.
    pub wish: Option<TopologyConstraint>,
    /// Slices, the outermost first.
    pub slices: Vec<TopologySlice>,
    /// Name of a group of pod sets that are placed together.
    pub group: Option<Text>,
}

/// A number of equal pods.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodSet {
    /// The set's name.
    pub name: Text,
    /// Number of pods.
    pub count: i64,
    /// Number of pods that the workload can do with.
    pub min_count: Option<i64>,
    /// The pods.
    pub spec: Arc<PodSpec>,
    /// Wishes about the topology.
    pub topology: Option<TopologyRequest>,
}

/// Pods of a set in the domains of a topology.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TopologyAssignment {
    /// Keys of the labels that name a domain.
    pub levels: Vec<Text>,
    /// Values of the labels and number of pods.
    pub domains: Vec<(Vec<Text>, i64)>,
}

/// Quota that a pod set holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodSetAdmission {
    /// Name of the pod set.
    pub name: Text,
    /// Number of pods.
    pub count: i64,
    /// Flavors by resource.
    pub flavors: SortedMap<Text, Text>,
    /// Amounts by resource.
    pub usage: SortedMap<Text, Quantity>,
    /// Domains of the pods.
    pub topology: Option<TopologyAssignment>,
}

/// Quota that a workload holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Admission {
    /// Name of the queue of the cluster.
    pub cluster_queue: Text,
    /// Quota by pod set.
    pub pod_sets: Vec<PodSetAdmission>,
}

/// A condition of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// The condition's name.
    pub kind: Text,
    /// Mark of a condition that holds.
    pub holds: bool,
    /// Reason in one word.
    pub reason: Text,
    /// Time of its last change.
    pub since: Instant,
}

/// Pods that wait for quota and are admitted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QueuedWorkload {
    /// The workload's namespace.
    pub namespace: Text,
    /// The workload's name.
    pub name: Text,
    /// The workload's unique name.
    pub uid: Text,
    /// Name of its local queue.
    pub queue: Text,
    /// Priority; higher goes first.
    pub priority: i32,
    /// Time of its creation.
    pub created: Instant,
    /// Mark of a workload that may be admitted.
    pub active: bool,
    /// Pods.
    pub pod_sets: Vec<PodSet>,
    /// Longest time that it may be admitted for.
    pub max_execution: Option<Duration>,
    /// Quota that it holds.
    pub admission: Option<Admission>,
    /// Conditions.
    pub conditions: Vec<Condition>,
    /// Number of pods by pod set that don't need their quota any more.
    pub reclaimable: SortedMap<Text, i64>,
}

impl QueuedWorkload {
    /// The condition of a name, if it holds.
    pub fn holding(&self, kind: &str) -> Option<&Condition> {
        let mut conditions = self.conditions.iter();
        conditions.find(|condition| condition.holds && *condition.kind == *kind)
    }
}

/// A queue of a namespace, which leads to one of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalQueue {
    /// The queue's namespace.
    pub namespace: Text,
    /// The queue's name.
    pub name: Text,
    /// Name of the queue of the cluster.
    pub cluster_queue: Text,
    /// State in which its owner holds it.
    pub stop: StopPolicy,
}

/// Rule that judges a preemption under fair sharing (spec: batch-on-kubernetes.md 1.8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FairStrategy {
    /// The share of the preemptor, newcomer included, is at most that of the other side without the
    /// candidate.
    LessThanOrEqualToFinalShare,
    /// The share of the preemptor, newcomer included, is below that of the other side as it is.
    LessThanInitialShare,
}

impl FairStrategy {
    /// Rules that hold where none are stated.
    pub const DEFAULT: &[Self] = &[
        Self::LessThanOrEqualToFinalShare,
        Self::LessThanInitialShare,
    ];

    /// The rule of a name.
    pub fn find(name: &str) -> Option<Self> {
        match name {
            "LessThanOrEqualToFinalShare" => Some(Self::LessThanOrEqualToFinalShare),
            "LessThanInitialShare" => Some(Self::LessThanInitialShare),
            _ => None,
        }
    }
}

/// The name of the workload that stands for an owner of a kind.
pub fn workload_of(kind: &str, owner: &str) -> Text {
    format!("{kind}-{owner}").into()
}

/// The name of the workload that stands for a job.
pub fn workload_of_job(job: &str) -> Text {
    workload_of("job", job)
}

/// Objects of Kueue that users declare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueingObjects {
    /// Flavors.
    pub flavors: Vec<ResourceFlavor>,
    /// Cohorts that are stated; others follow from their names.
    pub cohorts: Vec<Cohort>,
    /// Queues of the cluster.
    pub queues: Vec<ClusterQueue>,
    /// Topologies.
    pub topologies: Vec<Topology>,
    /// Queues of namespaces.
    pub local_queues: Vec<LocalQueue>,
    /// Values of the classes of priority that workloads name.
    pub priorities: SortedMap<Text, i32>,
    /// Workloads that are there when a run begins.
    pub workloads: Vec<QueuedWorkload>,
    /// Rules of fair sharing, in order; `None` is preemption by priority.
    pub fair_sharing: Option<Vec<FairStrategy>>,
    /// Whether chance decides which of equal shares makes room.
    pub draws_equal_shares: bool,
    /// Times until pods are ready; `None` is any.
    pub wait_for_pods_ready: Option<WaitForPodsReady>,
    /// Admission checks.
    pub checks: Vec<AdmissionCheck>,
    /// The changes of flavors, quotas and queues while the cluster runs, in order of time.
    pub later: Vec<LaterQueues>,
}

/// Flavors, cohorts, queues and topologies from a time on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaterQueues {
    /// The time.
    pub at: Instant,
    /// All objects from then on, without settings, checks and workloads.
    pub objects: QueueingObjects,
}

impl QueueingObjects {
    /// Takes out what may change while the cluster runs: all but settings, checks and workloads.
    #[must_use]
    pub fn take_changeable(&mut self) -> Self {
        Self {
            flavors: std::mem::take(&mut self.flavors),
            cohorts: std::mem::take(&mut self.cohorts),
            queues: std::mem::take(&mut self.queues),
            topologies: std::mem::take(&mut self.topologies),
            local_queues: std::mem::take(&mut self.local_queues),
            priorities: std::mem::take(&mut self.priorities),
            ..Self::default()
        }
    }

    /// Takes in objects that are applied, each in the place of the one of its name.
    pub fn apply(&mut self, other: &Self) {
        replace(&mut self.flavors, &other.flavors, |own| &own.name);
        replace(&mut self.cohorts, &other.cohorts, |own| &own.name);
        replace(&mut self.queues, &other.queues, |own| &own.name);
        replace(&mut self.topologies, &other.topologies, |own| &own.name);
        for own in &other.local_queues {
            self.remove_local_queue(&own.namespace, &own.name);
            self.local_queues.push(own.clone());
        }
        self.priorities.extend(other.priorities.clone());
    }

    /// Takes a queue of a namespace out; whether it was there.
    pub fn remove_local_queue(&mut self, namespace: &str, name: &str) -> bool {
        let is_it = |own: &LocalQueue| *own.namespace == *namespace && *own.name == *name;
        let place = self.local_queues.iter().position(is_it);
        place.map(|place| self.local_queues.remove(place)).is_some()
    }

    /// The objects that are there at any time, as they are last.
    #[must_use]
    pub fn ever(&self) -> Self {
        let mut objects = self.clone();
        for later in &self.later {
            objects.apply(&later.objects);
        }
        objects
    }

    /// Whether there are queues of the cluster at any time.
    pub fn has_queues(&self) -> bool {
        let mut later = self.later.iter();
        !self.queues.is_empty() || later.any(|own| !own.objects.queues.is_empty())
    }

    /// Labels of the levels of the first topology by name, from the highest on; empty without one.
    pub fn levels(&self) -> Arc<[Text]> {
        let first = self.topologies.iter().min_by_key(|topology| &topology.name);
        first
            .map(|own| own.levels.as_slice().into())
            .unwrap_or_default()
    }

    /// Nominal quotas of all queues and cohorts together, by resource.
    pub fn totals(&self) -> Arc<[(Text, Quantity)]> {
        let queues = self.queues.iter().flat_map(|queue| &queue.groups);
        let groups = queues.chain(self.cohorts.iter().flat_map(|cohort| &cohort.groups));
        let quotas = groups.flat_map(|group| &group.flavors);
        let mut totals: SortedMap<Text, Quantity> = SortedMap::default();
        for own in quotas.flat_map(|quota| &quota.resources) {
            let total = totals.entry(own.resource.clone()).or_default();
            *total = total.checked_add(own.nominal).unwrap_or(*total);
        }
        totals.into_iter().collect()
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        let quotas = self.flavors.len() + self.cohorts.len() + self.queues.len();
        let users = self.local_queues.len() + self.priorities.len() + self.workloads.len();
        let settings = usize::from(self.fair_sharing.is_some())
            + usize::from(self.wait_for_pods_ready.is_some());
        let rest = self.topologies.len() + self.checks.len() + self.later.len();
        quotas + users + rest + settings
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in the objects of another file.
    pub fn merge(&mut self, other: Self) {
        self.flavors.extend(other.flavors);
        self.cohorts.extend(other.cohorts);
        self.queues.extend(other.queues);
        self.topologies.extend(other.topologies);
        self.local_queues.extend(other.local_queues);
        self.priorities.extend(other.priorities);
        self.workloads.extend(other.workloads);
        self.fair_sharing = other.fair_sharing.or(self.fair_sharing.take());
        self.draws_equal_shares |= other.draws_equal_shares;
        let waits = other.wait_for_pods_ready;
        self.wait_for_pods_ready = waits.or(self.wait_for_pods_ready.take());
        self.checks.extend(other.checks);
        self.later.extend(other.later);
    }
}

/// Puts each applied object in the place of the one of its name, or at the end.
fn replace<T: Clone>(known: &mut Vec<T>, applied: &[T], name: fn(&T) -> &Text) {
    for own in applied {
        match known.iter_mut().find(|other| name(other) == name(own)) {
            Some(place) => place.clone_from(own),
            None => known.push(own.clone()),
        }
    }
}

/// Use of one resource of a flavor by a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FlavorUsage {
    /// Name of the flavor.
    pub flavor: Text,
    /// Name of the resource.
    pub resource: Text,
    /// Amount that the queue owns.
    pub nominal: Quantity,
    /// Amount that its workloads hold.
    pub total: Quantity,
    /// Amount of this that it borrows.
    pub borrowed: Quantity,
}

/// Status of a queue of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClusterQueueStatus {
    /// Empty: the queue belongs to no namespace.
    pub namespace: Text,
    /// The queue's name.
    pub name: Text,
    /// Number of workloads that wait.
    pub pending: u64,
    /// Number of workloads that hold quota.
    pub reserving: u64,
    /// Use by flavor and resource.
    pub usage: Vec<FlavorUsage>,
}
