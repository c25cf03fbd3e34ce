//! Buying: the cheapest numbers of nodes of each type on which the scheduler places every pod, in a
//! stated order. Numbers that break a rule of `rules.rs` are left out. Of the others a search finds good
//! ones (`improve.rs`); what is cheaper then is tried from the cheapest up, each with all pods from the
//! first to the last.

use super::bench::Bench;
use super::choice::{Choice, Possible};
use super::demand::{Demand, left_on};
use super::existing::idle;
use super::goal::Goal;
use super::least::{Branch, Counting};
use super::listed::Listed;
use super::loss::Unplaced;
use super::market::{BoughtNode, Market};
use super::patterns::packed;
use super::rules::{Ground, NodeKind, Rule, RuleSort, rules};
use super::shifts::Shift;
use super::watch::{Fatal, Work};
use crate::snapshot::SnapshotError;
use model::node::ZONE_LABEL;
use units::SortedMap;

/// Numbers of one type that are tried beyond its rules.
const MOST_BEYOND: u64 = 64;

/// Numbers from which a search starts, of each sort.
pub(super) const STARTS: usize = 4;

/// Settings of the search.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    /// Number of decisions of the scheduler that the search may take.
    pub steps: u64,
    /// Number of further orders of the pods that are tried, seeded.
    pub orders: u64,
}

/// An outcome of buying.
#[derive(Clone, Debug)]
pub struct Purchase {
    /// Number of nodes of each type, as the scheduler needs them in the given order.
    pub reached: Option<Choice>,
    /// The cheapest numbers that are enough in one of the ways that were tried.
    pub possible: Option<Possible>,
    /// No numbers below this price keep the rules.
    pub bound: i64,
    /// The proof of that.
    pub branch: Branch,
    /// The rules that every choice has to keep.
    pub rules: Vec<Rule>,
    /// The rule that asks for most by itself, and its words.
    pub binding: Option<Rule>,
    /// Numbers just below the reached ones, each with its first pod without a node.
    pub refuted: Vec<Refuted>,
    /// Whether every cheaper choice was tried.
    pub is_complete: bool,
    /// Orders in which the reached numbers are enough, of those tried.
    pub orders: (u64, u64),
    /// The first pod that no number of nodes helps, if that is so.
    pub hopeless: Option<Unplaced>,
    /// Number of pods that wait all the same then.
    pub hopeless_pods: u64,
    /// The rule of that pod that cannot be kept, such as `minDomains 3, zones 2`, where it is known.
    pub hopeless_rule: Option<String>,
}

/// Numbers that are too few.
#[derive(Clone, Debug)]
pub struct Refuted {
    /// The numbers.
    pub choice: Choice,
    /// Number of pods without a node; 0 where only a goal is missed.
    pub waiting: u64,
    /// The first of them.
    pub first: Unplaced,
}

/// The outcome of a trial.
enum Trial {
    Fits,
    TooFew(u64, Unplaced),
}

/// A search among numbers of nodes.
pub struct Buyer<'b> {
    /// The cluster to begin with: empty, or what is kept.
    pub base: &'b Bench<'b>,
    /// The pods to place.
    pub demand: &'b Demand,
    /// All pods that have to run, those on kept nodes among them.
    pub whole: &'b Demand,
    /// Types on offer.
    pub market: &'b Market,
    /// Goals beside room.
    pub goal: &'b Goal,
    /// Settings of the search.
    pub search: Search,
    /// Work of the search, for those who look on.
    pub work: &'b Work,
    /// Cost of a node of each type: its price, or 1.
    pub costs: Vec<i64>,
    /// Whether other orders and what is just too little stay out.
    pub(super) is_brief: bool,
    /// Decisions taken so far.
    pub taken: u64,
    /// Those of them that were about shifts.
    pub(super) shifted: u64,
    /// Losses that were fatal before.
    pub(super) fatal: Vec<Fatal>,
    /// Shifts with which numbers of nodes hold all pods.
    pub(super) shifts: SortedMap<Vec<u64>, Vec<Shift>>,
}

impl Buyer<'_> {
    fn cost(&self, counts: &[u64]) -> i64 {
        let parts = counts.iter().zip(&self.costs);
        parts
            .map(|(&count, cost)| cost.saturating_mul(count as i64))
            .fold(0, i64::saturating_add)
    }

    pub(super) fn choice(&self, counts: Vec<u64>) -> Choice {
        let price = self.cost(&counts);
        Choice { price, counts }
    }

    /// A choice that is the answer so far, if it is the cheapest.
    pub(super) fn noted(&self, choice: Choice) -> Choice {
        if !self.is_brief {
            let nodes = choice.counts.iter().sum();
            self.work.note_best(nodes, choice.price);
        }
        choice
    }

    /// The bought nodes of a choice.
    pub fn nodes(&self, choice: &Choice) -> Vec<BoughtNode> {
        let shifts = self.shifts.get(&choice.counts);
        self.market
            .nodes(&choice.counts, shifts.map_or(&[], Vec::as_slice))
    }

    /// A trial of numbers of nodes, with all pods placed in an order.
    fn trial(&mut self, counts: &[u64], order: &[usize]) -> Result<Trial, SnapshotError> {
        let (goal, whole) = (self.goal, self.whole);
        let (bench, unplaced) = self.placed(counts, order)?;
        let waiting = unplaced.len() as u64;
        if let Some((pod, message)) = unplaced.first() {
            let first = Unplaced {
                pod: pod.full_name(),
                message: message.to_string(),
            };
            return Ok(Trial::TooFew(waiting, first));
        }
        Ok(match goal.missed(&bench, whole) {
            None => Trial::Fits,
            Some(missed) => Trial::TooFew(0, missed),
        })
    }

    /// The cluster of a choice with all its pods.
    ///
    /// # Errors
    /// If a name is taken.
    pub fn cluster(&self, choice: &Choice) -> Result<Bench<'_>, SnapshotError> {
        let mut bench = self.base.clone();
        bench.mark();
        self.market.add(&mut bench, &self.nodes(choice))?;
        bench.place_all(self.demand.pods.iter().map(|pod| &pod.info));
        Ok(bench)
    }

    /// Looks for the cheapest numbers.
    ///
    /// # Errors
    /// If something does not go together.
    pub fn run(&mut self) -> Result<Purchase, SnapshotError> {
        let kinds = self.market.kinds();
        let asked = self.goal.with_room(self.demand);
        let rules = self.rules(&asked, &kinds);
        let given: Vec<usize> = (0..self.demand.pods.len()).collect();
        let mut purchase = Purchase {
            reached: None,
            possible: None,
            bound: 0,
            branch: Branch::Shares(Vec::new()),
            rules: rules.clone(),
            binding: None,
            refuted: Vec::new(),
            is_complete: true,
            orders: (0, 0),
            hopeless: None,
            hopeless_pods: 0,
            hopeless_rule: None,
        };
        if let Some(refused) = &self.goal.refused {
            purchase.hopeless = Some(refused.clone());
            purchase.hopeless_pods = 1;
            return Ok(purchase);
        }
        let costs = self.costs.clone();
        let spares = idle(&rules, self.goal, &asked);
        let counting = Counting {
            rules: &rules,
            costs: &costs,
            survives_node: self.goal.survives_node(),
            most: None,
            spares: &spares,
        };
        let starts = self.first_type(&counting, &given, &mut purchase)?;
        let Some(first) = purchase.reached.clone() else {
            return Ok(purchase);
        };
        let first = self.noted(first);
        let mut least = counting.least(first.price);
        least.found.truncate(STARTS);
        let starts: Vec<Vec<u64>> = least.found.into_iter().chain(starts).collect();
        purchase.bound = least.bound;
        purchase.branch = least.proof;
        purchase.binding = binding(&rules, &self.costs);
        let steps = self.search.steps / 2;
        let best = self.cheapest(first, &starts, &given, &counting, steps)?;
        purchase.reached = Some(best);
        self.refute(&counting, &given, &mut purchase)?;
        // What other orders need is no answer.
        if !std::mem::replace(&mut self.is_brief, true) {
            self.try_orders(&counting, &starts, &given, &mut purchase)?;
            if !self.work.is_stopped() {
                self.one_less(&given, &mut purchase)?;
            }
        }
        Ok(purchase)
    }

    /// The cheapest numbers that a search finds in an order of the pods, from some starts and from
    /// numbers that are enough.
    pub(super) fn cheapest(
        &mut self,
        mut best: Choice,
        starts: &[Vec<u64>],
        order: &[usize],
        counting: &Counting<'_>,
        steps: u64,
    ) -> Result<Choice, SnapshotError> {
        for start in starts {
            if let Some(better) = self.raised(start.clone(), order, best.price)? {
                best = self.noted(better);
            }
        }
        self.lowered(best, order, counting, steps)
    }

    /// The rules of what is bought: kept nodes give what is left on them.
    fn rules(&self, asked: &Demand, kinds: &[NodeKind]) -> Vec<Rule> {
        let kept = self.base.cache().nodes().map(|info| NodeKind {
            node: info.object.clone(),
            elsewhere: Vec::new(),
            free: left_on(info),
        });
        let all: Vec<NodeKind> = kinds.iter().cloned().chain(kept).collect();
        let ground = Ground {
            kinds: &all,
            beside: &[],
            zones: self.market.zones(),
            loses_zone: self.goal.survives_zone(),
            objects: &self.base.cache().objects,
        };
        let has_kept = all.len() > kinds.len();
        let mut rules = rules(asked, &ground);
        if let Some(packed) = packed(asked, &all, &self.costs) {
            if ground.loses_zone {
                rules.push(packed.without_a_zone(ground.zones.len()));
            }
            rules.push(packed);
        }
        let rules = rules.into_iter();
        // Pods that are there already may make up for a spread.
        let rules = rules.filter(|rule| !has_kept || rule.sort != RuleSort::Spread);
        let rules = rules.map(|rule| rule.beside(kinds.len()));
        rules.filter(|rule| rule.need > 0 || !has_kept).collect()
    }

    /// Enough of one type, of the one that its rules make cheapest if that goes, or else as many of
    /// each. Gives the numbers that the rules ask for of the other types, the cheapest first.
    fn first_type(
        &mut self,
        counting: &Counting<'_>,
        order: &[usize],
        purchase: &mut Purchase,
    ) -> Result<Vec<Vec<u64>>, SnapshotError> {
        let rules = counting.rules;
        let types = self.market.types.len();
        let only = |kind: usize, number: u64| {
            let mut counts = vec![0; types];
            counts[kind] = number;
            counts
        };
        let mut starts: Vec<(i64, usize, u64)> = Vec::new();
        for kind in 0..types {
            let counts = only(kind, u64::MAX / 4);
            let least: Option<Vec<u64>> = rules.iter().map(|rule| rule.fewest(&counts)).collect();
            if let Some(least) = least {
                let start = least.into_iter().max().unwrap_or(0);
                starts.push((self.costs[kind].saturating_mul(start as i64), kind, start));
            }
        }
        starts.sort_unstable();
        let mut hopeless: Option<(u64, Unplaced)> = None;
        let pods = self.demand.pods.len() as u64;
        let mut ends = starts.iter();
        while let Some(&(_, kind, start)) = ends.next() {
            let most = (start + start / 2 + MOST_BEYOND).min(start.max(pods) + MOST_BEYOND);
            match self.grown(&|number| only(kind, number), [start, most], order)? {
                (counts, Trial::Fits) => {
                    purchase.reached = Some(self.choice(counts));
                    let others = ends.take(STARTS);
                    return Ok(others.map(|&(_, kind, start)| only(kind, start)).collect());
                }
                (_, Trial::TooFew(waiting, first)) => {
                    hopeless.get_or_insert((waiting, first));
                }
            }
        }
        if types > 1 || hopeless.is_none() {
            // Pods may need several types; where no type takes a pod, one trial names it.
            let together = |number: u64| vec![number; types];
            let least: Vec<Option<u64>> = { rules.iter() }
                .map(|rule| rule.fewest(&together(u64::MAX / 4)))
                .collect();
            let is_possible = least.iter().all(Option::is_some);
            let nodes = least.into_iter().flatten().max().unwrap_or(0);
            if is_possible && starts.is_empty() {
                let limit = counting.cost(&together(nodes + 2));
                purchase.reached = self.by_rules(counting, order, limit)?;
                if purchase.reached.is_some() {
                    return Ok(Vec::new());
                }
            }
            let start = nodes.div_ceil(types as u64).max(1);
            let most = if is_possible {
                nodes + MOST_BEYOND
            } else {
                start
            };
            match self.grown(&together, [start, most], order)? {
                (counts, Trial::Fits) => {
                    purchase.reached = Some(self.choice(counts));
                    return Ok(Vec::new());
                }
                (_, Trial::TooFew(waiting, first)) => {
                    // One type alone may lack what another type has.
                    hopeless = Some((waiting, first));
                }
            }
        }
        if let Some((waiting, first)) = hopeless.filter(|_| !self.work.is_stopped()) {
            purchase.hopeless_pods = waiting;
            purchase.hopeless_rule = self.domains_missing(&first);
            purchase.hopeless = Some(first);
        }
        Ok(Vec::new())
    }

    /// Numbers that grow from one to another until they are enough, and what the last of them come to.
    fn grown(
        &mut self,
        numbers: &dyn Fn(u64) -> Vec<u64>,
        [mut number, most]: [u64; 2],
        order: &[usize],
    ) -> Result<(Vec<u64>, Trial), SnapshotError> {
        loop {
            let counts = numbers(number);
            match self.trial(&counts, order)? {
                Trial::TooFew(waiting, _)
                    if number < most && self.taken <= self.search.steps.saturating_mul(100) =>
                {
                    number += (waiting / 16).max(1).min(most - number);
                }
                trial => return Ok((counts, trial)),
            }
        }
    }

    /// The spread of a pod that asks for more zones than there are.
    fn domains_missing(&self, first: &Unplaced) -> Option<String> {
        let mut pods = self.demand.pods.iter();
        let pod = pods.find(|pod| pod.name == first.pod)?;
        let zones = self
            .market
            .zones()
            .iter()
            .filter(|zone| !zone.is_empty())
            .count();
        let mut rules = pod.info.spec().topology_spread.iter();
        rules.find_map(|rule| {
            let wanted = rule.min_domains.filter(|_| rule.hard)?;
            let is_short = &*rule.topology_key == ZONE_LABEL
                && usize::try_from(wanted).is_ok_and(|wanted| wanted > zones);
            is_short.then(|| format!("minDomains {wanted}, zones {zones}"))
        })
    }

    /// Tries all that keeps the rules and is cheaper than the best so far, from the cheapest up, if that
    /// is not too much.
    fn refute(
        &mut self,
        counting: &Counting<'_>,
        order: &[usize],
        purchase: &mut Purchase,
    ) -> Result<(), SnapshotError> {
        let Some(best) = &purchase.reached else {
            return Ok(());
        };
        let mut listed = Listed::new(*counting, best.price);
        listed.list();
        let mut cheaper = listed.found;
        let left = self.search.steps.saturating_sub(self.taken);
        let decisions = (cheaper.len() as u64).saturating_mul(order.len() as u64);
        purchase.is_complete = !listed.is_cut && decisions <= left;
        if !purchase.is_complete {
            return Ok(());
        }
        cheaper.sort();
        for choice in cheaper {
            match self.trial(&choice.counts, order)? {
                Trial::Fits => {
                    purchase.reached = Some(choice);
                    break;
                }
                Trial::TooFew(waiting, first) => purchase.refuted.push(Refuted {
                    choice,
                    waiting,
                    first,
                }),
            }
        }
        Ok(())
    }

    /// Tries the reached numbers with one node less of each type, unless that was done: they break a
    /// rule, and this shows what it means for the pods.
    fn one_less(&mut self, order: &[usize], purchase: &mut Purchase) -> Result<(), SnapshotError> {
        let Some(reached) = purchase.reached.clone() else {
            return Ok(());
        };
        for kind in 0..reached.counts.len() {
            let mut counts = reached.counts.clone();
            let Some(less) = counts[kind].checked_sub(1) else {
                continue;
            };
            counts[kind] = less;
            let choice = self.choice(counts);
            if purchase.refuted.iter().any(|own| own.choice == choice) {
                continue;
            }
            if let Trial::TooFew(waiting, first) = self.trial(&choice.counts, order)? {
                purchase.refuted.push(Refuted {
                    choice,
                    waiting,
                    first,
                });
            }
        }
        Ok(())
    }
}

/// The rule that alone asks for the most.
fn binding(rules: &[Rule], costs: &[i64]) -> Option<Rule> {
    let alone = |rule: &Rule| {
        let kinds = rule.gives.iter().zip(costs);
        let per_unit = kinds.filter(|(gives, _)| **gives > 0).map(|(gives, cost)| {
            i128::from(*cost) * i128::from(rule.need) * 1_000 / i128::from(*gives)
        });
        let exact = per_unit.min().unwrap_or(0);
        // Whole nodes count.
        let cheapest = costs.iter().copied().min().unwrap_or(1).max(1);
        if costs.iter().all(|cost| *cost == cheapest) {
            let unit = i128::from(cheapest) * 1_000;
            (exact + unit - 1) / unit * unit
        } else {
            exact
        }
    };
    let most = rules.iter().map(alone).max()?;
    rules.iter().find(|rule| alone(rule) == most).cloned()
}
