//! Cheaper numbers of nodes, step by step: from numbers that the rules allow up to ones on which the
//! scheduler places every pod, and from these down again by nodes that go or are exchanged. Of what is
//! cheaper, the numbers that leave most of every rule are tried first.

use std::cmp::Reverse;

use super::buy::{Buyer, STARTS};
use super::choice::Choice;
use super::least::Counting;
use super::loss::Loss;
use super::rules::{NodeKind, Rule, size_of};
use super::watch::{Watch, Work};
use crate::snapshot::SnapshotError;
use model::Text;
use scheduler::kube::{Amounts, PodInfo};
use units::SortedSet;

/// Additions after which a start is given up.
const MOST_ADDED: usize = 40;

/// Trials in a row without success after which exchanges of one size end.
const PATIENCE: usize = 120;

/// Numbers of nodes that go or come at once, from coarse to fine.
const SIZES: [u64; 4] = [16, 4, 2, 1];

/// Kinds up to which any is exchanged for any other.
const MOST_KINDS: usize = 24;

/// Kinds that are there up to which any is exchanged for any other.
const MOST_THERE: usize = 40;

/// Parts in which slack is counted.
const WHOLE: i128 = 1_000_000;

/// Number of nodes for each that is exchanged at once, at least.
const SHARE: u64 = 12;

impl<'b> Buyer<'b> {
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

    /// Whether numbers of nodes are enough, with all pods placed in an order.
    pub(super) fn fits(&mut self, counts: &[u64], order: &[usize]) -> Result<bool, SnapshotError> {
        let (mut bench, unplaced) = self.placed(counts, order)?;
        bench.tell_why(false);
        let holds = unplaced.is_empty();
        Ok(holds && self.watched(|watch| watch.missed(&mut bench)).is_none())
    }

    /// An answer about goals from who knows the losses that were fatal before.
    fn watched<T>(&mut self, asked: impl FnOnce(&mut Watch<'b>) -> T) -> T {
        let profiles = self.base.profiles();
        let mut watch = Watch::new(self.whole, self.goal, profiles, self.work, u64::MAX);
        watch.fatal = std::mem::take(&mut self.fatal);
        let answer = asked(&mut watch);
        self.taken += watch.taken;
        self.fatal = watch.fatal;
        answer
    }

    /// Numbers on which all pods find nodes and the goals are met, made of others by adding nodes for
    /// the pods that wait, also after losses; `None` if they would not cost less than a limit.
    pub(super) fn raised(
        &mut self,
        mut counts: Vec<u64>,
        order: &[usize],
        below: i64,
    ) -> Result<Option<Choice>, SnapshotError> {
        let kinds = self.market.kinds();
        let mut fewest = usize::MAX;
        for _ in 0..MOST_ADDED {
            let choice = self.choice(counts.clone());
            if choice.price >= below || self.taken > self.search.steps {
                return Ok(None);
            }
            let (mut bench, unplaced) = self.placed(&counts, order)?;
            let waiting: Vec<&PodInfo> = unplaced.iter().map(|(pod, _)| &**pod).collect();
            if !waiting.is_empty() {
                let mut more = vec![0; counts.len()];
                if !self.add_for(&kinds, waiting, &mut more) {
                    return Ok(None);
                }
                add(&mut counts, &more);
                continue;
            }
            let most = (0..counts.len()).max_by_key(|kind| (counts[*kind], Reverse(*kind)));
            let most = most.unwrap_or(0);
            if let Some(missed) = self.goal.short(&bench, self.whole) {
                let pod = { self.whole.pods.iter() }.find(|own| own.name == missed.pod);
                let of_pod = pod.and_then(|own| self.best_for(&kinds, &[&*own.info]));
                counts[of_pod.map_or(most, |own| own.0)] += 1;
                continue;
            }
            bench.tell_why(false);
            let losses = self.watched(|watch| watch.fatal_losses(&mut bench));
            if losses.is_empty() {
                return Ok(Some(choice));
            }
            let mut more = if losses.len() < fewest {
                fewest = losses.len();
                self.spare_for(&kinds, losses)
            } else {
                // The pods are bound to the lost nodes' zones, or kept apart on others.
                self.more_of_lost(&choice, &losses)
            };
            if more.iter().all(|own| *own == 0) {
                more[most] = 1;
            }
            add(&mut counts, &more);
        }
        Ok(None)
    }

    /// Nodes to add for the pods that wait after losses, of which one happens at a time: the same nodes serve
    /// several.
    fn spare_for(&self, kinds: &[NodeKind], mut losses: Vec<(Vec<Text>, Loss)>) -> Vec<u64> {
        let mut more = vec![0; kinds.len()];
        losses.sort_by_key(|(_, own)| Reverse(own.places.len()));
        for (_, loss) in losses {
            let mut waiting: Vec<&PodInfo> = { loss.places.iter() }
                .map(|place| &*self.whole.pods[*place].info)
                .collect();
            for (kind, &count) in kinds.iter().zip(&more) {
                for _ in 0..count {
                    let mut free = kind.free.clone();
                    waiting.retain(|pod| !take(kind, &mut free, pod));
                }
            }
            self.add_for(kinds, waiting, &mut more);
        }
        more
    }

    /// A further node of each kind whose loss is fatal.
    fn more_of_lost(&self, choice: &Choice, losses: &[(Vec<Text>, Loss)]) -> Vec<u64> {
        let lost: SortedSet<&Text> = losses.iter().flat_map(|(nodes, _)| nodes).collect();
        let mut more = vec![0; choice.counts.len()];
        for own in self.nodes(choice) {
            if lost.contains(&own.node.name) {
                more[own.kind] = 1;
            }
        }
        more
    }

    /// Adds nodes for waiting pods: of the kind that is best for them, then for those that it doesn't take at
    /// all. Gives whether there is such a kind.
    fn add_for(&self, kinds: &[NodeKind], mut waiting: Vec<&PodInfo>, more: &mut [u64]) -> bool {
        let mut adds = waiting.is_empty();
        while let Some((kind, held)) = self.best_for(kinds, &waiting) {
            let own = &kinds[kind];
            let (taken, others): (Vec<&PodInfo>, Vec<&PodInfo>) =
                { waiting.iter() }.partition(|pod| take(own, &mut own.free.clone(), pod));
            more[kind] += (taken.len() as u64 * 2 / 3 / held).max(1);
            (adds, waiting) = (true, others);
        }
        adds
    }

    /// The kind that holds waiting pods at the least cost each, and how many of them.
    fn best_for(&self, kinds: &[NodeKind], waiting: &[&PodInfo]) -> Option<(usize, u64)> {
        let held = kinds.iter().enumerate().map(|(kind, own)| {
            let mut free = own.free.clone();
            let held = waiting.iter().filter(|pod| take(own, &mut free, pod));
            (kind, held.count() as i64)
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
                    best = self.noted(self.choice(counts));
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

/// Takes a pod to a node of a kind if there is room for it in what is free.
fn take(kind: &NodeKind, free: &mut Amounts, pod: &PodInfo) -> bool {
    let mut size = size_of(&pod.class).into_iter();
    let fits = free.pods > 0
        && kind.admits(pod.spec())
        && size.all(|(resource, amount)| resource.of(free) >= amount);
    if fits {
        free.change(&pod.class.requests, -1);
        free.pods -= 1;
    }
    fits
}

fn add(counts: &mut [u64], more: &[u64]) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count += more;
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
    // Of very many kinds only those that are there are exchanged, the dearest together.
    let mut in_turn: Vec<usize> = (0..kinds).collect();
    if kinds > MOST_KINDS {
        in_turn.retain(|kind| best.counts[*kind] > 0);
        let paid = |kind: usize| i128::from(counting.costs[kind]) * i128::from(best.counts[kind]);
        in_turn.sort_by_key(|kind| (Reverse(paid(*kind)), *kind));
    }
    let rest = in_turn.split_off(in_turn.len().min(MOST_THERE));
    in_turn.sort_unstable();
    if size > 1 && best.counts.iter().sum::<u64>() < size * SHARE {
        return Vec::new();
    }
    let pairs = pairs(&in_turn);
    let alone = rest.into_iter().map(|kind| [Some(kind), None]);
    let slack = Slack::of(counting, best);
    let mut found: SortedSet<(i64, i64, Vec<u64>)> = SortedSet::new();
    for gone in pairs.iter().copied().chain(alone) {
        let Some(less) = without(&best.counts, &gone, size) else {
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
            let left = || slack.after(&gone, come, size, least);
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
