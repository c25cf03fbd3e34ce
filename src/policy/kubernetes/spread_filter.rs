//! Spread rules that must hold (spec: kubernetes.md 1.9). The counts per domain and rule are a
//! plain map; simulated evictions change them by one.

use std::collections::BTreeMap;

use super::pod_topology_spread::{Rule, has_all_keys};
use crate::control::scheduler::kube::{AttemptContext, NodeFilter, NodeInfo, PodInfo, Rejection};
use crate::model::Text;

const UNBALANCED: &str = "node(s) didn't match pod topology spread constraints";
const NO_LABEL: &str =
    "node(s) didn't match pod topology spread constraints (missing required label)";

/// The question whether a node keeps the rules.
#[derive(Clone)]
pub(super) struct SpreadFilter<'a> {
    pod: &'a PodInfo,
    rules: Vec<Rule>,
    /// Matching pods by domain, for every rule.
    counts: Vec<BTreeMap<Text, i64>>,
}

impl<'a> SpreadFilter<'a> {
    /// Counts over all nodes.
    pub(super) fn new(ctx: AttemptContext<'a>, rules: Vec<Rule>) -> Self {
        let mut counts = vec![BTreeMap::new(); rules.len()];
        for node in ctx.cache.nodes().filter(|node| has_all_keys(&rules, node)) {
            for (rule, counts) in rules.iter().zip(&mut counts) {
                if let Some(value) = node.label(&rule.key)
                    && rule.includes(ctx.pod, node)
                {
                    *counts.entry(value.clone()).or_insert(0) += rule.count(ctx.pod, node);
                }
            }
        }
        Self {
            pod: ctx.pod,
            rules,
            counts,
        }
    }

    fn change(&mut self, other: &PodInfo, node: &NodeInfo, sign: i64) {
        let (own, other) = (self.pod.spec(), other.spec());
        if own.namespace != other.namespace || !has_all_keys(&self.rules, node) {
            return;
        }
        for (rule, counts) in self.rules.iter().zip(&mut self.counts) {
            if let Some(value) = node.label(&rule.key)
                && rule.matches(&other.labels)
                && rule.includes(self.pod, node)
            {
                *counts.entry(value.clone()).or_insert(0) += sign;
            }
        }
    }
}

impl<'a> NodeFilter<'a> for SpreadFilter<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        for (rule, counts) in self.rules.iter().zip(&self.counts) {
            let Some(value) = node.label(&rule.key) else {
                return Err(Rejection::unresolvable(NO_LABEL));
            };
            let least = if (counts.len() as i64) < rule.min_domains {
                0
            } else {
                counts
                    .values()
                    .copied()
                    .min()
                    .unwrap_or(i64::from(i32::MAX))
            };
            let own = i64::from(rule.matches(&self.pod.spec().labels));
            let there = counts.get(value).copied().unwrap_or(0);
            if there + own - least > rule.max_skew {
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
