//! The cluster just before a decision, and why it was taken as it was.

use std::sync::atomic::AtomicBool;

use serde::Serialize;

use super::Name;
use super::record::{Decided, Outcome};
use crate::explain::pipeline::ties;
use crate::explain::run::{RunExplainError, Which, find};
use crate::sides::{DiffError, Side, reason_words, stop_before};
use cluster::Store;
use scheduler::pipeline::evaluate::rejections;
use scheduler::pipeline::explain::{Ranking, rank};
use scheduler::{ClassContext, Profile, Reason};
use units::{Instant, NodeId, Resources};
use world::is_exact;

/// The cluster just before a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Situation {
    /// Requests of the pod, in words.
    pub asks_for: String,
    /// Pods without a node.
    pub pending: usize,
    /// Pods with one.
    pub placed: usize,
    /// Nodes that are up.
    pub nodes_up: usize,
    /// The nodes that either run chose.
    pub nodes: Vec<NodeView>,
    /// Explanation of the decision.
    pub explanation: Explanation,
}

/// A node just before a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeView {
    /// The node's name.
    pub name: String,
    /// Free resources, in words; empty if this run has no such node.
    pub free: String,
    /// Number of pods that the node holds.
    pub pods: usize,
    /// Reasons the node can't take the pod; empty where it can.
    pub reasons: Vec<String>,
    /// The node's points per scoring plugin: weight × points, in the order of the plugins.
    pub points: Vec<i64>,
    /// Their sum, where the node was ranked.
    pub total: Option<i64>,
}

/// Explanation of a decision.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Ranking of the scheduler: its profile, or its order of jobs.
    pub scheduler: String,
    /// The scoring plugins.
    pub plugins: Vec<String>,
    /// Number of nodes that could take the pod.
    pub feasible: usize,
    /// The highest total, and how many nodes have it.
    pub best: Option<(i64, usize)>,
    /// Choice among equal nodes.
    pub tie_break: String,
    /// Reasons for which nodes could not take the pod, with the number of nodes of each.
    pub rejected: Vec<(String, usize)>,
}

/// Runs a side up to a decision and looks at it.
pub(super) fn look(
    side: &Side<'_>,
    decision: &Decided,
    nodes: &[Option<Name>; 2],
    interrupted: &AtomicBool,
) -> Result<Situation, DiffError> {
    let (store, profile) = stop_before(side, decision.at, decision.revision, interrupted)?;
    let pod = store
        .as_ref()
        .and_then(|store| store.pods().iter().find(|pod| pod.pod.id.0 == decision.pod));
    let (Some(store), Some(spec)) = (&store, pod.map(|pod| pod.class)) else {
        return Ok(Situation::default());
    };
    let ctx = ClassContext::new(decision.at, store, spec);
    let mut situation = situation(side, profile, &ctx, nodes);
    let is_attempt = matches!(decision.outcome, Outcome::Bound | Outcome::Unschedulable);
    if is_exact(side.scenario_at(decision.at)) && is_attempt {
        let name = pod.map(|pod| pod.name.to_string()).unwrap_or_default();
        let pod = match &*store.class(spec).spec.namespace {
            "" => name,
            namespace => format!("{namespace}/{name}"),
        };
        explain_exact(&mut situation, side, &pod, decision.at, interrupted)?;
    }
    Ok(situation)
}

/// Explanation by kube-scheduler's own attempt from which a decision comes: the last one before it,
/// of which the binding may be later.
fn explain_exact(
    situation: &mut Situation,
    side: &Side<'_>,
    pod: &str,
    at: Instant,
    interrupted: &AtomicBool,
) -> Result<(), DiffError> {
    let found = match find(side, pod, Which::Until(at), interrupted) {
        Ok(found) => found,
        Err(RunExplainError::Run(error)) => return Err(error),
        Err(
            RunExplainError::Input(why)
            | RunExplainError::Waits(why)
            | RunExplainError::Bound(why)
            | RunExplainError::NeverTried(why),
        ) => {
            situation.explanation.scheduler = format!("kube-scheduler: {why}");
            return Ok(());
        }
    };
    let mut found = found;
    let own = found.explain();
    let best = own.feasible.first();
    let plugins = best.map(|node| node.points.as_slice()).unwrap_or_default();
    let began = found.facts.began_at.as_deref();
    let began = began.map_or_else(String::new, |node| {
        format!(", which started its search at {node} and may not have evaluated all nodes")
    });
    situation.explanation = Explanation {
        scheduler: format!("kube-scheduler{began}"),
        plugins: (plugins.iter())
            .map(|own| weighted(own.plugin, own.weight))
            .collect(),
        feasible: own.feasible.len(),
        best: best.map(|node| (node.total, own.best.len())),
        tie_break: own.ties.clone(),
        rejected: own
            .groups
            .iter()
            .map(|group| (group.reason.clone(), group.nodes.len()))
            .collect(),
    };
    for view in &mut situation.nodes {
        if let Some(scored) = own.scored(&view.name) {
            let points = scored.points.iter();
            view.points = points.map(|own| own.normalized * own.weight).collect();
            view.total = Some(scored.total);
        } else if let Ok(seen) = found.look_at(&view.name) {
            view.reasons = seen.rejection.into_iter().map(|(_, why)| why).collect();
        }
    }
    Ok(())
}

fn situation(
    side: &Side<'_>,
    profile: Option<Profile>,
    ctx: &ClassContext<'_>,
    nodes: &[Option<Name>; 2],
) -> Situation {
    let store = ctx.store;
    let holding = store
        .pods()
        .iter()
        .filter(|pod| pod.node().is_some())
        .count();
    let mut asked: Vec<&Name> = nodes.iter().flatten().collect();
    asked.dedup();
    let mut situation = Situation {
        asks_for: amounts(&store.class(ctx.id).requests),
        pending: store.pods().living() - holding,
        placed: holding,
        nodes_up: store
            .nodes()
            .ids()
            .filter(|&node| store.nodes().is_ready(node))
            .count(),
        nodes: asked.iter().map(|name| view(store, name)).collect(),
        explanation: Explanation::default(),
    };
    let scenario = side.scenario_at(ctx.now);
    let Some(mut profile) = profile else {
        if is_exact(scenario) {
            "kube-scheduler".clone_into(&mut situation.explanation.scheduler);
            return situation;
        }
        let scheduler = &scenario.system.scheduler;
        let queue = scheduler.queue.as_deref().unwrap_or("the default order");
        situation.explanation.scheduler = format!(
            "{}: jobs in the order `{queue}`, each where its pods fit",
            scenario.system.name
        );
        return situation;
    };
    situation.explanation.scheduler = format!("profile {}", profile.name);
    let ranking = match rank(&mut profile, ctx) {
        Ok(ranking) => ranking,
        Err(reason) => {
            situation.explanation.rejected = vec![(reason.to_string(), store.nodes().len())];
            return situation;
        }
    };
    explain(&mut situation, &profile, ctx, &ranking);
    situation
}

/// A plugin with its weight.
fn weighted(plugin: &str, weight: i64) -> String {
    match weight {
        1 => plugin.to_owned(),
        weight => format!("{plugin} × {weight}"),
    }
}

fn explain(
    situation: &mut Situation,
    profile: &Profile,
    ctx: &ClassContext<'_>,
    ranking: &Ranking,
) {
    let store = ctx.store;
    let words = |reason: &Reason| reason_words(store, *reason);
    let named = ranking.points.iter();
    situation.explanation.plugins = named
        .map(|(name, weight, _)| weighted(name, *weight))
        .collect();
    situation.explanation.feasible = ranking.feasible.len();
    situation.explanation.tie_break = ties(profile.select.name());
    situation.explanation.best = ranking.best();
    let mut rejected: units::SortedMap<String, usize> = units::SortedMap::new();
    for node in store.nodes().present() {
        if ranking.position(node).is_none() {
            let reasons = rejections(profile, ctx, node);
            let reasons: Vec<String> = reasons.iter().map(words).collect();
            *rejected.entry(reasons.join(", ")).or_default() += 1;
        }
    }
    situation.explanation.rejected = rejected.into_iter().collect();
    (situation.explanation.rejected).sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for view in &mut situation.nodes {
        let Some(node) = store.nodes().by_name(&view.name) else {
            continue;
        };
        match ranking.position(node) {
            Some(position) => {
                view.total = Some(ranking.totals[position]);
                let points = ranking.points.iter();
                view.points = points
                    .map(|(_, weight, points)| weight.saturating_mul(points[position]))
                    .collect();
            }
            None => view.reasons = rejections(profile, ctx, node).iter().map(words).collect(),
        }
    }
}

fn view(store: &Store, name: &Name) -> NodeView {
    let mut view = NodeView {
        name: name.to_string(),
        ..NodeView::default()
    };
    if let Some(node) = store.nodes().by_name(name) {
        view.free = free(store, node);
        view.pods = store.nodes().pods(node).len();
    }
    view
}

fn free(store: &Store, node: NodeId) -> String {
    let mut words = amounts(&store.nodes().free().row(node));
    let room = store.nodes().gpu_room(node);
    if !room.is_empty() {
        let devices: Vec<String> = room.iter().map(ToString::to_string).collect();
        let devices = devices.join(" ");
        words = format!("{words} (per device, milli-GPU: {devices})");
    }
    words
}

/// Amounts as people read them.
fn amounts(amounts: &Resources) -> String {
    const GIB: f64 = 1_073_741_824.0;
    let mut parts = vec![
        format!("cpu {}", amounts.cpu_milli as f64 / 1_000.0),
        format!("memory {:.1} GiB", amounts.memory_bytes as f64 / GIB),
    ];
    if amounts.gpu_milli != 0 {
        parts.push(format!("gpu {}", amounts.gpu_milli as f64 / 1_000.0));
    }
    parts.join(", ")
}
