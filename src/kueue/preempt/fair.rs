//! Preemption by fair shares (spec: batch-on-kubernetes.md 1.8.2).

use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::VecDeque;

use model::queueing::PreemptionPolicy;
use rng::Stream;
use units::{SortedMap, SortedSet};

use super::{Preemptor, Reason, Target, restore};
use crate::share::Share;
use crate::snapshot::Snapshot;
use crate::tree::NodeId;
use model::queueing::FairStrategy;

/// Purpose of the random stream of choices among equal shares.
const PURPOSE: &str = "kueue/equal-shares";

/// Most draws of a cycle that have streams of their own.
const DRAWS: u64 = 1 << 20;

/// Candidates by queue, in order, and the parts of the tree that are done with.
struct Candidates {
    of: SortedMap<NodeId, VecDeque<usize>>,
    done: SortedSet<NodeId>,
}

/// A run of one preemption.
struct Run<'a, 's> {
    snapshot: &'s mut Snapshot,
    preemptor: &'a Preemptor<'a>,
    targets: Vec<Target>,
    /// Number of choices among equal shares so far.
    draws: Cell<u64>,
}

pub(super) fn targets(snapshot: &mut Snapshot, preemptor: &Preemptor<'_>) -> Vec<Target> {
    let mut candidates = candidates(snapshot, preemptor);
    if candidates.is_empty() || !preemptor.may_fit_without(snapshot, &candidates) {
        return Vec::new();
    }
    candidates.sort_by(|one, other| preemptor.order(snapshot, *one, *other));
    let strategies = snapshot.settings.fair_sharing.clone().unwrap_or_default();
    for (pair, amount) in preemptor.request {
        snapshot.tree.add(preemptor.queue, *pair, *amount);
    }
    let mut run = Run {
        snapshot,
        preemptor,
        targets: Vec::new(),
        draws: Cell::new(0),
    };
    let mut retry = Vec::new();
    let first = strategies.first().copied();
    let first = first.unwrap_or(FairStrategy::LessThanOrEqualToFinalShare);
    let mut fits = run.first_pass(candidates, first, &mut retry);
    if !fits && strategies.len() > 1 {
        fits = run.second_pass(retry);
    }
    let targets = run.targets;
    for (pair, amount) in preemptor.request {
        snapshot.tree.remove(preemptor.queue, *pair, *amount);
    }
    if fits {
        return preemptor.fill_back(snapshot, targets, true);
    }
    restore(snapshot, &targets);
    Vec::new()
}

/// Candidates, in no order.
fn candidates(snapshot: &Snapshot, preemptor: &Preemptor<'_>) -> Vec<usize> {
    let tree = &snapshot.tree;
    let policy = snapshot.queue(preemptor.queue).spec.preemption;
    let mut found = preemptor.candidates(snapshot, preemptor.queue, policy.within_queue);
    if policy.reclaim != PreemptionPolicy::Never && tree.parent(preemptor.queue).is_some() {
        let mut cohorts = vec![tree.root(preemptor.queue)];
        while let Some(cohort) = cohorts.pop() {
            let node = tree.node(cohort);
            cohorts.extend(&node.cohorts);
            for queue in node
                .queues
                .iter()
                .filter(|queue| **queue != preemptor.queue)
            {
                if !tree.is_within_nominal(*queue, preemptor.need) {
                    found.extend(preemptor.candidates(snapshot, *queue, policy.reclaim));
                }
            }
        }
    }
    found
}

impl Run<'_, '_> {
    fn sorted_by_queue(&self, list: Vec<usize>) -> Candidates {
        let mut of: SortedMap<NodeId, VecDeque<usize>> = SortedMap::default();
        for holding in list {
            let queue = self.snapshot.holding(holding).queue;
            of.entry(queue).or_default().push_back(holding);
        }
        Candidates {
            of,
            done: SortedSet::default(),
        }
    }

    fn remove(&mut self, holding: usize, reason: Reason) {
        self.snapshot.remove_usage(holding);
        self.targets.push(Target { holding, reason });
    }

    /// Whether the preemptor fits; its own usage is no part of what is used.
    fn fits(&mut self) -> bool {
        for (pair, amount) in self.preemptor.request {
            self.snapshot
                .tree
                .remove(self.preemptor.queue, *pair, *amount);
        }
        let fits = self.preemptor.fits(self.snapshot, true);
        for (pair, amount) in self.preemptor.request {
            self.snapshot.tree.add(self.preemptor.queue, *pair, *amount);
        }
        fits
    }

    /// Follows the first strategy; candidates that it refuses go to `retry`. Whether the preemptor
    /// fits.
    fn first_pass(
        &mut self,
        list: Vec<usize>,
        strategy: FairStrategy,
        retry: &mut Vec<usize>,
    ) -> bool {
        let own = self.preemptor.queue;
        let tree = &self.snapshot.tree;
        let is_within = tree.is_within_nominal(own, self.preemptor.need);
        let mut candidates = self.sorted_by_queue(list);
        while let Some(queue) = self.next_queue(&mut candidates) {
            let Some(waiting) = candidates.of.get_mut(&queue) else {
                return false;
            };
            if queue == own || is_within {
                let reason = if queue == own {
                    Reason::InClusterQueue
                } else {
                    Reason::InCohortReclamation
                };
                if let Some(holding) = waiting.pop_front() {
                    self.remove(holding, reason);
                    if self.fits() {
                        return true;
                    }
                }
                continue;
            }
            let (new, old) = self.shares_at_fork(queue);
            if new.is_infinite() && !old.is_infinite() {
                retry.extend(waiting.drain(..));
                continue;
            }
            while let Some(holding) = waiting.pop_front() {
                let passes = match strategy {
                    FairStrategy::LessThanOrEqualToFinalShare => {
                        self.snapshot.remove_usage(holding);
                        let (_, after) = self.shares_at_fork(queue);
                        self.snapshot.add_usage(holding);
                        new.compare(after) != Ordering::Greater
                    }
                    FairStrategy::LessThanInitialShare => new.compare(old) == Ordering::Less,
                };
                if !passes {
                    retry.push(holding);
                    continue;
                }
                self.remove(holding, Reason::InCohortFairSharing);
                if self.fits() {
                    return true;
                }
                break;
            }
        }
        false
    }

    /// Takes one candidate of each queue whose share is above the preemptor's. Whether the preemptor
    /// fits.
    fn second_pass(&mut self, list: Vec<usize>) -> bool {
        let mut candidates = self.sorted_by_queue(list);
        while let Some(queue) = self.next_queue(&mut candidates) {
            let (new, old) = self.shares_at_fork(queue);
            let waiting = candidates.of.remove(&queue);
            if new.compare(old) == Ordering::Less
                && let Some(holding) = waiting.and_then(|mut own| own.pop_front())
            {
                self.remove(holding, Reason::InCohortFairSharing);
                if self.fits() {
                    return true;
                }
            }
        }
        false
    }

    /// Shares of the two branches that lead from the lowest common cohort to the preemptor's queue
    /// and to another one.
    fn shares_at_fork(&self, other: NodeId) -> (Share, Share) {
        let tree = &self.snapshot.tree;
        let above: Vec<NodeId> = tree.ancestors(self.preemptor.queue).collect();
        let mut branch = other;
        let fork = tree.ancestors(other).find(|node| {
            let is_common = above.contains(node);
            if !is_common {
                branch = *node;
            }
            is_common
        });
        let mut own = self.preemptor.queue;
        for node in above {
            if Some(node) == fork {
                break;
            }
            own = node;
        }
        (self.snapshot.share(own), self.snapshot.share(branch))
    }

    /// The queue whose candidate goes next.
    fn next_queue(&self, candidates: &mut Candidates) -> Option<NodeId> {
        let own = self.preemptor.queue;
        if self.snapshot.tree.parent(own).is_none() {
            let waiting = candidates.of.get(&own);
            return waiting
                .is_some_and(|waiting| !waiting.is_empty())
                .then_some(own);
        }
        let root = self.snapshot.tree.root(own);
        while !candidates.done.contains(&root) {
            if let Some(queue) = self.next_below(root, candidates) {
                return Some(queue);
            }
        }
        None
    }

    /// Whether the last of this number of equals takes the place of the one chosen so far.
    fn wins(&self, equals: u64) -> bool {
        let Some(seed) = self.snapshot.settings.ties else {
            return true;
        };
        let draw = self.draws.replace(self.draws.get() + 1);
        let entity = self.snapshot.cycle.wrapping_mul(DRAWS).wrapping_add(draw);
        Stream::new(seed, PURPOSE, entity).below(equals) == 0
    }

    fn next_below(&self, cohort: NodeId, candidates: &mut Candidates) -> Option<NodeId> {
        let snapshot = &*self.snapshot;
        let own = self.preemptor.queue;
        let node = snapshot.tree.node(cohort);
        let mut best_queue: Option<(Share, usize, NodeId)> = None;
        for queue in node.queues.iter().copied() {
            if candidates.done.contains(&queue) {
                continue;
            }
            let share = snapshot.share(queue);
            let first = candidates
                .of
                .get(&queue)
                .and_then(|waiting| waiting.front());
            let Some(first) = first.filter(|_| share.borrows || queue == own).copied() else {
                candidates.done.insert(queue);
                continue;
            };
            let is_better = best_queue.is_none_or(|(best, holding, _)| {
                let order = self.preemptor.order(snapshot, first, holding);
                share.compare(best).then(order.reverse()) == Ordering::Greater
            });
            if is_better {
                best_queue = Some((share, first, queue));
            }
        }
        let mut best_cohort: Option<(Share, NodeId)> = None;
        let mut equals = 0;
        for below in node.cohorts.iter().copied() {
            if candidates.done.contains(&below) {
                continue;
            }
            let share = snapshot.share(below);
            if !share.borrows && !snapshot.tree.ancestors(own).any(|above| above == below) {
                candidates.done.insert(below);
                continue;
            }
            let order = best_cohort.map(|(best, _)| share.compare(best));
            equals = match order {
                Some(Ordering::Equal) => equals + 1,
                Some(Ordering::Less) => equals,
                None | Some(Ordering::Greater) => 1,
            };
            let is_next = match order {
                None | Some(Ordering::Greater) => true,
                Some(Ordering::Equal) => self.wins(equals),
                Some(Ordering::Less) => false,
            };
            if is_next {
                best_cohort = Some((share, below));
            }
        }
        match (best_queue, best_cohort) {
            (None, None) => {
                candidates.done.insert(cohort);
                None
            }
            (Some((share, _, queue)), Some((of_cohort, below))) => {
                if of_cohort.compare(share) == Ordering::Less {
                    Some(queue)
                } else {
                    self.next_below(below, candidates)
                }
            }
            (Some((_, _, queue)), None) => Some(queue),
            (None, Some((_, below))) => self.next_below(below, candidates),
        }
    }
}
