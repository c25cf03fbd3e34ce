//! The smallest changes that would give a waiting pod a node: more of what a node lacks, or a rule less.

use std::cmp::Reverse;

use model::Text;
use scheduler::kube::{Attempt, NodeInfo, PodInfo};
use units::SortedMap;

/// The filter that asks for room.
const FIT: &str = "NodeResourcesFit";

/// A change that would be enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// More on a node, which nothing else keeps from the pod, or as much less asked for.
    Room {
        /// The node that lacks least.
        node: Text,
        /// Resources with the amounts that it lacks; of `cpu` in thousandths.
        lacks: Vec<(Text, i64)>,
    },
    /// Nothing but this filter keeps the nodes from the pod.
    Rule {
        /// The filter.
        plugin: &'static str,
        /// The nodes, in the scheduler's order.
        nodes: Vec<Text>,
    },
}

/// The changes that would be enough for the pod of an attempt, each by itself: room first, then the filter
/// that keeps most nodes away.
pub(crate) fn remedies(attempt: &Attempt<'_>, pod: &PodInfo) -> Vec<Remedy> {
    let mut least: Option<(usize, i128, Remedy)> = None;
    let mut rules: SortedMap<&'static str, Vec<Text>> = SortedMap::new();
    if attempt.refusal.is_some() {
        return Vec::new();
    }
    for node in attempt.ctx.cache.nodes() {
        if !attempt.is_looked_at(node) {
            continue;
        }
        let verdicts = attempt.each_verdict(node).into_iter();
        let rejecting: Vec<&'static str> = verdicts
            .filter_map(|(plugin, verdict)| verdict.map(|_| plugin))
            .collect();
        match rejecting.as_slice() {
            [FIT] => {
                let lacks = lacking(node, pod);
                let size = lacks.iter().map(|own| own.2).sum();
                let is_less = least
                    .as_ref()
                    .is_none_or(|known| (lacks.len(), size) < (known.0, known.1));
                if !lacks.is_empty() && is_less {
                    let node = node.name().clone();
                    let count = lacks.len();
                    let lacks = lacks.into_iter().map(|own| (own.0, own.1)).collect();
                    least = Some((count, size, Remedy::Room { node, lacks }));
                }
            }
            [one] => rules.entry(one).or_default().push(node.name().clone()),
            _ => {}
        }
    }
    let mut rules: Vec<Remedy> = { rules.into_iter() }
        .map(|(plugin, nodes)| Remedy::Rule { plugin, nodes })
        .collect();
    rules.sort_by_key(|own| match own {
        Remedy::Rule { nodes, .. } => Reverse(nodes.len()),
        Remedy::Room { .. } => Reverse(usize::MAX),
    });
    least.into_iter().map(|own| own.2).chain(rules).collect()
}

/// What a node lacks for a pod: resource, amount, and the amount in millionths of what the node offers.
fn lacking(node: &NodeInfo, pod: &PodInfo) -> Vec<(Text, i64, i128)> {
    let (asked, used, offered) = (&pod.class.requests, &node.requested, &*node.allocatable);
    let mut lacks = Vec::new();
    let mut add = |name: &str, asked: i64, used: i64, offered: i64| {
        let missing = asked.saturating_add(used).saturating_sub(offered);
        if asked > 0 && missing > 0 {
            let part = i128::from(missing) * 1_000_000 / i128::from(offered.max(1));
            lacks.push((Text::from(name), missing, part));
        }
    };
    let pods = i64::try_from(node.pods.len()).unwrap_or(i64::MAX);
    add("pods", 1, pods, offered.pods);
    add("cpu", asked.cpu_milli, used.cpu_milli, offered.cpu_milli);
    add("memory", asked.memory, used.memory, offered.memory);
    add(
        "ephemeral-storage",
        asked.storage,
        used.storage,
        offered.storage,
    );
    for (name, &amount) in &asked.scalars {
        let of =
            |amounts: &scheduler::kube::Amounts| amounts.scalars.get(name).copied().unwrap_or(0);
        add(name, amount, of(used), of(offered));
    }
    lacks
}
