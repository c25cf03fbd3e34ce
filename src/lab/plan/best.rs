//! The best of the ways in which a cluster can be drained.

use rayon::prelude::*;

use super::bench::Bench;
use super::drain::{Drained, Limits, drain};
use super::goal::Goal;
use super::watch::Watch;
use super::{Asked, Minimize};
use scheduler::kube::KubeProfile;

/// The best of some drains: of the emptiest nodes first and of the dearest, by the scheduler's own scores
/// and on the fullest nodes that take the pods.
pub(super) fn best_drain<'p>(
    whole: &Bench<'p>,
    asked: &Asked<'p>,
    goal: &'p Goal,
    packing: &'p [KubeProfile],
    least: u64,
) -> Option<(Bench<'p>, Drained)> {
    let counts_cost = asked.questions.minimize == Some(Minimize::Cost);
    let ways = [(false, false), (false, true), (true, false), (true, true)];
    let ways = ways
        .into_par_iter()
        .filter(|(sells_dear, _)| counts_cost || !sells_dear);
    let drains = ways.map(|(sells_dear, packs)| {
        let limits = Limits { least, sells_dear };
        let mut own = whole.clone();
        if packs {
            own.decide_by(packing);
        }
        let questions = asked.questions;
        let watch = Watch::new(
            asked.demand,
            goal,
            asked.calm,
            &questions.work,
            questions.search.steps,
        );
        let drained = drain(&mut own, watch, limits);
        (own, Drained { packs, ..drained })
    });
    let drains: Vec<(Bench<'p>, Drained)> = drains.collect();
    drains.into_iter().min_by_key(|(own, _)| {
        let (price, nodes) = (goal.bill_of(own.cache()), own.cache().node_count() as i64);
        if counts_cost {
            (price, nodes)
        } else {
            (nodes, price)
        }
    })
}
