//! One scheduling attempt looked at closely: who could take the pod, and every plugin's points. It
//! computes what [`super::cycle`] computes, keeps what that throws away, and changes nothing.

use units::NodeId;

use super::evaluate::{Evaluator, Form};
use super::plugin::PreScore;
use super::{ClassContext, Points, Profile, Reason};

/// The ranking of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// The nodes that can take the pod, in order.
    pub feasible: Vec<NodeId>,
    /// Scores by plugin: name, weight, and normalized scores in the same order.
    pub points: Vec<(&'static str, i64, Vec<i64>)>,
    /// Raw scores by plugin, before normalization.
    pub raw: Vec<Vec<i64>>,
    /// Sums of weight × points, in the same order.
    pub totals: Vec<i64>,
}

impl Ranking {
    /// The place of a node among the feasible ones.
    pub fn position(&self, node: NodeId) -> Option<usize> {
        self.feasible.iter().position(|&known| known == node)
    }

    /// The highest total, and how many nodes have it.
    pub fn best(&self) -> Option<(i64, usize)> {
        let best = self.totals.iter().copied().max()?;
        let tied = self.totals.iter().filter(|&&total| total == best).count();
        Some((best, tied))
    }
}

/// Ranks every node for a class.
///
/// # Errors
/// Why no node can take the class whatever its state.
pub fn rank(profile: &mut Profile, ctx: &ClassContext<'_>) -> Result<Ranking, Reason> {
    let mut evaluator = Evaluator::new(Form::Plain);
    let answers = evaluator.evaluate(profile, ctx)?.clone();
    let nodes = ctx.store.nodes().ids().zip(&answers.feasible);
    let feasible: Vec<NodeId> = nodes
        .filter(|&(_, &feasible)| feasible)
        .map(|(node, _)| node)
        .collect();
    let mut ranking = Ranking {
        totals: vec![0; feasible.len()],
        points: Vec::new(),
        raw: Vec::new(),
        feasible,
    };
    let scoring = profile
        .plugins
        .iter_mut()
        .filter(|slot| slot.points.contains(Points::SCORE));
    for (slot, points) in scoring.zip(&answers.points) {
        let prepared = slot.points.contains(Points::PRE_SCORE);
        if prepared && slot.plugin.pre_score(ctx, &ranking.feasible) == PreScore::Skip {
            continue;
        }
        let nodes = ranking.feasible.iter();
        let mut column: Vec<i64> = nodes.map(|node| points[node.index()]).collect();
        ranking.raw.push(column.clone());
        if slot.points.contains(Points::NORMALIZE) {
            slot.plugin.normalize(ctx, &mut column);
        }
        for (total, points) in ranking.totals.iter_mut().zip(&column) {
            *total = total.saturating_add(slot.weight.saturating_mul(*points));
        }
        ranking
            .points
            .push((slot.plugin.name(), slot.weight, column));
    }
    Ok(ranking)
}
