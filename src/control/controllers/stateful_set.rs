//! Stateful sets: pods with identities that come in order, are replaced in reverse order and are
//! made again only once the old one is gone (spec: kubernetes.md 2.4).

#[cfg(test)]
mod tests;

use model::Text;
use model::workload::stateful_set::StatefulStatus;
use model::workload::{
    Count, ObservedPhase, ObservedPod, PodManagement, StatefulSet, StatefulUpdate,
};
use units::Instant;

/// A pod of a stateful set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatefulPod {
    /// The pod's ordinal.
    pub ordinal: i32,
    /// The revision of the template that it was made from.
    pub revision: Text,
    /// Observed state of the pod.
    pub pod: ObservedPod,
}

/// The controller's view of one stateful set.
#[derive(Clone, Debug)]
pub struct StatefulSetView<'a> {
    /// The set.
    pub set: &'a StatefulSet,
    /// The stateful set's pods.
    pub pods: &'a [StatefulPod],
    /// The revision of its present template.
    pub update_revision: Text,
    /// Last reported status.
    pub status: &'a StatefulStatus,
    /// Whether the gate `MaxUnavailableStatefulSet` is on.
    pub has_max_unavailable: bool,
    /// Whether updates wait for `minReadySeconds` of each pod, as since 1.34; before, pods that need not
    /// go in order were only waited for until they were ready.
    pub waits_for_available: bool,
    /// Whether the set was asked to terminate.
    pub is_terminating: bool,
}

/// Changes that the controller requests for one stateful set: creations, then deletions, each in
/// order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatefulWrites {
    /// Ordinals and revisions of pods to be made.
    pub create: Vec<(i32, Text)>,
    /// Ordinals of pods to be deleted.
    pub delete: Vec<i32>,
    /// Status to report.
    pub status: StatefulStatus,
}

/// Whether a step lets the sync go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

/// One sync.
pub fn sync(now: Instant, view: &StatefulSetView<'_>) -> StatefulWrites {
    let mut sync = Sync::new(now, view);
    if !view.is_terminating
        && sync.keep_replicas() == Flow::Continue
        && sync.remove_condemned() == Flow::Continue
    {
        sync.roll();
    }
    // Side by side, the highest ordinal goes first; in order there is one deletion at most, or
    // those of an update, which are in this order already.
    sync.writes
        .delete
        .sort_unstable_by(|one, other| other.cmp(one));
    sync.complete();
    sync.writes
}

struct Sync<'a> {
    now: Instant,
    view: &'a StatefulSetView<'a>,
    /// The pods that should be, by ordinal from the first; `None` is missing.
    replicas: Vec<Option<&'a StatefulPod>>,
    /// The pods that should not be, highest ordinal first.
    condemned: Vec<&'a StatefulPod>,
    writes: StatefulWrites,
}

impl<'a> Sync<'a> {
    fn new(now: Instant, view: &'a StatefulSetView<'a>) -> Self {
        let set = view.set;
        let mut replicas = vec![None; set.replicas.max(0) as usize];
        let mut condemned = Vec::new();
        for pod in view.pods.iter().filter(|pod| pod.ordinal >= 0) {
            let place = usize::try_from(pod.ordinal - set.first_ordinal);
            match place.ok().and_then(|place| replicas.get_mut(place)) {
                Some(replica) => *replica = Some(pod),
                None => condemned.push(pod),
            }
        }
        condemned.sort_by_key(|pod| -i64::from(pod.ordinal));
        let mut sync = Self {
            now,
            view,
            replicas,
            condemned,
            writes: StatefulWrites::default(),
        };
        sync.writes.status = sync.status();
        sync
    }

    fn status(&self) -> StatefulStatus {
        let known = &self.view.status.current_revision;
        let update_revision = self.view.update_revision.clone();
        let current_revision = if known.is_empty() {
            update_revision.clone()
        } else {
            known.clone()
        };
        let count = |counts: &dyn Fn(&StatefulPod) -> bool| {
            self.view.pods.iter().filter(|pod| counts(pod)).count() as i32
        };
        StatefulStatus {
            replicas: self.view.pods.len() as i32,
            ready: count(&is_running_and_ready),
            available: count(&|pod| is_running_and_ready(pod) && self.is_available(pod)),
            current: count(&|pod| !pod.pod.is_terminating && pod.revision == current_revision),
            updated: count(&|pod| !pod.pod.is_terminating && pod.revision == update_revision),
            current_revision,
            update_revision,
        }
    }

    fn is_ordered(&self) -> bool {
        self.view.set.management == PodManagement::OrderedReady
    }

    fn is_available(&self, pod: &StatefulPod) -> bool {
        pod.pod.is_available(self.view.set.min_ready, self.now)
    }

    /// A missing pod counts as unavailable.
    fn is_unavailable(&self, pod: Option<&StatefulPod>) -> bool {
        pod.is_none_or(|pod| pod.pod.is_terminating || !self.is_available(pod))
    }

    /// Whether an update waits for a pod of the present revision.
    fn holds_update_back(&self, pod: Option<&StatefulPod>) -> bool {
        if self.view.waits_for_available {
            return self.is_unavailable(pod);
        }
        pod.is_none_or(|pod| pod.pod.is_terminating || !is_running_and_ready(pod))
    }

    /// Makes what is missing and removes what ended; in order this waits for each pod.
    fn keep_replicas(&mut self) -> Flow {
        for place in 0..self.replicas.len() {
            let flow = self.keep(place);
            if self.is_ordered() && flow == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    fn keep(&mut self, place: usize) -> Flow {
        let ordinal = self.view.set.first_ordinal + place as i32;
        let Some(pod) = self.replicas[place] else {
            let revision = self.revision_of(place as i32);
            self.writes.create.push((ordinal, revision));
            return Flow::Stop;
        };
        if pod.pod.phase.is_terminal() {
            if !pod.pod.is_terminating {
                self.writes.delete.push(ordinal);
            }
            return Flow::Stop;
        }
        let is_settled = is_running_and_ready(pod) && !self.is_unavailable(Some(pod));
        if is_settled {
            Flow::Continue
        } else {
            Flow::Stop
        }
    }

    /// The revision that a pod is made from: below the partition the current one.
    fn revision_of(&self, place: i32) -> Text {
        let status = &self.writes.status;
        match self.view.set.update {
            StatefulUpdate::RollingUpdate { partition, .. } if place < partition => {
                status.current_revision.clone()
            }
            _ => status.update_revision.clone(),
        }
    }

    /// Removes what is too much, from the highest ordinal; in order one at a time, and only while
    /// all others are available.
    fn remove_condemned(&mut self) -> Flow {
        let unavailable = |pod: &&StatefulPod| self.is_unavailable(Some(*pod));
        let replica = self.replicas.iter().find(|pod| self.is_unavailable(**pod));
        let first = if let Some(replica) = replica {
            replica.map(|pod| pod.ordinal)
        } else {
            let mut upwards = self.condemned.iter().rev().copied();
            upwards.find(unavailable).map(|pod| pod.ordinal)
        };
        for pod in self.condemned.clone() {
            let is_first = first == Some(pod.ordinal);
            let is_settled = is_running_and_ready(pod) && self.is_available(pod);
            if self.is_ordered() {
                if !pod.pod.is_terminating && (is_settled || is_first) {
                    self.writes.delete.push(pod.ordinal);
                }
                return Flow::Stop;
            }
            if !pod.pod.is_terminating {
                self.writes.delete.push(pod.ordinal);
            }
        }
        Flow::Continue
    }

    /// Replaces pods of another revision, from the highest ordinal down to the partition.
    fn roll(&mut self) {
        let StatefulUpdate::RollingUpdate {
            partition,
            max_unavailable,
        } = self.view.set.update
        else {
            return;
        };
        let limit = self.view.has_max_unavailable.then(|| {
            let total = self.view.set.replicas;
            let most = max_unavailable.unwrap_or(Count::Number(1));
            most.rounded_down(total).max(1)
        });
        let missing = self
            .replicas
            .iter()
            .filter(|pod| self.is_unavailable(**pod));
        let mut left = limit.map_or(1, |limit| limit - missing.count() as i32);
        for place in (partition.max(0) as usize..self.replicas.len()).rev() {
            if left <= 0 {
                return;
            }
            let pod = self.replicas[place];
            if self.is_outdated(place) {
                self.writes
                    .delete
                    .push(self.view.set.first_ordinal + place as i32);
                self.writes.status.current -= 1;
                left -= 1;
            } else if limit.is_none() && self.holds_update_back(pod) {
                return;
            }
        }
    }

    /// Whether the pod at a place, or the one just ordered for it, is of another revision than the
    /// present one and not yet on its way out.
    fn is_outdated(&self, place: usize) -> bool {
        let update = &self.view.update_revision;
        match self.replicas[place] {
            Some(pod) => pod.revision != *update && !pod.pod.is_terminating,
            None => self.revision_of(place as i32) != *update,
        }
    }

    /// Ends a rollout whose pods are all of the new revision and ready.
    fn complete(&mut self) {
        let wanted = self.view.set.replicas;
        let status = &mut self.writes.status;
        let is_rolling = matches!(self.view.set.update, StatefulUpdate::RollingUpdate { .. });
        let all = [status.updated, status.ready, status.replicas];
        if is_rolling && all == [wanted; 3] {
            status.current = status.updated;
            status.current_revision = status.update_revision.clone();
        }
    }
}

fn is_running_and_ready(pod: &StatefulPod) -> bool {
    pod.pod.phase == ObservedPhase::Running && pod.pod.is_ready()
}
