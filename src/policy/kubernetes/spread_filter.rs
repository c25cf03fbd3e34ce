//! Spread rules that must hold (spec: kubernetes.md 1.9). The counts per domain and rule are a
//! plain map; simulated evictions change them by one.

use std::collections::BTreeMap;

use super::class_memo::ClassMemo;
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
    /// Whether the pod matches, for every rule.
    own: Vec<bool>,
    /// Matching pods, for every rule.
    domains: Vec<Domains>,
}

/// Matching pods by domain.
#[derive(Clone)]
struct Domains {
    counts: BTreeMap<Text, i64>,
    /// The smallest count, as the rule sees it.
    least: i64,
}

impl Domains {
    fn new(counts: BTreeMap<Text, i64>, rule: &Rule) -> Self {
        let mut domains = Self { counts, least: 0 };
        domains.settle(rule);
        domains
    }

    /// Works the smallest count out.
    fn settle(&mut self, rule: &Rule) {
        self.least = if (self.counts.len() as i64) < rule.min_domains {
            0
        } else {
            let counts = self.counts.values().copied();
            counts.min().unwrap_or(i64::from(i32::MAX))
        };
    }
}

impl<'a> SpreadFilter<'a> {
    /// Counts over all nodes.
    pub(super) fn new(ctx: AttemptContext<'a>, rules: Vec<Rule>) -> Self {
        let mut all: Vec<Domains> = Vec::new();
        for rule in &rules {
            let mut counts: BTreeMap<Text, i64> = BTreeMap::new();
            let mut memo = ClassMemo::default();
            for node in ctx.cache.nodes().filter(|node| has_all_keys(&rules, node)) {
                let Some(value) = node.label(&rule.key) else {
                    continue;
                };
                if !rule.includes(ctx.pod, node) {
                    continue;
                }
                let count = rule.count(ctx.pod, node, &mut memo);
                match counts.get_mut(value) {
                    Some(known) => *known += count,
                    None => {
                        counts.insert(value.clone(), count);
                    }
                }
            }
            all.push(Domains::new(counts, rule));
        }
        Self {
            own: rules
                .iter()
                .map(|rule| rule.matches(&ctx.pod.spec().labels))
                .collect(),
            pod: ctx.pod,
            rules,
            domains: all,
        }
    }

    fn change(&mut self, other: &PodInfo, node: &NodeInfo, sign: i64) {
        let (own, other) = (self.pod.spec(), other.spec());
        if own.namespace != other.namespace || !has_all_keys(&self.rules, node) {
            return;
        }
        for (rule, domains) in self.rules.iter().zip(&mut self.domains) {
            if let Some(value) = node.label(&rule.key)
                && rule.matches(&other.labels)
                && rule.includes(self.pod, node)
            {
                *domains.counts.entry(value.clone()).or_insert(0) += sign;
                domains.settle(rule);
            }
        }
    }
}

impl<'a> NodeFilter<'a> for SpreadFilter<'a> {
    fn filter(&self, node: &NodeInfo) -> Result<(), Rejection> {
        let rules = self.rules.iter().zip(&self.own).zip(&self.domains);
        for ((rule, &own), domains) in rules {
            let Some(value) = node.label(&rule.key) else {
                return Err(Rejection::unresolvable(NO_LABEL));
            };
            let there = domains.counts.get(value).copied().unwrap_or(0);
            if there + i64::from(own) - domains.least > rule.max_skew {
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
