//! The table of pods: one row per pod, when it ended, and at the end of the run for those that
//! live on.

use std::{fmt, io};

use cluster::Store;
use model::{DeviceSet, EndReason, Owner, Pod, PodName, PodPhase, PodSpec};
use units::{ClassId, GangId, Instant, PodId, TenantId};

use super::gpus;

/// One pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodRow<'a> {
    /// The pod's identity.
    pub pod: PodId,
    /// Name of the pod.
    pub name: &'a PodName,
    /// Tenant that the pod is accounted to.
    pub tenant: TenantId,
    /// The pod's class.
    pub class: ClassId,
    /// Instant of submission.
    pub submit: Instant,
    /// Instant at which the pod was given a node, if it was.
    pub bound: Option<Instant>,
    /// Instant at which the pod began to run, if it did.
    pub started: Option<Instant>,
    /// Instant at which the pod ended, if it did.
    pub ended: Option<Instant>,
    /// The name of its node, if it had one.
    pub node: Option<&'a str>,
    /// The devices it held there.
    pub gpus: DeviceSet,
    /// Outcome of the pod.
    pub outcome: &'static str,
    /// Job that the pod is part of, if it is part of one.
    pub job: Option<Job<'a>>,
    /// Demand of the pod, which all pods of its class share.
    pub demand: Demand<'a>,
}

/// Job that a pod is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job<'a> {
    /// Object that controls the pod.
    Owner(&'a Owner),
    /// Pods of one arrival.
    Gang(GangId),
}

impl fmt::Display for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(f, "{}/{}", owner.kind, owner.name),
            Self::Gang(gang) => write!(f, "gang-{}", gang.0),
        }
    }
}

/// Demand of a class of pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand<'a> {
    /// Namespace of the pods; empty if they have none.
    pub namespace: &'a str,
    /// Queue that their labels name; empty if they name none.
    pub queue: &'a str,
    /// Priority of the pods.
    pub priority: i32,
    /// Requested milli-cores.
    pub cpu_milli: i64,
    /// Requested bytes of memory.
    pub memory_bytes: i64,
    /// Requested milli-GPU over all devices.
    pub gpu_milli: i64,
}

impl<'a> Demand<'a> {
    /// The demand of a class.
    pub fn of(class: ClassId, store: &'a Store) -> Self {
        let class = store.class(class);
        Self {
            namespace: &class.spec.namespace,
            queue: queue(&class.spec),
            priority: class.spec.priority,
            cpu_milli: class.requests.cpu_milli,
            memory_bytes: class.requests.memory_bytes,
            gpu_milli: gpus::requested(store, &class.requests),
        }
    }
}

/// Labels by which pods name their queue: those of Kueue, of Volcano, and `queue`.
const QUEUE_LABELS: [&str; 4] = [
    "kueue.x-k8s.io/queue-name",
    "volcano.sh/queue-name",
    "scheduling.volcano.sh/queue-name",
    "queue",
];

fn queue(spec: &PodSpec) -> &str {
    if spec.labels.is_empty() {
        return "";
    }
    let mut named = QUEUE_LABELS.iter().filter_map(|key| spec.labels.get(key));
    named.next().map_or("", |name| name)
}

/// Sink for the rows of the table of pods: ended pods in order of end, then the living in order of id.
///
/// ```
/// use std::io;
///
/// use cluster::Store;
/// use metrics::{PodRow, PodSink, Recorder, Setup};
/// use units::Instant;
///
/// struct Print;
///
/// impl PodSink for Print {
///     fn row(&mut self, row: &PodRow<'_>) -> io::Result<()> {
///         println!("{} on {}", row.outcome, row.node.unwrap_or("no node"));
///         Ok(())
///     }
/// }
///
/// let recorder = Recorder::new(&Setup::default()).with_pods(Box::new(Print));
/// recorder.finish(Instant::from_secs(60), &Store::new()).expect("a consistent record");
/// ```
pub trait PodSink {
    /// Takes one row.
    ///
    /// # Errors
    /// If it can't be written; no further row comes.
    fn row(&mut self, row: &PodRow<'_>) -> io::Result<()>;
}

/// The row of a pod: `ended` tells when and why, or it lives.
pub fn row<'a>(pod: &'a Pod, ended: Option<(Instant, EndReason)>, store: &'a Store) -> PodRow<'a> {
    PodRow {
        pod: pod.pod.id,
        name: &pod.name,
        tenant: pod.tenant,
        class: pod.class,
        submit: pod.created,
        bound: pod.phase.holds_node().then_some(pod.bound),
        started: (pod.phase == PodPhase::Running).then_some(pod.started),
        ended: ended.map(|(at, _)| at),
        node: pod.node().map(|node| store.nodes().name(node)),
        gpus: pod.devices(),
        outcome: ended.map_or(living(pod), |(_, reason)| outcome(reason)),
        job: job(pod, store),
        demand: Demand::of(pod.class, store),
    }
}

/// The job of a pod: the object that controls it, or else the pods that it arrived with.
fn job<'a>(pod: &Pod, store: &'a Store) -> Option<Job<'a>> {
    let owner = store.class(pod.class).spec.owner.as_ref();
    owner.map(Job::Owner).or(pod.gang().map(Job::Gang))
}

/// The rows of the pods that live, in order of id.
pub fn living_rows(store: &Store) -> impl Iterator<Item = PodRow<'_>> {
    let mut pods: Vec<&Pod> = store.pods().iter().collect();
    pods.sort_unstable_by_key(|pod| pod.pod.id);
    pods.into_iter().map(|pod| row(pod, None, store))
}

/// Name of a pod's end.
pub const fn outcome(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Completed => "succeeded",
        EndReason::TimeLimit => "time_limit",
        EndReason::Error => "error",
        EndReason::Rejected => "rejected",
        EndReason::NodeLost => "node_lost",
        EndReason::Evicted(_) => "evicted",
        EndReason::Cancelled => "cancelled",
        EndReason::Refused(why) => why.name(),
        EndReason::Moved => "moved",
    }
}

/// Name of the phase of a pod that lives; a terminating one still runs.
const fn living(pod: &Pod) -> &'static str {
    match pod.phase {
        PodPhase::Bound | PodPhase::Starting => "starting",
        PodPhase::Running => "running",
        PodPhase::Pending | PodPhase::Succeeded | PodPhase::Failed | PodPhase::Evicted => "pending",
    }
}
