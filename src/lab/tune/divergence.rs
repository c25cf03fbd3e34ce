//! First decision at which a candidate parts from the best one, as feedback: the pod, both nodes, and the
//! points that either side gave them.

use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value as Json, json};

use super::TuneError;
use super::trial::Trial;
use crate::diff::{Course, DecisionFacts, DiffError, Matched, NodeView, Side, follow, parting};
use units::Instant;

/// First decision of the first run that differs; null where none does.
pub(super) fn divergence(
    best: &Trial,
    own: &Trial,
    interrupted: &AtomicBool,
) -> Result<Json, TuneError> {
    let (Some(one), Some(other)) = (&best.experiment, &own.experiment) else {
        return Ok(Json::Null);
    };
    let sides = [("best", one), ("here", other)].map(|(label, experiment)| Side {
        label: label.to_owned(),
        scenario: &experiment.variants[0].scenario,
        files: &experiment.files,
        before: None,
    });
    let followed = |trial: &Trial, side: &Side<'_>| -> Result<Option<Course>, DiffError> {
        let is_known = trial.course.is_some();
        (!is_known)
            .then(|| follow(side, interrupted))
            .transpose()
            .map(|own| own.map(|own| own.course))
    };
    let made = [followed(best, &sides[0])?, followed(own, &sides[1])?];
    let courses = [
        best.course.as_ref().or(made[0].as_ref()),
        own.course.as_ref().or(made[1].as_ref()),
    ];
    let [Some(one), Some(other)] = courses else {
        return Ok(Json::Null);
    };
    let matched = Matched::new([one, other]);
    let Some(found) = parting([&sides[0], &sides[1]], [one, other], &matched, interrupted)? else {
        return Ok(Json::Null);
    };
    let [best, here] = found
        .decisions
        .each_ref()
        .map(|own| own.as_ref().map(decision));
    Ok(json!({
        "seed": sides[0].scenario.seed,
        "equal_before": found.equal_before,
        "best": best,
        "here": here,
    }))
}

/// A decision and its reasons.
fn decision(own: &DecisionFacts) -> Json {
    let plugins = &own.situation.explanation.plugins;
    let nodes = own.situation.nodes.iter().map(|node| view(node, plugins));
    json!({
        "time": Instant::from_nanos(own.time_ns).to_string(),
        "pod": own.pod,
        "asks_for": own.situation.asks_for,
        "outcome": own.outcome,
        "node": own.node,
        "gpus": own.gpus,
        "feasible": own.situation.explanation.feasible,
        "nodes": nodes.collect::<Vec<Json>>(),
    })
}

/// One of the two nodes as a side saw it.
fn view(node: &NodeView, plugins: &[String]) -> Json {
    let points = plugins.iter().zip(&node.points);
    let points: Map<String, Json> = points
        .map(|(name, own)| (name.clone(), json!(own)))
        .collect();
    json!({
        "name": node.name,
        "free": node.free,
        "reasons": node.reasons,
        "points": points,
        "total": node.total,
    })
}
