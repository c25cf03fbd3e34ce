//! Cheaper numbers of nodes, step by step: from numbers that the rules allow up to ones on which the
//! scheduler places every pod, and from these down again by nodes that go or are exchanged. Of what is
//! cheaper, the numbers that leave most of every rule are tried first.

use std::cmp::Reverse;

use super::buy::{Buyer, STARTS};
use super::choice::Choice;
use super::least::Counting;
use super::rules::{NodeKind, Rule, size_of};
use super::watch::Work;
use crate::snapshot::SnapshotError;
use scheduler::kube::PodInfo;
use units::SortedSet;

/// Additions after which a start is given up.
const MOST_ADDED: usize = 40;

/// Trials in a row without success after which exchanges of one size end.
const PATIENCE: usize = 120;

/// Numbers of nodes that go or come at once, from coarse to fine.
const SIZES: [u64; 4] = [16, 4, 2, 1];

/// Kinds up to which any is exchanged for any other.
const MOST_KINDS: usize = 24;

/// Parts in which slack is counted.
const WHOLE: i128 = 1_000_000;

/// Number of nodes for each that is exchanged at once, at least.
const SHARE: u64 = 12;

impl Buyer<'_> {
    /// Numbers that are enough, made of those that the rules make cheapest together: of what costs less
    /// than a limit that keeps the rules.
    pub(super) fn by_rules(
        &mut self,
        counting: &Counting<'_>,
        order: &[usize],
        limit: i64,
    ) -> Result<Option<Choice>, SnapshotError> {
        for start in counting.least(limit).found.into_iter().take(STARTS) {
            let found = self.raised(start, order, i64::MAX)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Numbers on which all pods find nodes and the goals are met, made of others by adding nodes for
    /// the pods that wait; `None` if they would not cost less than a limit.
    pub(super) fn raised(
        &mut self,
        mut counts: Vec<u64>,
        order: &[usize],
        below: i64,
    ) -> Result<Option<Choice>, SnapshotError> {
        let kinds = self.market.kinds();
        for _ in 0..MOST_ADDED {
            let choice = self.choice(counts.clone());
            if choice.price >= below || self.taken > self.search.steps {
                return Ok(None);
            }
            let (bench, unplaced) = self.placed(&counts, order)?;
            let waiting: Vec<&PodInfo> = unplaced.iter().map(|(pod, _)| &**pod).collect();
            if waiting.is_empty() {
                let Some(missed) = self.goal.missed(&bench, self.whole) else {
                    return Ok(Some(choice));
                };
                let mut pods = self.whole.pods.iter();
                let pod = pods
                    .find(|own| own.name == missed.pod)
                    .map(|own| &*own.info);
                let of_pod = pod.and_then(|own| self.best_for(&kinds, &[own]));
                let most = (0..counts.len()).max_by_key(|kind| (counts[*kind], Reverse(*kind)));
                counts[of_pod.map_or(most.unwrap_or(0), |own| own.0)] += 1;
                continue;
            }
            let Some((kind, held)) = self.best_for(&kinds, &waiting) else {
                return Ok(None);
            };
            counts[kind] += (waiting.len() as u64 * 2 / 3 / held).max(1);
        }
        Ok(None)
    }

    /// The kind that holds waiting pods at the least cost each, and how many of them.
    fn best_for(&self, kinds: &[NodeKind], waiting: &[&PodInfo]) -> Option<(usize, u64)> {
        let held = kinds.iter().enumerate().map(|(kind, own)| {
            let mut free = own.free.clone();
            let mut held: i64 = 0;
            for pod in waiting {
                let mut size = size_of(&pod.class).into_iter();
                let fits = free.pods > 0
                    && own.admits(pod.spec())
                    && size.all(|(resource, amount)| resource.of(&free) >= amount);
                if fits {
                    free.change(&pod.class.requests, -1);
                    free.pods -= 1;
                    held += 1;
                }
            }
            (kind, held)
        });
        let holding = held.filter(|(_, held)| *held > 0);
        let each = |kind: usize, held: i64| self.costs[kind].saturating_mul(1_000) / held;
        let best = holding.min_by_key(|&(kind, held)| (each(kind, held), kind))?;
        Some((best.0, best.1 as u64))
    }

    /// A choice that is cheaper than a given one and meets all goals, as far as exchanges of some nodes
    /// lead.
    pub(super) fn lowered(
        &mut self,
        mut best: Choice,
        order: &[usize],
        counting: &Counting<'_>,
        steps: u64,
    ) -> Result<Choice, SnapshotError> {
        let last = self.taken.saturating_add(steps).min(self.search.steps);
        let mut failed: SortedSet<Vec<u64>> = SortedSet::new();
        for size in SIZES {
            let mut misses = 0;
            let mut next = exchanges(counting, &best, size, &failed, self.work).into_iter();
            while misses < PATIENCE && self.taken < last {
                let Some(counts) = next.next() else { break };
                if self.fits(&counts, order)? {
                    best = self.choice(counts);
                    next = exchanges(counting, &best, size, &failed, self.work).into_iter();
                    misses = 0;
                } else {
                    failed.insert(counts);
                    misses += 1;
                }
            }
        }
        Ok(best)
    }
}

/// Choices that keep the rules, cost less than the best so far and did not fail: of up to two kinds of nodes
/// there are `size` less each, and of up to two others `size` more. Those that leave most of every rule come
/// first, as many as are tried at most.
pub(super) fn exchanges(
    counting: &Counting<'_>,
    best: &Choice,
    size: u64,
    failed: &SortedSet<Vec<u64>>,
    work: &Work,
) -> Vec<Vec<u64>> {
    let kinds = best.counts.len();
    // Of very many kinds only those that are there are exchanged.
    let is_in = |kind: &usize| kinds <= MOST_KINDS || best.counts[*kind] > 0;
    if size > 1 && best.counts.iter().sum::<u64>() < size * SHARE {
        return Vec::new();
    }
    let pairs = pairs(&(0..kinds).filter(is_in).collect::<Vec<usize>>());
    let slack = Slack::of(counting, best);
    let mut found: SortedSet<(i64, i64, Vec<u64>)> = SortedSet::new();
    for gone in &pairs {
        let Some(less) = without(&best.counts, gone, size) else {
            continue;
        };
        if work.is_stopped() {
            break;
        }
        let price = counting.cost(&less);
        for come in &pairs {
            let more = come.iter().flatten().map(|kind| counting.costs[*kind]);
            let more = more.fold(0, i64::saturating_add);
            let cost = price.saturating_add(more.saturating_mul(size as i64));
            let worst = found.last().filter(|_| found.len() >= PATIENCE);
            let least = worst.map_or(0, |own| -own.0);
            let left = || slack.after(gone, come, size, least);
            let Some(left) = (cost < best.price).then(left).flatten() else {
                continue;
            };
            // Most leave the same, under a rule that no exchange is about.
            if worst.is_some_and(|own| (own.0, own.1) < (-left, cost)) {
                continue;
            }
            let mut counts = less.clone();
            for kind in come.iter().flatten() {
                counts[*kind] += size;
            }
            if counting.is_enough(&counts) && !failed.contains(&counts) {
                found.insert((-left, cost, counts));
                if found.len() > PATIENCE {
                    found.pop_last();
                }
            }
        }
    }
    found.into_iter().map(|(_, _, counts)| counts).collect()
}

/// Up to two kinds of nodes.
type Pair = [Option<usize>; 2];

/// Each pair of kinds, each kind by itself, and none.
fn pairs(kinds: &[usize]) -> Vec<Pair> {
    let some = || kinds.iter().copied().map(Some).chain([None]);
    let pairs = some().flat_map(|one| some().map(move |other| [one, other]));
    pairs.filter(|[one, other]| other <= one).collect()
}

/// Numbers of nodes without some of each kind of a pair, if there are so many.
fn without(counts: &[u64], gone: &Pair, size: u64) -> Option<Vec<u64>> {
    let mut less = counts.to_vec();
    for kind in gone.iter().flatten() {
        less[*kind] = less[*kind].checked_sub(size)?;
    }
    Some(less)
}

/// Amounts that a choice gives beyond the needs of rules, the narrowest first.
struct Slack<'r>(Vec<(i128, &'r Rule)>);

impl<'r> Slack<'r> {
    fn of(counting: &Counting<'r>, choice: &Choice) -> Self {
        let needed = counting.rules.iter().filter(|rule| rule.need > 0);
        let slack = needed.map(|rule| {
            let given = rule.gives.iter().zip(&choice.counts);
            let given = given.map(|(gives, count)| i128::from(*gives) * i128::from(*count));
            (given.sum::<i128>() - i128::from(rule.need), rule)
        });
        let mut slack: Vec<(i128, &Rule)> = slack.collect();
        slack.sort_by_key(|(left, rule)| left * WHOLE / i128::from(rule.need));
        Self(slack)
    }

    /// Slack under the narrowest rule after an exchange, in millionths of its need; `None` if it is smaller
    /// than a least one.
    fn after(&self, gone: &Pair, come: &Pair, size: u64, least: i64) -> Option<i64> {
        let mut narrowest = i128::from(i64::MAX);
        for (left, rule) in &self.0 {
            let sum = |pair: &Pair| -> i128 {
                let gives = pair.iter().flatten();
                gives.map(|kind| i128::from(rule.gives[*kind])).sum()
            };
            let left = (left + (sum(come) - sum(gone)) * i128::from(size)) * WHOLE;
            let need = i128::from(rule.need);
            if left < i128::from(least) * need {
                return None;
            }
            if left < narrowest * need {
                narrowest = left / need;
            }
        }
        i64::try_from(narrowest).ok()
    }
}
