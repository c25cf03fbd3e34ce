//! Difference of two runs: the first decision that differs, the cluster as it was there, why each
//! side decided as it did, and how the difference grew.
//!
//! Both runs are simulated twice. The first time every placement is written down; the lists are
//! compared over the pods that both runs have, by owner and ordinal, else by name, so that an edited template
//! or trace, another system or another version may be compared. The second time each run is stopped just before the decision
//! that differs, and looked at closely there.

mod explain;
mod growth;
mod record;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde::Serialize;

use sim::EndCause;

use super::releases::releases;
use super::run::run_silently;
use super::sides::failed;
pub use super::sides::{DiffError, Side};

pub use explain::{Explanation, NodeView, Situation};
pub use growth::Growth;
use record::Decided;
pub(crate) use record::{Course, Matched};
use units::Instant;

/// Difference of two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// Facts about each run.
    pub sides: [SideFacts; 2],
    /// The first decision on common pods that differs; absent where none does.
    pub parting: Option<Parting>,
    /// Growth of the difference; empty where no decision differs.
    pub growth: Vec<Growth>,
    /// Whether all that happens to pods is the same, so that digests differ by what changed no decision.
    #[serde(skip)]
    pub is_in_names: bool,
}

/// Facts about one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SideFacts {
    /// Name of the side.
    pub label: String,
    /// The side's digest.
    pub digest: String,
    /// Releases that the parts of the system follow, with the switches that are turned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<String>,
    /// Number of decisions of the run.
    pub decisions: usize,
    /// Instant of the run's end, in nanoseconds.
    pub end_ns: i64,
    /// Pods that the other run does not have.
    pub pods_alone: usize,
    /// The first of them.
    pub first_alone: Option<String>,
    /// Nodes that the other run does not have.
    pub nodes_alone: usize,
}

/// Point at which two runs part.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Parting {
    /// Number of decisions on common pods that are equal before it.
    pub equal_before: usize,
    /// Decision of each run at that point; absent if it makes no further decision.
    pub decisions: [Option<DecisionFacts>; 2],
}

/// A decision, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionFacts {
    /// Instant of the decision, in nanoseconds.
    pub time_ns: i64,
    /// The pod.
    pub pod: String,
    /// `bound`, `unschedulable`, `rejected` or `evicted`.
    pub outcome: &'static str,
    /// The node, where there is one.
    pub node: Option<String>,
    /// The GPU devices it takes there.
    pub gpus: Vec<usize>,
    /// The cluster just before.
    pub situation: Situation,
}

/// Finds where two runs part.
///
/// # Errors
/// If a run can't be made, or it was interrupted.
pub fn first_difference(
    sides: [&Side<'_>; 2],
    interrupted: &AtomicBool,
) -> Result<Difference, DiffError> {
    let (one, other) = rayon::join(
        || follow(sides[0], interrupted),
        || follow(sides[1], interrupted),
    );
    let courses = [one?, other?];
    let matched = Matched::new([&courses[0].course, &courses[1].course]);
    let facts = |side: usize| SideFacts {
        label: sides[side].label.clone(),
        digest: courses[side].digest.clone(),
        releases: releases(sides[side].scenario, sides[side].files),
        decisions: courses[side].course.decisions().count(),
        end_ns: courses[side].course.end.as_nanos(),
        pods_alone: matched.alone(side).count(),
        first_alone: matched
            .alone(side)
            .next()
            .map(|pod| courses[side].course.pod_name(pod)),
        nodes_alone: matched.nodes_alone(side),
    };
    let facts = [facts(0), facts(1)];
    let both = [&courses[0].course, &courses[1].course];
    let Some(parting) = parting(sides, both, &matched, interrupted)? else {
        return Ok(Difference {
            sides: facts,
            parting: None,
            growth: Vec::new(),
            is_in_names: record::is_in_names(both, &matched),
        });
    };
    let decided = parting.decisions.iter().flatten();
    let from = decided.map(|decision| decision.time_ns).min();
    let from = Instant::from_nanos(from.unwrap_or_default());
    let growth = growth::growth(both, &matched, from);
    Ok(Difference {
        sides: facts,
        parting: Some(parting),
        growth,
        is_in_names: false,
    })
}

/// Point at which the courses of two runs part; none where no decision on common pods differs.
pub(crate) fn parting(
    sides: [&Side<'_>; 2],
    courses: [&Course; 2],
    matched: &Matched,
    interrupted: &AtomicBool,
) -> Result<Option<Parting>, DiffError> {
    let found = record::first_difference(courses, matched);
    let Some((equal_before, decisions)) = found else {
        return Ok(None);
    };
    // Each side is asked about its own choice and that of the other.
    let node = |side: usize| {
        let decision: Option<&Decided> = decisions[side].as_ref();
        decision.and_then(|decision| courses[side].node_name(decision.node?))
    };
    let nodes = [node(0), node(1)];
    let look = |side: usize| -> Result<Option<DecisionFacts>, DiffError> {
        let Some(decision) = &decisions[side] else {
            return Ok(None);
        };
        let situation = explain::look(sides[side], decision, &nodes, interrupted)?;
        Ok(Some(DecisionFacts {
            time_ns: decision.at.as_nanos(),
            pod: courses[side].pod_name(decision.pod),
            outcome: decision.outcome.words(),
            node: nodes[side].as_ref().map(ToString::to_string),
            gpus: decision.devices.iter().collect(),
            situation,
        }))
    };
    let (one, other) = rayon::join(|| look(0), || look(1));
    Ok(Some(Parting {
        equal_before,
        decisions: [one?, other?],
    }))
}

/// A run that was followed.
pub(crate) struct Followed {
    pub(crate) course: Course,
    digest: String,
}

/// Runs a side and writes its placements down.
pub(crate) fn follow(side: &Side<'_>, interrupted: &AtomicBool) -> Result<Followed, DiffError> {
    let failed = failed(side);
    let prepared = side.prepare().map_err(&failed)?;
    let mut course = Course::default();
    let end = run_silently(side.forked(), prepared, &mut course, interrupted).map_err(failed)?;
    if end.cause == EndCause::Interrupted {
        return Err(DiffError::Interrupted);
    }
    course.end = end.at;
    Ok(Followed {
        course,
        digest: end.digest,
    })
}

/// A name shared between many places.
type Name = Arc<str>;

#[cfg(test)]
mod tests;
