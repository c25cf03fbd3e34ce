//! Choice among equally good nodes (spec: kubernetes.md 1.4, 1.16).

use super::{Ranking, Search};
use rng::Stream;

/// A rule for ties.
#[derive(Clone, Debug)]
pub enum TieBreak {
    /// One draw among the tied nodes in the scheduler's order. Preemption draws from a stream of
    /// its own.
    Random {
        /// For nodes that score alike.
        nodes: Box<Stream>,
        /// For nodes where evictions help alike, and for where the search for them begins.
        preemption: Box<Stream>,
    },
    /// The first in the scheduler's order.
    First,
    /// The root of a heap over the nodes as they were found, as release 1.36 does.
    HeapRoot,
    /// The first in the scheduler's order, with all that tie with it, for those who compare
    /// decisions: their places in the order; none where a single node could take the pod.
    Every(Vec<usize>),
}

/// The position that release 1.36 takes: the root of a binary heap built over the totals in the order
/// of the nodes (spec: kubernetes.md 1.16). Of every part of the heap only its root counts: the
/// better child's, the left one's among equals, if that is better than the parent.
pub fn heap_root<T: Copy + Ord>(totals: &[T]) -> Option<usize> {
    let mut roots: Vec<usize> = (0..totals.len()).collect();
    for parent in (0..totals.len() / 2).rev() {
        let (left, right) = (2 * parent + 1, 2 * parent + 2);
        let mut child = roots[left];
        if right < totals.len() && totals[roots[right]] > totals[child] {
            child = roots[right];
        }
        if totals[child] > totals[parent] {
            roots[parent] = child;
        }
    }
    roots.first().copied()
}

impl TieBreak {
    /// Draws from streams of a run; `scheduler` tells several schedulers of one run apart.
    pub fn random(seed: u64, scheduler: u64) -> Self {
        Self::Random {
            nodes: Box::new(Stream::new(seed, "kube-scheduler/ties", scheduler)),
            preemption: Box::new(Stream::new(seed, "kube-scheduler/preemption", scheduler)),
        }
    }

    /// The position, in the search, of the node to take.
    pub fn pick(&mut self, search: &Search, ranking: &Ranking) -> Option<usize> {
        let mut best = ranking.best();
        best.sort_unstable_by_key(|&position| search.places[position]);
        match self {
            Self::HeapRoot => ranking.root(),
            Self::First => best.first().copied(),
            Self::Every(places) => {
                places.clear();
                places.extend(best.iter().map(|&position| search.places[position]));
                best.first().copied()
            }
            Self::Random { .. } if best.is_empty() => None,
            Self::Random { nodes, .. } => Some(best[nodes.below(best.len() as u64) as usize]),
        }
    }

    /// One of `count` equally good nodes, of which there is at least one, in the scheduler's order.
    pub fn pick_among(&mut self, count: usize) -> usize {
        match self {
            Self::Random { nodes, .. } => nodes.below(count.max(1) as u64) as usize,
            Self::First | Self::HeapRoot | Self::Every(_) => 0,
        }
    }

    /// One of `count` equally good preemptions, which is not 0.
    pub fn pick_preemption(&mut self, count: usize) -> usize {
        match self {
            Self::Random { preemption, .. } => preemption.below(count.max(1) as u64) as usize,
            Self::First | Self::HeapRoot | Self::Every(_) => 0,
        }
    }

    /// A number from which preemption begins its search among the nodes.
    pub fn draw_preemption(&mut self) -> u64 {
        match self {
            Self::Random { preemption, .. } => preemption.next_u64(),
            Self::First | Self::HeapRoot | Self::Every(_) => 0,
        }
    }
}
