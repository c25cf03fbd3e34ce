//! The least cost of whole numbers of nodes that keep every rule, by branch and bound. What is found
//! comes with a proof that anyone can add up in integers: a tree of splits (up to a number of nodes of a kind, or
//! more), whose leaves state what share of the bound each rule pays.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::duals::{Demanded, demanded, solve};
use super::rules::Rule;

/// Shares are counted in these parts of a unit of cost.
pub const PARTS: i128 = 1 << 24;

/// Linear programs that a search solves at most.
const MOST_SOLVED: usize = 1_500;

/// Numbers that the linear programs of a search read at most, as far as several are solved.
const MOST_READ: usize = 2_000_000_000;

/// Distance of an amount from a whole number that counts as nothing.
const TINY: f64 = 1e-6;

/// Cost of what is missing, in multiples of the limit.
const MISSING: f64 = 1e4;

/// A proof that no whole numbers of nodes within some bounds keep the rules and cost less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Branch {
    /// Shares of the bound that rules pay, by their places, in [`PARTS`] of a unit of cost: a node is
    /// worth what it gives of each need.
    Shares(Vec<(usize, i64)>),
    /// At most a number of nodes of a kind, or more.
    Split {
        /// Place of the kind.
        kind: usize,
        /// Number of nodes.
        at: u64,
        /// The proof for at most that number.
        fewer: Box<Branch>,
        /// The proof for more.
        more: Box<Branch>,
    },
}

/// Least cost of numbers of nodes.
#[derive(Clone, Debug)]
pub(super) struct Least {
    /// No numbers that keep the rules cost less.
    pub(super) bound: i64,
    /// The proof.
    pub(super) proof: Branch,
    /// Numbers that keep the rules, from the cheapest up.
    pub(super) found: Vec<Vec<u64>>,
}

/// Numbers of nodes that rules are about.
#[derive(Clone, Copy)]
pub(super) struct Counting<'r> {
    pub(super) rules: &'r [Rule],
    pub(super) costs: &'r [i64],
    /// Whether the loss of any node has to be borne.
    pub(super) survives_node: bool,
    /// Numbers of nodes that are there of each kind; none where any number can be had.
    pub(super) most: Option<&'r [u64]>,
    /// For each rule, what the loss of a node takes without a further need: that of one that stays whatever
    /// is chosen is counted already, and some pods may wait then.
    pub(super) spares: &'r [i64],
}

/// Least and greatest number of nodes of a kind.
type Range = (i64, i64);

/// Shares of the bound that rules pay, by their places.
type Shares = Vec<(usize, i64)>;

/// A part of a search that is not split.
struct Open {
    ranges: Vec<Range>,
    shares: Shares,
    /// Where it is split next, if that helps.
    split: Option<(usize, i64)>,
    /// Places of the two parts, once it is split.
    parts: Option<[usize; 2]>,
}

impl Counting<'_> {
    /// Price of numbers of nodes.
    pub(super) fn cost(&self, counts: &[u64]) -> i64 {
        let parts = counts.iter().zip(self.costs);
        parts
            .map(|(&count, cost)| cost.saturating_mul(count as i64))
            .fold(0, i64::saturating_add)
    }

    /// Whether given numbers of nodes keep the rules, also after the loss of the largest node.
    pub(super) fn is_enough(&self, counts: &[u64]) -> bool {
        (0..self.rules.len()).all(|place| self.surplus(place, counts) >= 0)
    }

    /// Amount that given numbers of nodes give beyond the need of a rule, after the loss of the largest node.
    fn surplus(&self, place: usize, counts: &[u64]) -> i64 {
        let rule = &self.rules[place];
        let (mut given, mut largest) = (0_i64, 0);
        for (gives, count) in rule.gives.iter().zip(counts) {
            given = given.saturating_add(gives.saturating_mul(*count as i64));
            if *count > 0 {
                largest = largest.max(*gives);
            }
        }
        let lost = if self.survives_node {
            (largest - self.spares[place]).max(0)
        } else {
            0
        };
        given.saturating_sub(lost).saturating_sub(rule.need)
    }

    /// Adds nodes until the rules are kept, each time of the kind that gives most of what a rule lacks for its
    /// cost; where no kind gives more, they stay broken.
    fn fill(&self, counts: &mut [u64]) {
        for place in 0..self.rules.len() {
            let mut left = self.surplus(place, counts);
            while left < 0 {
                let gains = (0..counts.len()).filter_map(|kind| {
                    if self.most.is_some_and(|most| counts[kind] >= most[kind]) {
                        return None;
                    }
                    counts[kind] += 1;
                    let gain = self.surplus(place, counts).min(0) - left;
                    counts[kind] -= 1;
                    let each = i128::from(self.costs[kind]) * PARTS / i128::from(gain.max(1));
                    (gain > 0).then_some((each, kind))
                });
                let Some((_, kind)) = gains.min() else { return };
                counts[kind] += 1;
                left = self.surplus(place, counts);
            }
        }
    }

    /// Least amount that the loss of a node takes from what a rule needs, beyond what its need counts.
    fn lost(&self, place: usize, ranges: &[Range]) -> i64 {
        if !self.survives_node {
            return 0;
        }
        let rule = &self.rules[place];
        let kinds = rule.gives.iter().zip(ranges);
        let there = kinds.clone().filter(|(_, range)| range.0 > 0);
        let there = there.map(|(gives, _)| *gives).max().unwrap_or(0);
        // One of the nodes that give something is bought in any case.
        let any = kinds.filter(|(gives, range)| **gives > 0 && range.1 > 0);
        let lost = there.max(any.map(|(gives, _)| *gives).min().unwrap_or(0));
        (lost - self.spares[place]).max(0)
    }

    /// Number of linear programs that a search may solve.
    fn most_solved(&self) -> usize {
        let kinds = self.costs.len();
        let read = 2 * kinds * kinds * (self.rules.len() + 2 * kinds);
        (MOST_READ / read.max(1)).clamp(1, MOST_SOLVED)
    }

    /// Largest divisor of all costs: every sum of costs is a multiple of it.
    pub(super) fn step(&self) -> i64 {
        let divisor = |one: i64, other: i64| {
            let (mut one, mut other) = (one.abs(), other.abs());
            while other != 0 {
                (one, other) = (other, one % other);
            }
            one
        };
        self.costs
            .iter()
            .fold(0, |all, own| divisor(all, *own))
            .max(1)
    }

    /// Ranges of all numbers that cost less than a limit.
    fn ranges(&self, limit: i64) -> Vec<Range> {
        let most = |cost: &i64| match cost {
            1.. => (limit - 1).max(0) / cost,
            _ => i64::from(u32::MAX),
        };
        let ranges = self.costs.iter().map(|cost| (0, most(cost)));
        let Some(there) = self.most else {
            return ranges.collect();
        };
        let limited = ranges.zip(there);
        limited
            .map(|((least, most), there)| (least, most.min(*there as i64)))
            .collect()
    }

    /// Lower bound of the cost of any numbers in these ranges by shares, in [`PARTS`].
    fn worth(&self, shares: &[(usize, i64)], ranges: &[Range]) -> i128 {
        let mut sum = 0;
        let mut left: Vec<i128> = { self.costs.iter() }
            .map(|cost| i128::from(*cost) * PARTS)
            .collect();
        for &(place, share) in shares {
            let rule = &self.rules[place];
            let (share, need) = (i128::from(share), i128::from(rule.need.max(1)));
            let asked = rule.need.saturating_add(self.lost(place, ranges));
            sum += share * i128::from(asked) / need;
            for (left, gives) in left.iter_mut().zip(&rule.gives) {
                *left -= (share * i128::from(*gives) + need - 1) / need;
            }
        }
        for (left, (least, most)) in left.into_iter().zip(ranges) {
            sum += left * i128::from(if left >= 0 { *least } else { *most });
        }
        sum
    }

    /// The least cost by shares, as a multiple of the step.
    fn least_by(&self, shares: &[(usize, i64)], ranges: &[Range]) -> i64 {
        let step = i128::from(self.step());
        let unit = PARTS * step;
        let whole = (self.worth(shares, ranges) + unit - 1).div_euclid(unit) * step;
        i64::try_from(whole.max(0)).unwrap_or(i64::MAX)
    }

    /// Looks for the least cost below a limit that is known to be enough.
    pub(super) fn least(&self, limit: i64) -> Least {
        let mut search = Branching {
            of: *self,
            demands: demanded(self.rules),
            limit,
            open: Vec::new(),
            queue: BinaryHeap::new(),
            found: Vec::new(),
        };
        search.add(self.ranges(limit));
        let most_solved = self.most_solved();
        let mut bound = limit;
        let mut is_cut = false;
        while let Some((Reverse(least), Reverse(place))) = search.queue.pop() {
            if least >= search.limit {
                break;
            }
            is_cut = search.open.len() > most_solved || search.open[place].split.is_none();
            if is_cut {
                bound = least;
                break;
            }
            search.split(place);
        }
        if !is_cut {
            bound = search.limit;
        }
        let Branching {
            open, mut found, ..
        } = search;
        found.sort_by_key(|counts| (self.cost(counts), counts.clone()));
        found.dedup();
        Least {
            bound,
            proof: tree(&open, 0),
            found,
        }
    }
}

/// The proof from a part of a search on.
fn tree(open: &[Open], place: usize) -> Branch {
    let own = &open[place];
    match (own.parts, own.split) {
        (Some([fewer, more]), Some((kind, at))) => Branch::Split {
            kind,
            at: at as u64,
            fewer: Box::new(tree(open, fewer)),
            more: Box::new(tree(open, more)),
        },
        _ => Branch::Shares(own.shares.clone()),
    }
}

/// A search by splits, from the part that may be cheapest.
struct Branching<'r> {
    of: Counting<'r>,
    demands: Vec<Demanded>,
    /// Cost of the best numbers so far.
    limit: i64,
    open: Vec<Open>,
    /// Least costs and places of parts to split.
    queue: BinaryHeap<(Reverse<i64>, Reverse<usize>)>,
    found: Vec<Vec<u64>>,
}

impl Branching<'_> {
    /// Splits a part in two.
    fn split(&mut self, place: usize) {
        let Some((kind, at)) = self.open[place].split else {
            return;
        };
        let parts = [false, true].map(|is_more| {
            let mut ranges = self.open[place].ranges.clone();
            if is_more {
                ranges[kind].0 = at + 1;
            } else {
                ranges[kind].1 = at;
            }
            self.add(ranges)
        });
        self.open[place].parts = Some(parts);
    }

    /// Adds a part; gives its place.
    fn add(&mut self, ranges: Vec<Range>) -> usize {
        let place = self.open.len();
        let solved = self.solve(&ranges);
        let (shares, amounts) = solved.unwrap_or_default();
        let least = if ranges.iter().any(|(least, most)| least > most) {
            i64::MAX
        } else {
            self.of.least_by(&shares, &ranges)
        };
        let split = if least >= self.limit {
            None
        } else {
            self.look(&amounts, &ranges)
        };
        self.open.push(Open {
            ranges,
            shares,
            split,
            parts: None,
        });
        self.queue.push((Reverse(least), Reverse(place)));
        place
    }

    /// Shares of the rules and amounts of the kinds, the best within ranges.
    fn solve(&self, ranges: &[Range]) -> Option<(Shares, Vec<f64>)> {
        let rules = self.of.rules;
        let kinds = ranges.len();
        let mut demands = Vec::with_capacity(rules.len() + kinds);
        for (place, own) in self.demands.iter().enumerate() {
            let there = own.gives.iter().zip(ranges);
            let there: f64 = there.map(|(gives, range)| gives * range.0 as f64).sum();
            let lost = self.of.lost(place, ranges) as f64;
            let need = own.need + lost - there;
            let mut gives = own.gives.clone();
            gives.push(need.max(0.0));
            demands.push(Demanded { gives, need });
        }
        for (kind, (least, most)) in ranges.iter().enumerate() {
            let mut gives = vec![0.0; kinds + 1];
            gives[kind] = -1.0;
            demands.push(Demanded {
                gives,
                need: -((most - least) as f64),
            });
        }
        // What is missing can be had at a price that no plan pays, so that there is a solution.
        let mut costs: Vec<f64> = self.of.costs.iter().map(|own| *own as f64).collect();
        costs.push(self.limit as f64 * MISSING);
        let solved = solve(&demands, &costs)?;
        let shares = solved.prices.iter().zip(rules).enumerate();
        let shares = shares.filter_map(|(place, (price, rule))| {
            let share = price * rule.need as f64 * PARTS as f64;
            (share >= 1.0 && rule.need > 0).then_some((place, share as i64))
        });
        let amounts = solved.amounts.iter().zip(ranges);
        let amounts = amounts.map(|(own, range)| own + range.0 as f64);
        Some((shares.collect(), amounts.collect()))
    }

    /// Keeps the whole numbers near some amounts if they are enough, and says where a split helps.
    fn look(&mut self, amounts: &[f64], ranges: &[Range]) -> Option<(usize, i64)> {
        let distance = |own: f64| (own - own.round()).abs();
        let up = amounts
            .iter()
            .map(|own| (own - TINY).ceil().max(0.0) as u64);
        self.keep(up.collect());
        let fractional = amounts.iter().enumerate();
        let fractional = fractional.filter(|(_, own)| distance(**own) > TINY);
        let most = fractional.max_by(|one, other| distance(*one.1).total_cmp(&distance(*other.1)));
        if let Some((kind, own)) = most {
            return Some((kind, own.floor() as i64));
        }
        // Whole numbers that do not bear the loss of a node: with or without its largest kind.
        let there = amounts.iter().zip(ranges).enumerate();
        let there = there.filter(|(_, (own, range))| own.round() > 0.0 && range.0 == 0);
        let largest = there.max_by_key(|(kind, _)| (self.of.costs[*kind], Reverse(*kind)));
        largest
            .map(|(kind, _)| (kind, 0))
            .filter(|_| self.of.survives_node)
    }

    /// Keeps numbers that are enough, with those that the loss of their largest node asks for and without the
    /// nodes that they can do without.
    fn keep(&mut self, mut counts: Vec<u64>) {
        self.of.fill(&mut counts);
        if !self.of.is_enough(&counts) {
            return;
        }
        let mut dearest: Vec<usize> = (0..counts.len()).collect();
        dearest.sort_by_key(|kind| Reverse(self.of.costs[*kind]));
        for kind in dearest {
            while counts[kind] > 0 {
                counts[kind] -= 1;
                if !self.of.is_enough(&counts) {
                    counts[kind] += 1;
                    break;
                }
            }
        }
        let cost = self.of.cost(&counts);
        if cost < self.limit {
            self.limit = cost;
            self.found.push(counts);
        }
    }
}
