//! Preemption by priority and by what queues own (spec: batch-on-kubernetes.md 1.7).

use model::queueing::PreemptionPolicy;

use super::{Preemptor, Reason, Target, held, restore};
use crate::snapshot::Snapshot;
use crate::tree::NodeId;

/// Way in which a candidate may be preempted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Variant {
    /// It is in the same queue.
    WithinQueue,
    /// The preemptor's side of the tree owns what it takes.
    HierarchicalReclaim,
    /// Its queue gives back, and the preemptor's doesn't borrow.
    ReclaimWithoutBorrowing,
    /// Its queue gives back, though the preemptor's borrows.
    ReclaimWhileBorrowing,
}

/// A workload that may be preempted.
struct Candidate {
    holding: usize,
    variant: Variant,
    /// Cohort under which it was found; `None` in the same queue.
    below: Option<NodeId>,
}

impl Candidate {
    fn reason(&self) -> Reason {
        match self.variant {
            Variant::WithinQueue => Reason::InClusterQueue,
            Variant::HierarchicalReclaim | Variant::ReclaimWithoutBorrowing => {
                Reason::InCohortReclamation
            }
            Variant::ReclaimWhileBorrowing => Reason::InCohortReclaimWhileBorrowing,
        }
    }
}

/// A queue whose workloads may be asked to make room for those of another one.
struct OpenQueue {
    queue: NodeId,
    /// Cohort under which it was found.
    below: NodeId,
    /// Whether the preemptor's side of the tree owns what it takes.
    has_advantage: bool,
}

pub(super) fn targets(snapshot: &mut Snapshot, preemptor: &Preemptor<'_>) -> Vec<Target> {
    let queue = snapshot.queue(preemptor.queue).spec.clone();
    let own = preemptor.candidates(snapshot, preemptor.queue, queue.preemption.within_queue);
    let open = open_queues(snapshot, preemptor);
    if !may_suffice(snapshot, preemptor, &own, &open) {
        return Vec::new();
    }
    let own = own.into_iter().map(|holding| Candidate {
        holding,
        variant: Variant::WithinQueue,
        below: None,
    });
    let own: Vec<Candidate> = own.collect();
    let (hierarchy, priority) = in_cohort(snapshot, preemptor, &open);
    let has_others = !(hierarchy.is_empty() && priority.is_empty());
    let has_advantage = !hierarchy.is_empty();
    let candidates = in_order(snapshot, preemptor, [hierarchy, priority, own]);
    let never_borrows = queue.preemption.borrowing.is_none();
    let is_under = preemptor.need.iter().all(|pair| {
        let nominal = snapshot.tree.quota(preemptor.queue, *pair).nominal;
        snapshot.tree.usage(preemptor.queue, *pair) < nominal
    });
    let attempts: &[bool] = if !has_others || (never_borrows && !is_under) {
        &[true]
    } else if never_borrows && !has_advantage {
        &[false, true]
    } else {
        &[true, false]
    };
    for borrowing in attempts {
        if let Some(found) = attempt(snapshot, preemptor, &candidates, *borrowing) {
            return found;
        }
    }
    Vec::new()
}

/// Whether the workload could fit if all that any attempt may take were gone. What queues use is the
/// most that they can give, and an amount that is gone makes at most that amount available.
fn may_suffice(
    snapshot: &Snapshot,
    preemptor: &Preemptor<'_>,
    own: &[usize],
    open: &[OpenQueue],
) -> bool {
    let tree = &snapshot.tree;
    let never_borrows = snapshot
        .queue(preemptor.queue)
        .spec
        .preemption
        .borrowing
        .is_none();
    let (mut with_borrowing, mut within_nominal) = (true, true);
    for (pair, amount) in preemptor.request {
        let held = held(snapshot, own, *pair);
        let (mut others, mut advantage) = (0_i64, 0_i64);
        for queue in open {
            let usage = tree.usage(queue.queue, *pair);
            others = others.saturating_add(usage);
            if queue.has_advantage || !never_borrows {
                advantage = advantage.saturating_add(usage);
            }
        }
        let left = tree.available(preemptor.queue, *pair).saturating_add(held);
        with_borrowing &= *amount <= left.saturating_add(advantage);
        within_nominal &= *amount <= left.saturating_add(others)
            && !tree.borrows_with(preemptor.queue, *pair, amount.saturating_sub(held));
    }
    with_borrowing || within_nominal
}

/// One walk over the candidates; `None` if it doesn't help.
fn attempt(
    snapshot: &mut Snapshot,
    preemptor: &Preemptor<'_>,
    candidates: &[Candidate],
    borrowing: bool,
) -> Option<Vec<Target>> {
    let mut targets = Vec::new();
    for candidate in candidates {
        if !is_open(snapshot, preemptor, candidate, borrowing) {
            continue;
        }
        snapshot.remove_usage(candidate.holding);
        targets.push(Target {
            holding: candidate.holding,
            reason: candidate.reason(),
        });
        if preemptor.fits(snapshot, borrowing) {
            return Some(preemptor.fill_back(snapshot, targets, borrowing));
        }
    }
    restore(snapshot, &targets);
    None
}

/// Whether a candidate may be taken as usage stands now.
fn is_open(
    snapshot: &Snapshot,
    preemptor: &Preemptor<'_>,
    candidate: &Candidate,
    borrowing: bool,
) -> bool {
    let Some(below) = candidate.below else {
        return true;
    };
    if borrowing && candidate.variant == Variant::ReclaimWithoutBorrowing {
        return false;
    }
    let queue = snapshot.holding(candidate.holding).queue;
    let between = snapshot
        .tree
        .ancestors(queue)
        .take_while(|above| *above != below);
    let mut chain = std::iter::once(queue).chain(between);
    chain.all(|node| !snapshot.tree.is_within_nominal(node, preemptor.need))
}

/// Evicted ones of all lists first, then the others; each list in the order of candidates.
fn in_order(
    snapshot: &Snapshot,
    preemptor: &Preemptor<'_>,
    lists: [Vec<Candidate>; 3],
) -> Vec<Candidate> {
    let mut evicted = Vec::new();
    let mut rest = Vec::new();
    for mut list in lists {
        list.sort_by(|one, other| preemptor.order(snapshot, one.holding, other.holding));
        let is_evicted = |own: &Candidate| snapshot.holding(own.holding).is_evicted;
        let (gone, kept): (Vec<_>, Vec<_>) = list.into_iter().partition(is_evicted);
        evicted.extend(gone);
        rest.extend(kept);
    }
    evicted.extend(rest);
    evicted
}

/// Queues of the preemptor's tree that may have to make room, the nearest first.
fn open_queues(snapshot: &Snapshot, preemptor: &Preemptor<'_>) -> Vec<OpenQueue> {
    let tree = &snapshot.tree;
    let policy = snapshot.queue(preemptor.queue).spec.preemption;
    let mut open = Vec::new();
    if policy.reclaim == PreemptionPolicy::Never {
        return open;
    }
    let suffices = |node: NodeId, rest: &[i64]| {
        let mut amounts = preemptor.request.iter().zip(rest);
        amounts.all(|((pair, _), rest)| {
            tree.subtree(node, *pair) >= tree.usage(node, *pair).saturating_add(*rest)
        })
    };
    let reduce = |node: NodeId, rest: &mut [i64]| {
        for ((pair, _), rest) in preemptor.request.iter().zip(rest) {
            *rest = (*rest - tree.local_available(node, *pair)).max(0);
        }
    };
    let mut rest: Vec<i64> = preemptor
        .request
        .iter()
        .map(|(_, amount)| *amount)
        .collect();
    let mut has_advantage = suffices(preemptor.queue, &rest);
    reduce(preemptor.queue, &mut rest);
    let mut previous = preemptor.queue;
    for below in tree.ancestors(preemptor.queue) {
        collect(snapshot, preemptor, below, previous, &mut |queue| {
            open.push(OpenQueue {
                queue,
                below,
                has_advantage,
            });
        });
        has_advantage = has_advantage || suffices(below, &rest);
        reduce(below, &mut rest);
        previous = below;
    }
    open
}

/// Candidates of other queues: those that the preemptor's side of the tree has a claim on, and the
/// others.
fn in_cohort(
    snapshot: &Snapshot,
    preemptor: &Preemptor<'_>,
    open: &[OpenQueue],
) -> (Vec<Candidate>, Vec<Candidate>) {
    let policy = snapshot.queue(preemptor.queue).spec.preemption.reclaim;
    let (mut hierarchy, mut priority) = (Vec::new(), Vec::new());
    for own in open {
        let list = if own.has_advantage {
            &mut hierarchy
        } else {
            &mut priority
        };
        let found = preemptor.candidates(snapshot, own.queue, policy);
        list.extend(found.into_iter().map(|holding| Candidate {
            holding,
            variant: variant(snapshot, preemptor, holding, own.has_advantage),
            below: Some(own.below),
        }));
    }
    (hierarchy, priority)
}

fn variant(
    snapshot: &Snapshot,
    preemptor: &Preemptor<'_>,
    holding: usize,
    has_advantage: bool,
) -> Variant {
    if has_advantage {
        return Variant::HierarchicalReclaim;
    }
    let policy = snapshot.queue(preemptor.queue).spec.preemption;
    let priority = snapshot.holding(holding).priority;
    match policy.borrowing {
        Some(borrowing)
            if priority < preemptor.priority
                && borrowing.max_priority.is_none_or(|most| priority <= most) =>
        {
            Variant::ReclaimWhileBorrowing
        }
        _ => Variant::ReclaimWithoutBorrowing,
    }
}

/// Finds the queues below a cohort that use more than they own, except in the part that was searched
/// before.
fn collect(
    snapshot: &Snapshot,
    preemptor: &Preemptor<'_>,
    cohort: NodeId,
    searched: NodeId,
    found: &mut impl FnMut(NodeId),
) {
    let tree = &snapshot.tree;
    let is_open =
        |node: &NodeId| *node != searched && !tree.is_within_nominal(*node, preemptor.need);
    let node = tree.node(cohort);
    for below in node.cohorts.iter().copied().filter(is_open) {
        collect(snapshot, preemptor, below, searched, found);
    }
    node.queues.iter().copied().filter(is_open).for_each(found);
}
