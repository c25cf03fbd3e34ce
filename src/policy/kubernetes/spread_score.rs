//! Spread rules that cost points (spec: kubernetes.md 1.9). Floats are computed in the order
//! written; the logarithm is `libm`'s, the same on every platform.

use std::collections::BTreeMap;

use super::class_memo::ClassMemo;
use super::pod_topology_spread::{Rule, has_all_keys};
use crate::control::scheduler::kube::{AttemptContext, NodeInfo, Scores};
use crate::model::Text;
use crate::model::node::HOSTNAME_LABEL;
use crate::rng::math;

/// What is counted once for all feasible nodes.
struct Domains<'a> {
    rules: &'a [Rule],
    /// Matching pods by domain, for every rule but those over host names.
    counts: Vec<BTreeMap<Text, i64>>,
    weights: Vec<f64>,
    /// Which classes of pods match, for every rule.
    memos: Vec<ClassMemo<bool>>,
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
    let mut domains = Domains::new(rules, &scored);
    for node in ctx.cache.nodes().filter(|node| !is_ignored(node)) {
        domains.count(ctx, node);
    }
    let raw: Vec<Option<i64>> = feasible
        .iter()
        .map(|node| (!is_ignored(node)).then(|| domains.points(ctx, node)))
        .collect();
    let least = raw.iter().flatten().copied().min().unwrap_or(0);
    let most = raw.iter().flatten().copied().max().unwrap_or(0).max(0);
    let normalize = |points: &Option<i64>| match *points {
        None => 0,
        Some(_) if most == 0 => 100,
        Some(points) => 100 * (most + least - points) / most,
    };
    Scores {
        normalized: raw.iter().map(normalize).collect(),
        raw: raw.iter().map(|points| points.unwrap_or(0)).collect(),
    }
}

/// The domain of a node; without the label it is the empty value.
fn domain<'n>(rule: &Rule, node: &'n NodeInfo) -> &'n str {
    node.label(&rule.key).map_or("", |value| value)
}

fn is_hostname(rule: &Rule) -> bool {
    *rule.key == *HOSTNAME_LABEL
}

impl<'a> Domains<'a> {
    fn new(rules: &'a [Rule], scored: &[&NodeInfo]) -> Self {
        let domains_of = |rule: &Rule| -> BTreeMap<Text, i64> {
            if is_hostname(rule) {
                return BTreeMap::new();
            }
            let mut domains = BTreeMap::new();
            for node in scored {
                let value = domain(rule, node);
                if !domains.contains_key(value) {
                    domains.insert(value.into(), 0);
                }
            }
            domains
        };
        let counts: Vec<_> = rules.iter().map(domains_of).collect();
        let sizes = rules.iter().zip(&counts).map(|(rule, counts)| {
            if is_hostname(rule) {
                scored.len()
            } else {
                counts.len()
            }
        });
        Self {
            rules,
            memos: vec![ClassMemo::default(); rules.len()],
            weights: sizes.map(|size| math::ln((size + 2) as f64)).collect(),
            counts,
        }
    }

    fn count(&mut self, ctx: AttemptContext<'_>, node: &NodeInfo) {
        let rules = self.rules.iter().zip(&mut self.counts);
        for ((rule, counts), memo) in rules.zip(&mut self.memos) {
            if is_hostname(rule) || !rule.includes(ctx.pod, node) {
                continue;
            }
            if let Some(count) = counts.get_mut(domain(rule, node)) {
                *count += rule.count(ctx.pod, node, memo);
            }
        }
    }

    fn points(&mut self, ctx: AttemptContext<'_>, node: &NodeInfo) -> i64 {
        let mut sum = 0.0;
        let rules = self.rules.iter().zip(&self.counts).zip(&self.weights);
        for (((rule, counts), weight), memo) in rules.zip(&mut self.memos) {
            let Some(value) = node.label(&rule.key) else {
                continue;
            };
            let count = if is_hostname(rule) {
                rule.count(ctx.pod, node, memo)
            } else {
                counts.get(value).copied().unwrap_or(0)
            };
            sum += count as f64 * weight + (rule.max_skew - 1) as f64;
        }
        sum.round() as i64
    }
}
