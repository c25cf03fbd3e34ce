//! The best of the ways in which a cluster can be drained.

use rayon::prelude::*;

use super::bench::Bench;
use super::drain::{Drained, Limits, drain};
use super::goal::Goal;
use super::packing::FullestFirst;
use super::watch::Watch;
use super::{Asked, Minimize};

/// Further drains in other orders, at most, where goals beside room are kept.
const DRAWS: u64 = 12;

/// Decisions that these may take together, as far as the first drains tell.
const DRAWN_STEPS: u64 = 400_000;

/// Scores by which the pods of nodes that go find others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scores {
    /// The scheduler's own.
    Own,
    /// Those that prefer full nodes.
    Full,
    /// Those that prefer nodes whose cpu is taken.
    FullOfCpu,
}

/// Way to drain.
#[derive(Clone, Copy, Debug)]
struct Way {
    sells_dear: bool,
    scores: Scores,
    draw: u64,
}

/// The best of some drains: of the emptiest nodes first and of the dearest, by the scheduler's own scores
/// and on the fullest nodes that take the pods. Which nodes can go with a goal depends much on their order: others
/// are drawn where it takes few decisions.
pub(super) fn best_drain<'p>(
    whole: &Bench<'p>,
    asked: &Asked<'p>,
    goal: &'p Goal,
    packing: &'p FullestFirst,
    least: u64,
) -> Option<(Bench<'p>, Drained)> {
    let counts_cost = asked.questions.minimize == Some(Minimize::Cost);
    let of = |way: Way| {
        let limits = Limits {
            least,
            sells_dear: way.sells_dear,
            draw: way.draw,
        };
        let mut own = whole.clone();
        match way.scores {
            Scores::Own => {}
            Scores::Full => drop(own.decide_by(&packing.alike)),
            Scores::FullOfCpu => drop(own.decide_by(&packing.by_cpu)),
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
        let packs = way.scores != Scores::Own;
        (own, Drained { packs, ..drained })
    };
    let all =
        |ways: Vec<Way>| -> Vec<(Bench<'p>, Drained)> { ways.into_par_iter().map(of).collect() };
    let mut drains = all(first_ways(counts_cost));
    let fewest = drains
        .iter()
        .map(|(own, _)| own.cache().node_count() as u64);
    if goal.is_stated() && fewest.min() > Some(least) {
        let taken = drains.iter().map(|(_, drained)| drained.taken).max();
        let draws = DRAWN_STEPS / taken.unwrap_or(0).max(1);
        drains.extend(all(drawn_ways(draws.min(DRAWS), counts_cost)));
    }
    drains.into_iter().min_by_key(|(own, _)| {
        let (price, nodes) = (goal.bill_of(own.cache()), own.cache().node_count() as i64);
        if counts_cost {
            (price, nodes)
        } else {
            (nodes, price)
        }
    })
}

/// Ways in the order of fullness, or also of price.
fn first_ways(counts_cost: bool) -> Vec<Way> {
    let orders = [false, true].into_iter().take(1 + usize::from(counts_cost));
    let ways = orders.flat_map(|sells_dear| {
        [Scores::Own, Scores::Full].map(|scores| Way {
            sells_dear,
            scores,
            draw: 0,
        })
    });
    ways.collect()
}

/// Ways in other orders, that of fullness by other scores before them.
fn drawn_ways(count: u64, counts_cost: bool) -> Vec<Way> {
    let ways = (0..count).map(|draw| Way {
        sells_dear: counts_cost && draw % 4 >= 2,
        scores: match draw % 2 {
            0 => Scores::FullOfCpu,
            _ => Scores::Full,
        },
        draw,
    });
    ways.collect()
}
