//! What fails in a scenario, and how its control plane learns of its nodes.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::Component;
use crate::control::controllers::node_lifecycle::{EvictionRule, LifecycleOptions};
use crate::control::node_life::{Eviction, Lifecycle, LifecycleSetup, Observing};
use crate::model::Node;
use crate::scenario::Scenario;
use crate::scenario::schema::{Failure as Written, FailureKind, NodeLife as WrittenLife};
use crate::sim::failures::{
    ControlPlaneOutage, CorruptedImage, Failure, Flapping, Layout, NodeCrash, Outage,
    RegistryOutage, Spot, Target, Timeline,
};
use crate::sim::{NodeLife, Trouble};
use crate::units::{Duration, Instant, NodeId};

use super::BuildError;
use super::operations::runs_always;

/// How the control plane of a scenario learns of its nodes.
pub fn contact(scenario: &Scenario) -> NodeLife {
    match scenario.node_life() {
        WrittenLife::Declared => NodeLife::Declared,
        WrittenLife::Observed | WrittenLife::Timeout => NodeLife::Observed(Observing::Computed),
    }
}

/// The components of node life, where a scenario has them; systems with control loops of their own
/// find out by themselves which nodes are lost.
pub fn node_life(scenario: &Scenario) -> Vec<Box<dyn Component>> {
    if runs_always(scenario) {
        return Vec::new();
    }
    let eviction = match scenario.node_life() {
        WrittenLife::Declared => return Vec::new(),
        WrittenLife::Observed => EvictionRule::Taints,
        WrittenLife::Timeout => EvictionRule::Timeout(Duration::from_secs(300)),
    };
    let setup = LifecycleSetup {
        options: LifecycleOptions {
            eviction,
            ..LifecycleOptions::default()
        },
        observing: Observing::Computed,
        seed: scenario.seed,
    };
    vec![
        Box::new(Lifecycle::new(setup)),
        Box::new(Eviction::default()),
    ]
}

/// When nodes go down and come up again: when, which, whether up. Outages of one node that overlap
/// or follow each other at once are one: it comes up when the last of them is over.
pub fn outages(
    scenario: &Scenario,
    nodes: &[Arc<Node>],
) -> Result<Vec<(Instant, NodeId, bool)>, BuildError> {
    let mut spans: BTreeMap<NodeId, Vec<(Instant, Option<Instant>)>> = BTreeMap::new();
    let layout = Layout {
        nodes,
        seed: scenario.seed,
    };
    for (number, failure) in scenario.failures.iter().enumerate() {
        let (FailureKind::NodeOutage, Some(name)) = (failure.kind, &failure.node) else {
            continue;
        };
        let found = layout.find(&Target::Node(name.clone()));
        let found = found.map_err(|error| wrong(number, failure, error))?;
        let node = found[0];
        let down = Instant::ZERO.saturating_add(failure.at.unwrap_or_default());
        let up = failure.lasts.map(|lasts| down.saturating_add(lasts));
        spans.entry(node).or_default().push((down, up));
    }
    let mut outages = Vec::new();
    for (node, spans) in &mut spans {
        for (down, up) in united(spans) {
            outages.push((down, *node, false));
            outages.extend(up.map(|up| (up, *node, true)));
        }
    }
    Ok(outages)
}

/// What else fails, and when.
pub fn failures(scenario: &Scenario, nodes: &[Arc<Node>]) -> Result<Vec<Timeline>, BuildError> {
    let layout = Layout {
        nodes,
        seed: scenario.seed,
    };
    let mut timelines = Vec::new();
    for (number, failure) in scenario.failures.iter().enumerate() {
        if let Some(kind) = failure_of(failure) {
            let made = kind.timelines(&layout);
            timelines.extend(made.map_err(|error| wrong(number, failure, error))?);
        }
    }
    Ok(timelines)
}

/// What is wrong with a failure: said of the field that names whom it strikes.
fn wrong(number: usize, failure: &Written, error: impl std::fmt::Display) -> BuildError {
    let field = match failure {
        Written { node: Some(_), .. } => ".node",
        Written { zone: Some(_), .. } => ".zone",
        Written {
            domain: Some(_), ..
        } => ".domain",
        _ => "",
    };
    BuildError::Experiment(format!("failures[{number}]{field}: {error}"))
}

/// A failure as the simulator has it; `None` of those that are outages of one node. What a kind
/// needs was checked before.
fn failure_of(failure: &Written) -> Option<Failure> {
    let domain = failure.domain.iter().flatten().next();
    let target = match (&failure.node, &failure.zone, domain) {
        (Some(node), ..) => Target::Node(node.clone()),
        (_, Some(zone), _) => Target::Zone(zone.clone()),
        (.., Some((key, value))) => Target::Label(key.clone(), value.clone()),
        _ => Target::All,
    };
    let (at, lasts) = (failure.at.unwrap_or_default(), failure.lasts);
    let outage = |target, trouble| Outage {
        target,
        trouble,
        at,
        lasts,
    };
    Some(match failure.kind {
        FailureKind::NodeOutage => return None,
        FailureKind::ZoneOutage => Failure::Outage(outage(target, Trouble::Crash)),
        FailureKind::Partition => Failure::Outage(outage(target, Trouble::Partition)),
        FailureKind::Flapping => Failure::Flapping(Flapping {
            target,
            at,
            lasts,
            every: failure.every?,
            down: failure.down?,
        }),
        FailureKind::NodeCrash => Failure::NodeCrash(NodeCrash {
            target,
            between: failure.mtbf.clone()?,
            repair: failure.repair.clone()?,
        }),
        FailureKind::Spot => Failure::Spot(Spot {
            target,
            kept: failure.mtbf.clone()?,
            notice: failure.notice?,
            replaced: failure.repair.clone()?,
        }),
        FailureKind::ControlPlaneOutage => Failure::ControlPlane(ControlPlaneOutage { at, lasts }),
        FailureKind::RegistryOutage => Failure::Registry(RegistryOutage { at, lasts }),
        FailureKind::CorruptedImage => Failure::Image(CorruptedImage {
            image: failure.image.as_deref()?.into(),
            at,
            lasts,
        }),
    })
}

/// The spans as few that don't touch each other; one without an end goes on for good.
fn united(spans: &mut [(Instant, Option<Instant>)]) -> Vec<(Instant, Option<Instant>)> {
    spans.sort_unstable_by_key(|&(down, _)| down);
    let mut united: Vec<(Instant, Option<Instant>)> = Vec::new();
    for &mut (down, up) in spans {
        match united.last_mut() {
            Some((_, last)) if last.is_none_or(|last| down <= last) => {
                *last = last.zip(up).map(|(last, up)| last.max(up));
            }
            _ => united.push((down, up)),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_that_overlap_are_one() {
        let secs = Instant::from_secs;
        let span = |(down, up): (i64, i64)| (secs(down), (up > 0).then(|| secs(up)));
        for (given, expected) in [
            (&[(1, 2), (4, 5)][..], &[(1, 2), (4, 5)][..]),
            (&[(4, 5), (1, 2)], &[(1, 2), (4, 5)]),
            (&[(1, 3), (2, 9)], &[(1, 9)]),
            (&[(1, 9), (2, 3), (9, 10)], &[(1, 10)]),
            // One that is for good outlasts the others.
            (&[(1, 3), (2, 0), (5, 6)], &[(1, 0)]),
            (&[], &[]),
        ] {
            let mut spans: Vec<_> = given.iter().copied().map(span).collect();
            let expected: Vec<_> = expected.iter().copied().map(span).collect();
            assert_eq!(united(&mut spans), expected, "{given:?}");
        }
    }
}
