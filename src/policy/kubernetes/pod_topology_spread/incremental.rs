//! Spread rules that cost points, while pods just like the one that is placed take their places:
//! what `score.rs` computes, with domains numbered once and counts that follow.

use super::score::{on_scale, weight};
use super::{Rule, has_all_keys};
use model::node::HOSTNAME_LABEL;
use scheduler::kube::{AttemptContext, Follower, NodeInfo};
use units::SortedMap;

/// The domains of one rule.
struct Domains {
    max_skew: i64,
    /// Whether every node is a domain, by its slot.
    is_host: bool,
    /// By slot: the number of the domain, for how many there are.
    number: Vec<usize>,
    /// By slot: whether the node has the label.
    has_label: Vec<bool>,
    /// By slot: whether its pods count.
    counts_there: Vec<bool>,
    /// Matching pods by domain.
    counts: Vec<i64>,
    /// Increment of the count per additional pod.
    more: i64,
    /// Points by domain, and in which round of scoring they were computed.
    points: Vec<(u64, f64)>,
}

/// Points that follow.
pub(super) struct IncrementalSpread {
    domains: Vec<Domains>,
    /// By slot: whether the node is left out.
    is_ignored: Vec<bool>,
    raw: Vec<Option<i64>>,
    round: u64,
}

impl Domains {
    fn new(ctx: AttemptContext<'_>, rule: &Rule, is_ignored: &[bool]) -> Self {
        let slots = ctx.cache.slot_count();
        let is_host = *rule.key == *HOSTNAME_LABEL;
        let mut numbers: SortedMap<&str, usize> = SortedMap::new();
        let mut own = Self {
            max_skew: rule.max_skew,
            is_host,
            number: (0..slots).collect(),
            has_label: vec![false; slots],
            counts_there: vec![is_host; slots],
            counts: Vec::new(),
            more: i64::from(rule.counts(ctx.pod)),
            points: Vec::new(),
        };
        for node in ctx.cache.nodes() {
            let label = node.label(&rule.key);
            own.has_label[node.slot] = label.is_some();
            if !is_host {
                let next = numbers.len();
                let value = label.map_or("", |value| &**value);
                own.number[node.slot] = *numbers.entry(value).or_insert(next);
                let is_counted = !is_ignored[node.slot] && rule.includes(ctx.pod, node);
                own.counts_there[node.slot] = is_counted;
            }
        }
        let domains = if is_host { slots } else { numbers.len() };
        own.counts = vec![0; domains];
        own.points = vec![(0, 0.0); domains];
        rule.count(ctx, |slot, count| own.add(slot, count));
        own
    }

    fn add(&mut self, slot: usize, count: i64) {
        if self.counts_there[slot] {
            self.counts[self.number[slot]] += count;
        }
    }

    /// Works out what each domain of the scored nodes is worth, once.
    fn weigh(&mut self, scored: impl Iterator<Item = usize> + Clone, round: u64) {
        let mut domains = 0;
        if self.is_host {
            domains = scored.clone().count();
        } else {
            for slot in scored.clone() {
                let known = &mut self.points[self.number[slot]];
                domains += usize::from(known.0 != round);
                known.0 = round;
            }
        }
        let weight = weight(domains);
        for slot in scored {
            let number = self.number[slot];
            // Rounds are even; the odd number after one marks what is worked out in it.
            if self.points[number].0 != round + 1 {
                let worth = self.counts[number] as f64 * weight + (self.max_skew - 1) as f64;
                self.points[number] = (round + 1, worth);
            }
        }
    }
}

impl IncrementalSpread {
    pub(super) fn new(ctx: AttemptContext<'_>, rules: &[Rule], needs_all_keys: bool) -> Self {
        let mut is_ignored = vec![false; ctx.cache.slot_count()];
        for node in ctx.cache.nodes() {
            is_ignored[node.slot] = needs_all_keys && !has_all_keys(rules, node);
        }
        let domains = rules.iter();
        let domains = domains.map(|rule| Domains::new(ctx, rule, &is_ignored));
        Self {
            domains: domains.collect(),
            is_ignored,
            raw: Vec::new(),
            round: 0,
        }
    }
}

impl Follower for IncrementalSpread {
    fn add_pod(&mut self, node: &NodeInfo) {
        for domains in &mut self.domains {
            let more = domains.more;
            domains.add(node.slot, more);
        }
    }

    fn score(&mut self, feasible: &[usize], points: &mut Vec<i64>) {
        self.round += 2;
        let is_ignored = &self.is_ignored;
        let scored = feasible.iter().copied().filter(|&slot| !is_ignored[slot]);
        for domains in &mut self.domains {
            domains.weigh(scored.clone(), self.round);
        }
        self.raw.clear();
        self.raw.extend(feasible.iter().map(|&slot| {
            let mut sum = 0.0;
            for own in &self.domains {
                if own.has_label[slot] {
                    sum += own.points[own.number[slot]].1;
                }
            }
            (!is_ignored[slot]).then(|| sum.round() as i64)
        }));
        points.clear();
        points.extend(on_scale(&self.raw));
    }
}
