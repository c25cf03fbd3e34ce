//! The table of pods: one row per pod, when it ended, and at the end of the run for those that
//! live on.

use std::io;

use cluster::Store;
use model::{DeviceSet, EndReason, Pod, PodName, PodPhase};
use units::{ClassId, Instant, PodId, TenantId};

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
        outcome: ended.map_or(living(pod.phase), |(_, reason)| outcome(reason)),
    }
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
    }
}

const fn living(phase: PodPhase) -> &'static str {
    match phase {
        PodPhase::Bound | PodPhase::Starting => "starting",
        PodPhase::Running => "running",
        PodPhase::Pending | PodPhase::Succeeded | PodPhase::Failed | PodPhase::Evicted => "pending",
    }
}
