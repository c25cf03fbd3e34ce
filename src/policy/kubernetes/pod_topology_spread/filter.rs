//! Spread rules that must hold (spec: kubernetes.md 1.9). Domains are numbered within an attempt and
//! counted once; simulated evictions change the counts by one.

use std::sync::Arc;

use super::{Rule, has_all_keys};
use scheduler::kube::{AttemptContext, NodeFilter, NodeInfo, PodInfo, Rejection};
use units::SortedMap;

const UNBALANCED: &str = "node(s) didn't match pod topology spread constraints";
const NO_LABEL: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// The question whether a node keeps the rules.
#[derive(Clone)]
pub(super) struct SpreadFilter<'a> {
    pod: &'a PodInfo,
    rules: Arc<[Rule]>,
    domains: Vec<Domains>,
}

/// The domains of one rule.
#[derive(Clone)]
struct Domains {
    /// Whether the pod itself matches.
    own: bool,
    /// By slot: the number of the node's domain; `None` without the label.
    of_node: Arc<[Option<usize>]>,
    /// Matching pods by domain; `None` is no domain to the rule: none of its nodes counts.
    counts: Vec<Option<i64>>,
    /// The smallest count, as the rule sees it.
    least: i64,
}

impl Domains {
    fn new(ctx: AttemptContext<'_>, rules: &[Rule], rule: &Rule) -> Self {
        let mut numbers: SortedMap<&str, usize> = SortedMap::new();
        let mut of_node = vec![None; ctx.cache.slot_count()];
        let mut is_included = vec![false; ctx.cache.slot_count()];
        let mut counts: Vec<Option<i64>> = Vec::new();
        for node in ctx.cache.nodes() {
            let Some(value) = node.label(&rule.key) else {
                continue;
            };
            let number = *numbers.entry(value).or_insert_with(|| {
                counts.push(None);
                counts.len() - 1
            });
            of_node[node.slot] = Some(number);
            if has_all_keys(rules, node) && rule.includes(ctx.pod, node) {
                is_included[node.slot] = true;
                counts[number].get_or_insert(0);
            }
        }
        rule.count(ctx, |slot, count| {
            let number = of_node[slot].filter(|_| is_included[slot]);
            if let Some(known) = number.and_then(|number| counts[number].as_mut()) {
                *known += count;
            }
        });
        let mut domains = Self {
            own: rule.matches(&ctx.pod.spec().labels),
            of_node: of_node.into(),
            counts,
            least: 0,
        };
        domains.settle(rule);
        domains
    }

    /// Works the smallest count out.
    fn settle(&mut self, rule: &Rule) {
        let counts = self.counts.iter().flatten();
        self.least = if (counts.clone().count() as i64) < rule.min_domains {
            0
        } else {
            counts.copied().min().unwrap_or(i64::from(i32::MAX))
        };
    }
}

impl<'a> SpreadFilter<'a> {
    /// Counts over all nodes.
    pub(super) fn new(ctx: AttemptContext<'a>, rules: Vec<Rule>) -> Self {
        let domains = rules.iter().map(|rule| Domains::new(ctx, &rules, rule));
        Self {
            pod: ctx.pod,
            domains: domains.collect(),
            rules: rules.into(),
        }
    }

    fn change(&mut self, other: &PodInfo, node: &NodeInfo, sign: i64) {
        let (own, other) = (self.pod.spec(), other.spec());
        if own.namespace != other.namespace || !has_all_keys(&self.rules, node) {
            return;
        }
        for (rule, domains) in self.rules.iter().zip(&mut self.domains) {
            if let Some(number) = domains.of_node[node.slot]
                && rule.matches(&other.labels)
                && rule.includes(self.pod, node)
            {
                *domains.counts[number].get_or_insert(0) += sign;
                domains.settle(rule);
            }
        }
    }
}

impl<'a> NodeFilter<'a> for SpreadFilter<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        for (rule, domains) in self.rules.iter().zip(&self.domains) {
            let Some(number) = domains.of_node[node.slot] else {
                return Err(Rejection::unresolvable(NO_LABEL));
            };
            let there = domains.counts[number].unwrap_or(0);
            if there + i64::from(domains.own) - domains.least > rule.max_skew {
                return Err(Rejection::unschedulable(UNBALANCED));
            }
        }
        Ok(())
    }

    fn add_pod(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.change(pod, node, 1);
    }

    fn remove_pod(&mut self, pod: &PodInfo, node: &NodeInfo) {
        self.change(pod, node, -1);
    }

    fn clone_filter(&self) -> Box<dyn NodeFilter<'a> + 'a> {
        Box::new(self.clone())
    }
}
