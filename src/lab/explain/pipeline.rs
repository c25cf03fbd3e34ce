//! An attempt of a pipeline of classes, in the terms of [`Explanation`]: its plugins see the class
//! of a pod, and all nodes are looked at.

use super::{
    Explanation, NodeView, Outcome, PluginPoints, PreemptionView, ReasonGroup, ScoredNode,
};
use crate::sides::reason_words;
use cluster::Store;
use model::Text;
use scheduler::pipeline::explain::{Ranking, rank};
use scheduler::{ClassContext, Points, Profile, Reason};
use units::{NodeId, SortedMap};

/// Explains an attempt to place a pod of the class that `ctx` is about.
pub(super) fn explain(profile: &mut Profile, ctx: &ClassContext<'_>, pod: &str) -> Explanation {
    let store = ctx.store;
    let nodes = store.nodes().present().count();
    let mut explanation = Explanation {
        pod: pod.to_owned(),
        bound_to: None,
        nodes,
        wanted: nodes,
        outcome: Outcome::Placed,
        feasible: Vec::new(),
        best: Vec::new(),
        ties: ties(profile.select.name()),
        groups: Vec::new(),
        devices: Vec::new(),
        remedies: Vec::new(),
    };
    let ranking = match rank(profile, ctx) {
        Ok(ranking) => ranking,
        Err(reason) => {
            let all = store.nodes().present();
            let all = all.map(|node| (node, "", reason_words(store, reason)));
            refuse(&mut explanation, store, all.collect());
            return explanation;
        }
    };
    let best = ranking.best().map(|(total, _)| total);
    explanation.feasible = scored(store, &ranking);
    explanation.best = explanation
        .feasible
        .iter()
        .filter(|node| Some(node.total) == best)
        .map(|node| node.node.clone())
        .collect();
    let mut rejected = Vec::new();
    for node in store.nodes().present() {
        if ranking.position(node).is_none()
            && let Some((plugin, reason)) = first_rejection(profile, ctx, node)
        {
            rejected.push((node, plugin, reason_words(store, reason)));
        }
    }
    refuse(&mut explanation, store, rejected);
    explanation
}

/// Answers of one node.
pub(super) fn look_at(profile: &Profile, ctx: &ClassContext<'_>, node: NodeId) -> NodeView {
    let words = |reason: Reason| reason_words(ctx.store, reason);
    let rejection = first_rejection(profile, ctx, node);
    let filters = profile.at(Points::FILTER).map(|index| {
        let plugin = &profile.plugins[index].plugin;
        (plugin.name(), plugin.filter(ctx, node).err().map(words))
    });
    NodeView {
        node: ctx.store.nodes().name(node).into(),
        rejection: rejection.map(|(plugin, reason)| (plugin, words(reason))),
        filters: filters.collect(),
    }
}

/// The first plugin that rejects a node, and why.
fn first_rejection(
    profile: &Profile,
    ctx: &ClassContext<'_>,
    node: NodeId,
) -> Option<(&'static str, Reason)> {
    let mut filters = profile.at(Points::FILTER);
    filters.find_map(|index| {
        let plugin = &profile.plugins[index].plugin;
        let reason = plugin.filter(ctx, node).err()?;
        Some((plugin.name(), reason))
    })
}

/// Choice of the policy among equally good nodes, in words.
pub(crate) fn ties(select: &str) -> String {
    match select {
        "random" => super::DRAWN.to_owned(),
        "first" => "the first in their order is taken".to_owned(),
        other => format!("taken by the rule `{other}`"),
    }
}

fn scored(store: &Store, ranking: &Ranking) -> Vec<ScoredNode> {
    let nodes = ranking.feasible.iter().enumerate();
    let mut list: Vec<ScoredNode> = nodes
        .map(|(place, &node)| ScoredNode {
            node: store.nodes().name(node).into(),
            total: ranking.totals[place],
            points: ranking
                .points
                .iter()
                .zip(&ranking.raw)
                .map(|((plugin, weight, normalized), raw)| PluginPoints {
                    plugin,
                    raw: raw[place],
                    normalized: normalized[place],
                    weight: *weight,
                })
                .collect(),
        })
        .collect();
    list.sort_by_key(|node| std::cmp::Reverse(node.total));
    list
}

/// Takes the nodes that rejected the pod, each with the first plugin that did so.
fn refuse(
    explanation: &mut Explanation,
    store: &Store,
    rejected: Vec<(NodeId, &'static str, String)>,
) {
    let mut groups: SortedMap<(String, &'static str), Vec<Text>> = SortedMap::new();
    for (node, plugin, reason) in rejected {
        let nodes = groups.entry((reason, plugin)).or_default();
        nodes.push(store.nodes().name(node).into());
    }
    if explanation.feasible.is_empty() {
        let counts = groups.iter();
        let mut counts: Vec<String> = counts
            .map(|((reason, _), nodes)| format!("{} {reason}", nodes.len()))
            .collect();
        counts.sort_unstable();
        let nodes = explanation.nodes;
        let text = format!("0/{nodes} nodes are available: {}.", counts.join(", "));
        explanation.outcome = Outcome::Waits(text, PreemptionView::default());
    }
    explanation.groups = groups
        .into_iter()
        .map(|((reason, plugin), nodes)| ReasonGroup {
            reason,
            plugin,
            nodes,
        })
        .collect();
    (explanation.groups).sort_by_key(|group| std::cmp::Reverse(group.nodes.len()));
}
