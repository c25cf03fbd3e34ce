//! Explanation of a pod's place or of its wait: one attempt of the Kubernetes scheduler, examined
//! closely. Every node is asked, so an explanation has all of them, also where the scheduler itself
//! would stop when it has found enough.
//!
//! [`Explanation::of`] takes a cluster, a profile and a pod, whatever they come from.

pub mod defects;
mod enough;
pub(super) mod pipeline;
pub mod run;
#[cfg(test)]
mod tests;

pub use enough::Remedy;
pub(crate) use enough::remedies;
use serde::Serialize;

use std::cmp::Reverse;

use model::Text;
use policy::kubernetes::dynamic_resources;
use scheduler::kube::attempt::PostFilterOutcome;
use scheduler::kube::message::message;
use scheduler::kube::{Attempt, Cache, KubeProfile, NodeInfo, PodInfo, Ranking, Search, Status};
use units::SortedMap;

/// Choice among equally good nodes where no other is stated.
const DRAWN: &str = "drawn at random";

/// Reason a pod that is being deleted gets no node.
const BEING_DELETED: &str = "it is being deleted, and no scheduler looks for a node for it";

/// The points that a plugin gave a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginPoints {
    /// The plugin.
    pub plugin: &'static str,
    /// Points as the plugin counts.
    pub raw: i64,
    /// Points on the scale of 0–100.
    pub normalized: i64,
    /// The plugin's weight; what counts is `normalized * weight`.
    pub weight: i64,
}

/// A node that can take the pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoredNode {
    /// The node.
    pub node: Text,
    /// The sum.
    pub total: i64,
    /// Points by plugin.
    pub points: Vec<PluginPoints>,
}

/// Nodes that rejected the pod for one reason; a node with several reasons is in several groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasonGroup {
    /// The reason, in the words of the scheduler.
    pub reason: String,
    /// The plugin that gave it; empty is the framework itself.
    pub plugin: &'static str,
    /// The nodes, in the scheduler's order.
    pub nodes: Vec<Text>,
}

/// A node where evicting pods would make room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Eviction {
    /// The node.
    pub node: Text,
    /// Pods to evict, as `NAMESPACE/NAME`, from most to least important.
    pub victims: Vec<String>,
    /// Number of victims that a disruption budget protects.
    #[serde(rename = "budgetViolations")]
    pub violations: usize,
    /// Marks an eviction that is among the best.
    #[serde(rename = "best")]
    pub is_best: bool,
}

/// Result of a preemption attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreemptionView {
    /// Nodes where it works.
    pub candidates: Vec<Eviction>,
    /// Nodes that were tried in vain, by reason.
    pub rejected: Vec<(String, Vec<Text>)>,
    /// Message of the scheduler; empty on success.
    pub text: String,
}

/// End of the attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The pod may not enter the queue; why.
    Gated(String),
    /// It goes to one of the best nodes.
    Placed,
    /// It goes to the node that it is nominated to, whatever the others are worth.
    Nominated(Text),
    /// It finds no node; the scheduler's message, and its look at preemption.
    Waits(String, PreemptionView),
    /// It waits because a plugin failed about a node, which ends the attempt whatever other nodes say;
    /// the scheduler's message.
    Aborted(String),
}

/// Verdict of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeView {
    /// The node.
    pub node: Text,
    /// Reason for the rejection, by the first plugin that rejects the node.
    pub rejection: Option<(&'static str, String)>,
    /// Every filter that looked at it, with its reason for rejecting it if it has one.
    pub filters: Vec<(&'static str, Option<String>)>,
}

/// An attempt, explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The pod, `NAMESPACE/NAME`.
    pub pod: String,
    /// The node it is on already.
    pub bound_to: Option<Text>,
    /// Number of nodes.
    pub nodes: usize,
    /// Number of feasible nodes that is enough for the scheduler.
    pub wanted: usize,
    /// End of the attempt.
    pub outcome: Outcome,
    /// The nodes that can take the pod, best first, then by name.
    pub feasible: Vec<ScoredNode>,
    /// The best of them: the scheduler takes one at random.
    pub best: Vec<Text>,
    /// Choice among equally good nodes.
    pub ties: String,
    /// The others by reason, most first.
    pub groups: Vec<ReasonGroup>,
    /// Devices that the nodes have for the claims of a pod that finds none, in words.
    pub devices: Vec<String>,
    /// Changes of which each would be enough for a pod that waits.
    pub remedies: Vec<Remedy>,
}

impl Explanation {
    /// Explains an attempt to place a pod. A pod that is on a node already is looked at as if it
    /// were not there yet.
    pub fn of(cache: &Cache, profile: &KubeProfile, pod: &PodInfo) -> Self {
        let Some(node) = pod.node_name().cloned() else {
            let mut explained = if pod.has_device_claims() {
                let mut cache = cache.clone();
                cache.make_claims(pod);
                explain(&cache, profile, pod)
            } else {
                explain(cache, profile, pod)
            };
            if pod.is_terminating {
                // What is popped after its deletion is dropped (spec: kubernetes.md 1.2).
                explained.outcome = Outcome::Gated(BEING_DELETED.to_owned());
                explained.feasible.clear();
                explained.best.clear();
                explained.groups.clear();
            }
            return explained;
        };
        let mut before = cache.clone();
        before.remove_pod(pod, &node);
        before.take_devices_back(pod);
        let mut unbound = pod.clone();
        unbound.set_node_name(None);
        let explained = explain(&before, profile, &unbound);
        Self {
            bound_to: Some(node),
            ..explained
        }
    }

    /// A node that can take the pod.
    pub fn scored(&self, node: &str) -> Option<&ScoredNode> {
        self.feasible.iter().find(|own| *own.node == *node)
    }
}

/// Returns one node's verdict on a pod.
pub fn look_at(cache: &Cache, profile: &KubeProfile, pod: &PodInfo, name: &str) -> NodeView {
    let mut before = cache.clone();
    let mut unbound = pod.clone();
    if let Some(node) = pod.node_name() {
        before.remove_pod(pod, node);
        unbound.set_node_name(None);
    }
    let attempt = Attempt::begin(profile, &before, &unbound);
    let node = before.node(name);
    let told = |status: &Status| (status.plugin, status.text());
    let rejection = match (&attempt.refusal, node) {
        (Some(refusal), _) => Some(told(refusal)),
        (None, Some(node)) if !attempt.is_looked_at(node) => attempt.outside.as_ref().map(told),
        (None, Some(node)) => attempt.verdict(node).as_ref().map(told),
        (None, None) => None,
    };
    let each = |node: &NodeInfo| {
        let verdicts = attempt.each_verdict(node).into_iter();
        verdicts
            .map(|(plugin, verdict)| (plugin, verdict.map(|status| status.text())))
            .collect()
    };
    NodeView {
        node: name.into(),
        rejection,
        filters: node.map(each).unwrap_or_default(),
    }
}

fn explain(cache: &Cache, profile: &KubeProfile, pod: &PodInfo) -> Explanation {
    let nodes = cache.node_count();
    let mut explanation = Explanation {
        pod: pod.full_name(),
        bound_to: None,
        nodes,
        wanted: profile.wanted(nodes),
        outcome: Outcome::Placed,
        feasible: Vec::new(),
        best: Vec::new(),
        ties: DRAWN.to_owned(),
        groups: Vec::new(),
        devices: Vec::new(),
        remedies: Vec::new(),
    };
    if let Err(status) = Attempt::gate(profile, pod, &cache.objects) {
        explanation.outcome = Outcome::Gated(status.text());
        return explanation;
    }
    let attempt = Attempt::begin(profile, cache, pod);
    let search = match &attempt.refusal {
        Some(_) => Search::default(),
        None => attempt.search_all(),
    };
    explanation.groups = groups(&attempt, &search);
    // The node that is nominated for a pod is asked before all others.
    let nominated = pod.nominated_node();
    let nominated = nominated.filter(|node| search.feasible.contains(node));
    if let Some(message) = search.failure().filter(|_| nominated.is_none()) {
        explanation.outcome = Outcome::Aborted(message);
        return explanation;
    }
    if search.feasible.is_empty() {
        let aftermath = attempt.make_room(&search.rejected);
        let text = message(&attempt, &search.rejected, &aftermath.text);
        if pod.has_device_claims() {
            let variant = dynamic_resources::variant(profile.changes);
            explanation.devices = dynamic_resources::shortage(variant, cache, pod);
        }
        explanation.remedies = remedies(&attempt, pod);
        explanation.outcome = Outcome::Waits(text, preemption(&aftermath));
        return explanation;
    }
    let ranking = attempt.rank(&search.feasible);
    explanation.best = ranking
        .best()
        .into_iter()
        .map(|place| search.feasible[place].clone())
        .collect();
    explanation.feasible = scored(&search, &ranking);
    if let Some(node) = nominated {
        explanation.outcome = Outcome::Nominated(node.clone());
    }
    explanation
}

fn scored(search: &Search, ranking: &Ranking) -> Vec<ScoredNode> {
    let nodes = search.feasible.iter().enumerate();
    let mut list: Vec<ScoredNode> = nodes
        .map(|(place, node)| ScoredNode {
            node: node.clone(),
            total: ranking.totals[place],
            points: ranking
                .plugins
                .iter()
                .map(|(plugin, weight, scores)| PluginPoints {
                    plugin,
                    raw: scores.raw[place],
                    normalized: scores.normalized[place],
                    weight: *weight,
                })
                .collect(),
        })
        .collect();
    list.sort_by(|one, other| {
        let key = |own: &ScoredNode| (Reverse(own.total), own.node.clone());
        key(one).cmp(&key(other))
    });
    list
}

fn groups(attempt: &Attempt<'_>, search: &Search) -> Vec<ReasonGroup> {
    let mut groups: SortedMap<(String, &'static str), Vec<Text>> = SortedMap::new();
    let mut add = |node: &Text, status: &Status| {
        for reason in &status.reasons {
            let key = (reason.clone().into_owned(), status.plugin);
            groups.entry(key).or_default().push(node.clone());
        }
    };
    let of_all = attempt.refusal.as_ref();
    for node in attempt.ctx.cache.nodes() {
        let outside = attempt.outside.as_ref();
        let outside = outside.filter(|_| !attempt.is_looked_at(node));
        if let Some(status) = of_all.or(outside) {
            add(node.name(), status);
        }
    }
    for (node, status) in &search.rejected {
        add(node, status);
    }
    let groups = groups.into_iter();
    let mut list: Vec<ReasonGroup> = groups
        .map(|((reason, plugin), nodes)| ReasonGroup {
            reason,
            plugin,
            nodes,
        })
        .collect();
    list.sort_by_key(|group| Reverse(group.nodes.len()));
    list
}

fn preemption(aftermath: &PostFilterOutcome) -> PreemptionView {
    let found = &aftermath.preemption;
    let candidates = found.candidates.iter().enumerate();
    let candidates = candidates.map(|(place, own)| Eviction {
        node: own.node.clone(),
        victims: own.victims.iter().map(|pod| pod.full_name()).collect(),
        violations: own.violations,
        is_best: found.best.contains(&place),
    });
    let mut rejected: SortedMap<String, Vec<Text>> = SortedMap::new();
    for (node, status) in &found.rejected {
        rejected
            .entry(status.text())
            .or_default()
            .push(node.clone());
    }
    PreemptionView {
        candidates: candidates.collect(),
        rejected: rejected.into_iter().collect(),
        text: aftermath.text.clone(),
    }
}
