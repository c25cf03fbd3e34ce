//! Workloads that do not stay up where pods that end are replaced by others: these end as well, soon after each
//! start, until the run ends, and most systems go on like that without a word.

use super::aftermath::Counted;
use cluster::{ObjectRow, Store};
use model::{EndReason, Event, Object, Pod, PodRef};
use units::{Duration, Instant, ObjectId, SortedMap};

/// Time that a pod lives at least which is not in trouble.
const SHORT: Duration = Duration::from_secs(600);

/// Short lives of one replica, one after the other, that mean trouble.
const TROUBLE: u64 = 5;

/// Short lives so far.
#[derive(Default)]
pub(super) struct ShortLives {
    /// Workloads of living pods.
    owners: SortedMap<PodRef, ObjectId>,
    workloads: SortedMap<ObjectId, Ends>,
}

/// Ends of a workload's pods by themselves.
#[derive(Clone, Copy, Default)]
struct Ends {
    all: u64,
    /// Since one of its pods lived longer.
    in_a_row: u64,
}

impl ShortLives {
    /// Reads a change; `ended` is the record of the pod that it ended.
    pub(super) fn observe(
        &mut self,
        at: Instant,
        event: &Event,
        ended: Option<&Pod>,
        store: &Store,
    ) {
        if let Event::PodCreated(created) = event {
            let owner = created.owner.map(|own| store.objects().root(own.object));
            self.owners.extend(owner.map(|owner| (created.pod, owner)));
        }
        let Event::PodEnded { pod, reason } = event else {
            return;
        };
        let owner = self.owners.remove(pod);
        let ended = ended.filter(|own| own.node().is_some());
        let (Some(owner), Some(ended)) = (owner, ended) else {
            return;
        };
        if matches!(reason, EndReason::Completed | EndReason::Error) {
            let ends = self.workloads.entry(owner).or_default();
            let is_short = at.since(ended.bound) < SHORT;
            ends.in_a_row = if is_short { ends.in_a_row + 1 } else { 0 };
            ends.all += 1;
        }
    }

    /// The workloads that did not stay up in a run that left this store at an instant.
    pub(super) fn at_end(&self, at: Instant, store: &Store) -> Counted {
        let mut counted = Counted::default();
        for (&owner, ends) in &self.workloads {
            let Some(row) = store.objects().get(owner) else {
                continue;
            };
            let replicas = match &row.object {
                Object::Deployment(own) => own.replicas,
                Object::ReplicaSet(own) => own.replicas,
                Object::StatefulSet(own) => own.replicas,
                Object::DaemonSet(_) => i32::try_from(row.pods.len()).unwrap_or(i32::MAX),
                _ => continue,
            };
            let Ok(replicas @ 1..) = u64::try_from(replicas) else {
                continue;
            };
            if ends.in_a_row / replicas >= TROUBLE && is_not_up(row, at, store) {
                let (namespace, name) = (row.object.namespace(), row.object.name());
                counted.add(|| format!("`{namespace}/{name}` ({} times)", ends.all));
            }
        }
        counted
    }
}

/// Whether a workload has no pods, its own or those of its versions, or some that wait or began a short while ago.
fn is_not_up(row: &ObjectRow, at: Instant, store: &Store) -> bool {
    let versions = row
        .children
        .iter()
        .filter_map(|own| store.objects().get(*own));
    let pods = row.pods.iter().chain(versions.flat_map(|own| &own.pods));
    let mut pods = pods.filter_map(|&pod| store.pods().get(pod)).peekable();
    let is_new = |own: &Pod| own.node().is_none() || at.since(own.bound) < SHORT;
    pods.peek().is_none() || pods.any(is_new)
}
