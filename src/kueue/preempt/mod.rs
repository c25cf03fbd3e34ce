//! Preemption: which workloads give up their quota so that another fits (spec:
//! batch-on-kubernetes.md 1.7, 1.8).

mod classic;
mod fair;

use std::cmp::Ordering;

use model::queueing::PreemptionPolicy;
use units::Instant;

use super::names::FlavorResource;
use super::snapshot::Snapshot;
use super::topology::{PlaceRequests, Usage};
use super::tree::NodeId;
use super::workload::QuotaHolder;

/// Reason of a preemption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The workload makes room in its own queue.
    InClusterQueue,
    /// Its queue gives back what it borrowed.
    InCohortReclamation,
    /// Its queue has more than its fair share.
    InCohortFairSharing,
    /// It makes room for one of higher priority whose queue borrows.
    InCohortReclaimWhileBorrowing,
}

impl Reason {
    /// The reason as Kueue writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InClusterQueue => "InClusterQueue",
            Self::InCohortReclamation => "InCohortReclamation",
            Self::InCohortFairSharing => "InCohortFairSharing",
            Self::InCohortReclaimWhileBorrowing => "InCohortReclaimWhileBorrowing",
        }
    }
}

/// A workload that is to give up its quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Number of the workload in the snapshot.
    pub holding: usize,
    /// Reason.
    pub reason: Reason,
}

/// A workload that others have to make room for.
#[derive(Clone, Copy, Debug)]
pub struct Preemptor<'a> {
    /// Queue of the workload.
    pub queue: NodeId,
    /// Priority of the workload.
    pub priority: i32,
    /// Time by which it is ordered among others of its priority.
    pub timestamp: Instant,
    /// Pairs that others have to give up.
    pub need: &'a [FlavorResource],
    /// Amounts that it needs in all.
    pub request: &'a [(FlavorResource, i64)],
    /// Places that it needs in topologies.
    pub places: Option<&'a PlaceRequests>,
}

/// Workloads that have to give up their quota; none if that doesn't help. The snapshot is as before.
pub fn targets(snapshot: &mut Snapshot, preemptor: &Preemptor<'_>) -> Vec<Target> {
    if snapshot.settings.fair_sharing.is_some() {
        fair::targets(snapshot, preemptor)
    } else {
        classic::targets(snapshot, preemptor)
    }
}

impl Preemptor<'_> {
    /// Whether a policy lets it preempt a workload.
    fn may_preempt(&self, policy: PreemptionPolicy, candidate: &QuotaHolder) -> bool {
        let priority = candidate.priority;
        let is_lower = priority < self.priority;
        match policy {
            PreemptionPolicy::Never => false,
            PreemptionPolicy::LowerPriority => is_lower,
            PreemptionPolicy::LowerOrNewerEqualPriority => {
                let is_newer = self.timestamp < candidate.timestamp;
                is_lower || (priority == self.priority && is_newer)
            }
            PreemptionPolicy::Any => true,
        }
    }

    /// Workloads of a queue that a policy lets it preempt and that hold what it needs.
    fn candidates(
        &self,
        snapshot: &Snapshot,
        queue: NodeId,
        policy: PreemptionPolicy,
    ) -> Vec<usize> {
        let holdings = snapshot.queue(queue).holdings.iter().copied();
        let fitting = holdings.filter(|number| {
            let holding = snapshot.holding(*number);
            self.may_preempt(policy, holding) && holding.uses_any(self.need)
        });
        fitting.collect()
    }

    /// The order in which candidates are taken.
    fn order(&self, snapshot: &Snapshot, one: usize, other: usize) -> Ordering {
        let key = |number: usize| {
            let holding = snapshot.holding(number);
            (
                !holding.is_evicted,
                holding.queue == self.queue,
                holding.priority,
            )
        };
        let (left, right) = (snapshot.holding(one), snapshot.holding(other));
        key(one)
            .cmp(&key(other))
            .then(right.reserved.cmp(&left.reserved))
            .then_with(|| left.workload.uid.cmp(&right.workload.uid))
    }

    /// Whether the workload fits as usage stands.
    fn fits(&self, snapshot: &mut Snapshot, borrowing: bool) -> bool {
        let fits = self.request.iter().all(|(pair, amount)| {
            let is_allowed = borrowing || !snapshot.tree.borrows_with(self.queue, *pair, *amount);
            is_allowed && *amount <= snapshot.available(self.queue, *pair)
        });
        fits && self
            .places
            .is_none_or(|places| snapshot.have_places(places, Usage::Present))
    }

    /// Whether the workload could fit once workloads are gone: amounts that are gone make at most as much
    /// available.
    fn may_fit_without(&self, snapshot: &Snapshot, gone: &[usize]) -> bool {
        let mut request = self.request.iter();
        request.all(|(pair, amount)| {
            let available = snapshot.tree.available(self.queue, *pair);
            *amount <= available.saturating_add(held(snapshot, gone, *pair))
        })
    }

    /// Puts workloads back that turn out not to be in the way, and gives the usage of the others back:
    /// the list of those that have to go.
    fn fill_back(
        &self,
        snapshot: &mut Snapshot,
        mut targets: Vec<Target>,
        borrowing: bool,
    ) -> Vec<Target> {
        for place in (0..targets.len().saturating_sub(1)).rev() {
            snapshot.add_usage(targets[place].holding);
            if self.fits(snapshot, borrowing) {
                // As the original does, which fixes the order of the list.
                targets.swap_remove(place);
            } else {
                snapshot.remove_usage(targets[place].holding);
            }
        }
        restore(snapshot, &targets);
        targets
    }
}

/// Amount of a pair that workloads hold together.
fn held(snapshot: &Snapshot, holdings: &[usize], pair: FlavorResource) -> i64 {
    let amounts = holdings
        .iter()
        .flat_map(|holding| &snapshot.holding(*holding).usage);
    let amounts = amounts.filter(|(own, _)| *own == pair);
    amounts.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
}

/// Gives the usage of workloads back after a trial.
fn restore(snapshot: &mut Snapshot, targets: &[Target]) {
    for target in targets {
        snapshot.add_usage(target.holding);
    }
}

/// Outcome of a trial for one pair (spec: batch-on-kubernetes.md 1.5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Possibility {
    /// No preemption helps.
    NoCandidates,
    /// Preemption helps, of workloads of the same queue among others.
    Preempt,
    /// Preemption helps, of other queues' workloads alone.
    Reclaim,
}

/// Tries a preemption for an amount of one pair: whether it helps, and to which level the queue
/// borrows afterwards.
pub fn possibility(
    snapshot: &mut Snapshot,
    preemptor: &Preemptor<'_>,
    amount: i64,
) -> (Possibility, usize) {
    let pair = preemptor.need[0];
    let found = targets(snapshot, preemptor);
    if found.is_empty() {
        let (level, _) = snapshot.tree.borrowing_level(preemptor.queue, pair, amount);
        return (Possibility::NoCandidates, level);
    }
    for target in &found {
        snapshot.remove_usage(target.holding);
    }
    let (level, _) = snapshot.tree.borrowing_level(preemptor.queue, pair, amount);
    restore(snapshot, &found);
    let mut queues = found
        .iter()
        .map(|target| snapshot.holding(target.holding).queue);
    if queues.any(|queue| queue == preemptor.queue) {
        (Possibility::Preempt, level)
    } else {
        (Possibility::Reclaim, level)
    }
}
