//! Replica sets: as many active pods as are wanted, no more, no fewer. A replication controller is
//! the same with a selector of equalities (spec: kubernetes.md 2.1).

use std::cmp::Ordering;

use super::order::{age_step, by_restarts, by_usefulness, by_youth, sort_by_insertion};
use model::Text;
use model::workload::replica_set::ReplicaSetStatus;
use model::workload::{ObservedPod, ReplicaSet};
use units::{Duration, Instant, SortedMap};

/// Greatest number of pods that one sync creates or deletes.
pub const BURST: i32 = 500;

/// Time after which writes that were never seen back are given up.
pub const EXPECTATION_TIMEOUT: Duration = Duration::from_secs(300);

/// The controller's view of one replica set.
#[derive(Clone, Copy, Debug)]
pub struct ReplicaSetView<'a> {
    /// The set.
    pub set: &'a ReplicaSet,
    /// All of its pods.
    pub pods: &'a [ObservedPod],
    /// The pods of the other sets of its owner.
    pub related: &'a [ObservedPod],
    /// Whether creations or deletions of its own have not been seen yet.
    pub is_waiting: bool,
}

/// Changes that the controller requests for one replica set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSetWrites {
    /// Number of pods to create, in batches (see [`slow_start`]).
    pub create: i32,
    /// Pods that are deleted, all at once.
    pub delete: Vec<Text>,
    /// Status to report.
    pub status: ReplicaSetStatus,
}

/// One sync: creates what is missing or deletes what is too much.
pub fn sync(now: Instant, view: &ReplicaSetView<'_>) -> ReplicaSetWrites {
    let active: Vec<ObservedPod> = active(view.pods).cloned().collect();
    let mut writes = ReplicaSetWrites {
        status: status(now, view.set, &active),
        ..ReplicaSetWrites::default()
    };
    if view.is_waiting || view.set.is_terminating {
        return writes;
    }
    let surplus = active.len() as i64 - i64::from(view.set.replicas);
    if surplus < 0 {
        writes.create = (-surplus).min(i64::from(BURST)) as i32;
    } else if surplus > 0 {
        let count = surplus.min(i64::from(BURST)) as usize;
        let order = if count < active.len() {
            victims(now, &active, view.related)
        } else {
            (0..active.len()).collect()
        };
        let first = order.into_iter().take(count);
        writes.delete = first.map(|place| active[place].name.clone()).collect();
    }
    writes
}

fn active(pods: &[ObservedPod]) -> impl Iterator<Item = &ObservedPod> {
    pods.iter().filter(|pod| pod.is_active())
}

fn status(now: Instant, set: &ReplicaSet, active: &[ObservedPod]) -> ReplicaSetStatus {
    let count = |counts: &dyn Fn(&ObservedPod) -> bool| {
        active.iter().filter(|pod| counts(pod)).count() as i32
    };
    ReplicaSetStatus {
        replicas: active.len() as i32,
        ready: count(&|pod| pod.is_ready()),
        available: count(&|pod| pod.is_available(set.min_ready, now)),
    }
}

/// The sizes of the batches in which so many creations are tried: 1, 2, 4, 8 … The first batch with
/// an error ends the sync.
pub fn slow_start(count: i32) -> impl Iterator<Item = i32> {
    let mut left = count;
    let mut size = 1;
    std::iter::from_fn(move || {
        let batch = size.min(left);
        left -= batch;
        size *= 2;
        (batch > 0).then_some(batch)
    })
}

/// Rank of each pod: the number of active pods of its own and related sets on its node; those
/// without a node count together as one place.
pub fn ranks(pods: &[ObservedPod], related: &[ObservedPod]) -> Vec<i32> {
    let mut on_node: SortedMap<Option<&Text>, i32> = SortedMap::new();
    for pod in active(pods).chain(active(related)) {
        *on_node.entry(pod.node.as_ref()).or_default() += 1;
    }
    let rank = |pod: &ObservedPod| on_node.get(&pod.node.as_ref()).copied().unwrap_or(0);
    pods.iter().map(rank).collect()
}

/// The order in which pods go when there are too many: places in `pods`, first to go first.
pub fn victims(now: Instant, pods: &[ObservedPod], related: &[ObservedPod]) -> Vec<usize> {
    let ranks = ranks(pods, related);
    let mut order: Vec<usize> = (0..pods.len()).collect();
    sort_by_insertion(&mut order, |one, other| {
        let ranked = |place: usize| (&pods[place], ranks[place]);
        compare(now, ranked(one), ranked(other)) == Ordering::Less
    });
    order
}

fn compare(now: Instant, one: (&ObservedPod, i32), other: (&ObservedPod, i32)) -> Ordering {
    let ((one, one_rank), (other, other_rank)) = (one, other);
    by_usefulness(one, other)
        .then_with(|| one.deletion_cost.cmp(&other.deletion_cost))
        .then_with(|| other_rank.cmp(&one_rank))
        .then_with(|| {
            if one.is_ready() && other.is_ready() {
                by_age_step(now, one, other, ObservedPod::ready_since)
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| by_restarts(one, other))
        .then_with(|| by_age_step(now, one, other, |pod| pod.created))
}

/// By age on the logarithmic scale, within a step by identifier; equal only at equal times.
fn by_age_step(
    now: Instant,
    one: &ObservedPod,
    other: &ObservedPod,
    time: impl Fn(&ObservedPod) -> Option<Instant>,
) -> Ordering {
    match (time(one), time(other)) {
        (Some(first), Some(second)) if first != second => age_step(first, now)
            .cmp(&age_step(second, now))
            .then_with(|| one.uid.cmp(&other.uid)),
        (first, second) => by_youth(first, second),
    }
}

/// Creations and deletions that a set has ordered but not yet observed. Until then it orders no
/// more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    creations: i32,
    deletions: i32,
    since: Instant,
}

impl Expectations {
    /// Records ordered creations and deletions.
    pub fn ordered(now: Instant, creations: i32, deletions: i32) -> Self {
        Self {
            creations,
            deletions,
            since: now,
        }
    }

    /// A pod of the set appeared, or its creation failed.
    pub fn creation_seen(&mut self) {
        self.creations -= 1;
    }

    /// A pod of the set was asked to terminate, or went.
    pub fn deletion_seen(&mut self) {
        self.deletions -= 1;
    }

    /// Whether something is outstanding; after five minutes it is given up.
    pub fn is_waiting(&self, now: Instant) -> bool {
        (self.creations > 0 || self.deletions > 0) && now.since(self.since) <= EXPECTATION_TIMEOUT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use model::workload::{ObservedPhase, Readiness};

    fn ready(name: &str, since: i64) -> ObservedPod {
        ObservedPod {
            name: name.into(),
            uid: name.into(),
            node: Some("n".into()),
            phase: ObservedPhase::Running,
            readiness: Some(Readiness {
                is_ready: true,
                since: Some(Instant::from_secs(since)),
            }),
            created: Some(Instant::ZERO),
            ..ObservedPod::default()
        }
    }

    #[test]
    fn ages_of_one_step_are_told_apart_by_identifier() {
        // Ready 10 s and 15 s ago are one step of the scale, 10 s and 20 s are two.
        let now = Instant::from_secs(100);
        let pods = [ready("b", 90), ready("a", 85)];
        assert_eq!(victims(now, &pods, &[]), [1, 0]);
        let pods = [ready("a", 80), ready("b", 90)];
        assert_eq!(victims(now, &pods, &[]), [1, 0]);
    }

    #[test]
    fn creations_double_and_a_burst_is_500() {
        assert_eq!(slow_start(10).collect::<Vec<_>>(), [1, 2, 4, 3]);
        assert_eq!(slow_start(0).count(), 0);
        let set = ReplicaSet {
            replicas: 700,
            ..ReplicaSet::default()
        };
        let mut view = ReplicaSetView {
            set: &set,
            pods: &[],
            related: &[],
            is_waiting: false,
        };
        assert_eq!(sync(Instant::ZERO, &view).create, 500);
        view.is_waiting = true;
        assert_eq!(sync(Instant::ZERO, &view).create, 0);
    }

    #[test]
    fn terminating_pods_are_replaced_at_once() {
        let set = ReplicaSet {
            replicas: 2,
            ..ReplicaSet::default()
        };
        let mut pods = [ready("a", 0), ready("b", 0), ready("c", 0)];
        pods[0].is_terminating = true;
        pods[1].phase = ObservedPhase::Failed;
        let view = ReplicaSetView {
            set: &set,
            pods: &pods,
            related: &[],
            is_waiting: false,
        };
        let writes = sync(Instant::from_secs(1), &view);
        assert_eq!((writes.create, writes.status.available), (1, 1));
    }

    #[test]
    fn expectations_lapse_after_five_minutes() {
        let mut expected = Expectations::ordered(Instant::ZERO, 2, 0);
        expected.creation_seen();
        assert!(expected.is_waiting(Instant::from_secs(300)));
        assert!(!expected.is_waiting(Instant::from_secs(301)));
        expected.creation_seen();
        assert!(!expected.is_waiting(Instant::ZERO));
    }

    #[test]
    fn a_comparison_that_is_no_order_still_sorts() {
        let mut items: Vec<u32> = (0..40).rev().collect();
        sort_by_insertion(&mut items, |one, other| one < other);
        assert!(items.is_sorted());
        sort_by_insertion(&mut items, |_, _| true);
        assert_eq!(items.len(), 40);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: ProptestConfig::default().cases / 4,
            ..ProptestConfig::default()
        })]

        /// However pods fail and sizes change, no sync orders more than is missing or too much, and
        /// the wanted number stands after a few syncs.
        #[test]
        fn the_wanted_number_is_kept(
            script in proptest::collection::vec((0..4_u32, 0..20_i32), 0..60),
        ) {
            let mut set = ReplicaSet::default();
            let mut pods: Vec<ObservedPod> = Vec::new();
            let mut made = 0;
            let calm = std::iter::repeat_n((9, 0), 2);
            for (second, (act, number)) in script.into_iter().chain(calm).enumerate() {
                let now = second as i64 + 1;
                match act {
                    0 => set.replicas = number,
                    1 => for pod in pods.iter_mut().take(number as usize) {
                        pod.phase = ObservedPhase::Failed;
                    },
                    _ => {}
                }
                let view = ReplicaSetView { set: &set, pods: &pods, related: &[], is_waiting: false };
                let writes = sync(Instant::from_secs(now), &view);
                let active = pods.iter().filter(|pod| pod.is_active()).count() as i32;
                prop_assert_eq!(active + writes.create - writes.delete.len() as i32, set.replicas);
                prop_assert!(writes.create == 0 || writes.delete.is_empty());
                pods.retain(|pod| !writes.delete.contains(&pod.name));
                for _ in 0..writes.create {
                    made += 1;
                    pods.push(ready(&format!("p{made}"), now));
                }
            }
            let active = pods.iter().filter(|pod| pod.is_active()).count() as i32;
            prop_assert_eq!(active, set.replicas);
        }
    }
}
