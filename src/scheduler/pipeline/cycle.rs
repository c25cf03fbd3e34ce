//! One scheduling attempt from queue to command, extension points in order. Start reading here.
//!
//! `PreFilter` and `Filter` find the nodes that can take the pod; `PreScore`, `Score` and `Normalize` rank
//! them; the profile's choice among equals picks one; Reserve claims it; Permit lets the pod go on;
//! Bind writes. If no node is left, `PostFilter` may make room. The order and meaning of the points
//! are those of the Kubernetes scheduling framework (spec: kubernetes.md 1.4).

use cluster::Store;
use model::{DeviceSet, Event, Pod};
use units::{Duration, Instant, NodeId};

use super::evaluate::{Answers, Evaluator, Form, weighted};
use super::plugin::{Permit, PreScore};
use super::{ClassContext, Points, Profile, Ties};

/// The outcome of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The pod gets this node and these devices.
    Place(Placement),
    /// The pod keeps this place and waits for leave to be bound, at most this long.
    Hold(Placement, Duration),
    /// No node can take the pod now; the changes are what `PostFilter` does about it.
    Unschedulable(Vec<Event>),
    /// A node could take the pod, but Reserve or Permit refused this one.
    Refused,
}

/// Placement of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The node.
    pub node: NodeId,
    /// The devices on it.
    pub devices: DeviceSet,
}

/// The machinery of scheduling attempts: a profile and memory that is reused between them.
#[derive(Clone)]
pub struct Cycle {
    /// Profile with the active plugins.
    pub profile: Profile,
    evaluator: Evaluator,
    feasible: Vec<NodeId>,
    totals: Vec<i64>,
    column: Vec<i64>,
    tied: Vec<NodeId>,
}

impl Cycle {
    /// Attempts under a profile.
    pub fn new(profile: Profile, form: Form) -> Self {
        Self {
            profile,
            evaluator: Evaluator::new(form),
            feasible: Vec::new(),
            totals: Vec::new(),
            column: Vec::new(),
            tied: Vec::new(),
        }
    }

    /// Tries to place a pod.
    pub fn attempt(&mut self, now: Instant, store: &Store, pod: &Pod) -> Decision {
        let ctx = ClassContext::new(now, store, pod.class);
        let Some(node) = self.choose(&ctx) else {
            return Decision::Unschedulable(self.post_filter(&ctx, pod));
        };
        let placement = Placement {
            node,
            devices: self.devices(&ctx, node),
        };
        if !self.reserve(&ctx, pod, node) {
            return Decision::Refused;
        }
        match self.permit(&ctx, pod, node) {
            Permit::Allow => Decision::Place(placement),
            Permit::Wait(limit) => Decision::Hold(placement, limit),
            Permit::Reject(_) => {
                self.unreserve(&ctx, pod, node);
                Decision::Refused
            }
        }
    }

    /// `PreFilter` to Normalize: the best node, if any can take the pod.
    fn choose(&mut self, ctx: &ClassContext<'_>) -> Option<NodeId> {
        if let Some(first) = self.evaluator.first(&mut self.profile, ctx) {
            return first;
        }
        let answers = self.evaluator.evaluate(&mut self.profile, ctx).ok()?;
        if let Some(standings) = &answers.standings {
            let any = answers.feasible_count > 0;
            return any.then(|| self.profile.select.select(ctx, Ties::Best(standings)));
        }
        self.feasible.clear();
        if answers.feasible_count > 0 {
            let nodes = ctx.store.nodes().ids().zip(&answers.feasible);
            self.feasible.extend(
                nodes
                    .filter(|&(_, &feasible)| feasible)
                    .map(|(node, _)| node),
            );
        }
        match *self.feasible.as_slice() {
            [] => None,
            // With one feasible node scoring is skipped (spec: kubernetes.md 1.4).
            [only] => Some(self.profile.select.select(ctx, Ties::Listed(&[only]))),
            _ => {
                total_points(
                    &mut self.profile,
                    ctx,
                    answers,
                    &self.feasible,
                    &mut self.totals,
                    &mut self.column,
                );
                let best = self.totals.iter().copied().max()?;
                self.tied.clear();
                let ranked = self.feasible.iter().zip(&self.totals);
                self.tied
                    .extend(ranked.filter(|&(_, &t)| t == best).map(|(&node, _)| node));
                Some(self.profile.select.select(ctx, Ties::Listed(&self.tied)))
            }
        }
    }

    fn post_filter(&mut self, ctx: &ClassContext<'_>, pod: &Pod) -> Vec<Event> {
        for slot in &mut self.profile.plugins {
            if slot.points.contains(Points::POST_FILTER) {
                let changes = slot.plugin.post_filter(ctx, pod);
                if !changes.is_empty() {
                    return changes;
                }
            }
        }
        Vec::new()
    }

    /// GPU devices for a pod on a node, as the profile chooses them.
    pub(crate) fn devices(&mut self, ctx: &ClassContext<'_>, node: NodeId) -> DeviceSet {
        if ctx.class.gpu.devices == 0 {
            return DeviceSet::EMPTY;
        }
        self.profile
            .plugins
            .iter_mut()
            .filter(|slot| slot.points.contains(Points::DEVICES))
            .find_map(|slot| slot.plugin.devices(ctx, node))
            .unwrap_or_default()
    }

    fn reserve(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) -> bool {
        for index in 0..self.profile.plugins.len() {
            let slot = &mut self.profile.plugins[index];
            if slot.points.contains(Points::RESERVE) && slot.plugin.reserve(ctx, pod, node).is_err()
            {
                self.unreserve(ctx, pod, node);
                return false;
            }
        }
        true
    }

    /// Asks Permit; the longest wait wins, a refusal ends it.
    pub fn permit(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) -> Permit {
        let mut answer = Permit::Allow;
        for slot in &mut self.profile.plugins {
            if !slot.points.contains(Points::PERMIT) {
                continue;
            }
            match (slot.plugin.permit(ctx, pod, node), answer) {
                (Permit::Reject(reason), _) => return Permit::Reject(reason),
                (Permit::Wait(limit), Permit::Wait(known)) => {
                    answer = Permit::Wait(limit.max(known));
                }
                (Permit::Wait(limit), _) => answer = Permit::Wait(limit),
                (Permit::Allow, _) => {}
            }
        }
        answer
    }

    /// Reason why a plugin can't go on, if one can't.
    pub fn failure(&self) -> Option<&str> {
        let mut external = self.profile.at(Points::EXTERNAL);
        external.find_map(|index| self.profile.plugins[index].plugin.failure())
    }

    /// Gives up what Reserve claimed, in reverse order.
    pub fn unreserve(&mut self, ctx: &ClassContext<'_>, pod: &Pod, node: NodeId) {
        for slot in self.profile.plugins.iter_mut().rev() {
            if slot.points.contains(Points::RESERVE) {
                slot.plugin.unreserve(ctx, pod, node);
            }
        }
    }

    /// The change that binds the pod: the first binder's, or the plain one.
    pub fn bind(&mut self, pod: &Pod, placement: Placement) -> Event {
        let Placement { node, devices } = placement;
        self.profile
            .plugins
            .iter_mut()
            .filter(|slot| slot.points.contains(Points::BIND))
            .find_map(|slot| slot.plugin.bind(pod, node, devices))
            .unwrap_or(Event::PodBound {
                pod: pod.pod,
                node,
                devices,
            })
    }
}

/// Sums weight × normalised points over the scoring plugins, for the feasible nodes.
fn total_points(
    profile: &mut Profile,
    ctx: &ClassContext<'_>,
    answers: &Answers,
    feasible: &[NodeId],
    totals: &mut Vec<i64>,
    column: &mut Vec<i64>,
) {
    totals.clear();
    let scoring = profile
        .plugins
        .iter_mut()
        .filter(|slot| slot.points.contains(Points::SCORE));
    for (slot, points) in scoring.zip(&answers.points) {
        let prepared = slot.points.contains(Points::PRE_SCORE);
        if prepared && slot.plugin.pre_score(ctx, feasible) == PreScore::Skip {
            continue;
        }
        column.clear();
        if slot.points.contains(Points::EXTERNAL) {
            // A program gives its points for all nodes at once, when they are normalized.
            column.resize(feasible.len(), 0);
        } else {
            column.extend(feasible.iter().map(|node| points[node.index()]));
        }
        if slot.points.contains(Points::NORMALIZE) {
            slot.plugin.normalize(ctx, column);
        }
        if totals.is_empty() {
            let first = column.iter().map(|&own| weighted(0, slot.weight, own));
            totals.extend(first);
            continue;
        }
        for (total, points) in totals.iter_mut().zip(column.iter()) {
            *total = weighted(*total, slot.weight, *points);
        }
    }
    // Where nothing gives points, all nodes have none.
    totals.resize(feasible.len(), 0);
}
