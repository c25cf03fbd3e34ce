//! Spread rules that cost points (spec: kubernetes.md 1.9). Floats are computed in the order
//! written; the logarithm is `libm`'s, the same on every platform.

use super::{Rule, has_all_keys};
use model::node::HOSTNAME_LABEL;
use rng::math;
use scheduler::kube::{AttemptContext, NodeInfo, Scores};
use units::SortedMap;

/// Counts over all feasible nodes for one rule.
struct Domains<'a> {
    rule: &'a Rule,
    weight: f64,
    /// By slot: the number of the node's domain, which for a rule over host names is the slot
    /// itself; `None` without the label, or where no feasible node is of the domain.
    of_node: Vec<Option<usize>>,
    /// Matching pods by domain.
    counts: Vec<i64>,
}

/// Points of the feasible nodes.
pub(super) fn score(
    ctx: AttemptContext<'_>,
    rules: &[Rule],
    needs_all_keys: bool,
    feasible: &[&NodeInfo],
) -> Scores {
    let is_ignored = |node: &&NodeInfo| needs_all_keys && !has_all_keys(rules, node);
    let scored: Vec<&NodeInfo> = feasible
        .iter()
        .copied()
        .filter(|node| !is_ignored(node))
        .collect();
    let domains: Vec<Domains<'_>> = rules
        .iter()
        .map(|rule| {
            if *rule.key == *HOSTNAME_LABEL {
                Domains::of_hosts(ctx, rule, &scored)
            } else {
                let counted = ctx.cache.nodes().filter(|node| !is_ignored(node));
                Domains::of_values(ctx, rule, &scored, counted)
            }
        })
        .collect();
    let raw: Vec<Option<i64>> = feasible
        .iter()
        .map(|node| (!is_ignored(node)).then(|| points(&domains, node)))
        .collect();
    Scores {
        normalized: on_scale(&raw).collect(),
        raw: raw.iter().map(|points| points.unwrap_or(0)).collect(),
    }
}

/// Few are good; nodes that are left out get nothing.
pub(super) fn on_scale(raw: &[Option<i64>]) -> impl Iterator<Item = i64> + '_ {
    let least = raw.iter().flatten().copied().min().unwrap_or(0);
    let most = raw.iter().flatten().copied().max().unwrap_or(0);
    raw.iter()
        .map(move |points| points.map_or(0, |points| scaled(points, least, most)))
}

/// Points on the scale, given the least and the most.
pub(super) fn scaled(points: i64, least: i64, most: i64) -> i64 {
    match most.max(0) {
        0 => 100,
        most => 100 * (most + least - points) / most,
    }
}

fn points(domains: &[Domains<'_>], node: &NodeInfo) -> i64 {
    let mut sum = 0.0;
    for own in domains {
        if let Some(number) = own.of_node[node.slot] {
            sum += own.counts[number] as f64 * own.weight + (own.rule.max_skew - 1) as f64;
        }
    }
    sum.round() as i64
}

/// Weight of a pod in a domain.
pub(super) fn weight(domains: usize) -> f64 {
    math::ln((domains + 2) as f64)
}

impl<'a> Domains<'a> {
    /// Every node by itself; whether its pods count by the rule's policies is not asked.
    fn of_hosts(ctx: AttemptContext<'_>, rule: &'a Rule, scored: &[&NodeInfo]) -> Self {
        let mut of_node = vec![None; ctx.cache.slot_count()];
        for node in scored.iter().filter(|node| node.label(&rule.key).is_some()) {
            of_node[node.slot] = Some(node.slot);
        }
        let mut counts = vec![0; ctx.cache.slot_count()];
        rule.count(ctx, |slot, count| counts[slot] += count);
        Self {
            rule,
            weight: weight(scored.len()),
            of_node,
            counts,
        }
    }

    /// The values of the label on feasible nodes; nodes without the label have the empty one,
    /// which adds to the number of domains and gives no points.
    fn of_values<'n>(
        ctx: AttemptContext<'_>,
        rule: &'a Rule,
        scored: &[&'n NodeInfo],
        counted: impl Iterator<Item = &'n NodeInfo>,
    ) -> Self {
        let value = |node: &'n NodeInfo| node.label(&rule.key).map_or("", |value| &**value);
        let mut numbers: SortedMap<&str, usize> = SortedMap::new();
        for &node in scored {
            let next = numbers.len();
            numbers.entry(value(node)).or_insert(next);
        }
        let mut of_node = vec![None; ctx.cache.slot_count()];
        let mut counts_at = vec![None; ctx.cache.slot_count()];
        for node in counted {
            let number = numbers.get(value(node)).copied();
            if rule.includes(ctx.pod, node) {
                counts_at[node.slot] = number;
            }
            of_node[node.slot] = number.filter(|_| node.label(&rule.key).is_some());
        }
        let mut counts = vec![0; numbers.len()];
        rule.count(ctx, |slot, count| {
            if let Some(number) = counts_at[slot] {
                counts[number] += count;
            }
        });
        Self {
            rule,
            weight: weight(numbers.len()),
            of_node,
            counts,
        }
    }
}
