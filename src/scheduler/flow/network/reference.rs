//! The plain form of the cheapest flow: from scratch, along shortest ways by Bellman and Ford. It is
//! the definition that [`Network`](super::Network) is held to.

use super::Cost;

/// An arc of a plain network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainArc {
    /// Number of the node that it leaves.
    pub from: usize,
    /// Number of the node that it leads to.
    pub to: usize,
    /// Number of units that it may carry.
    pub capacity: i64,
    /// Cost of each unit.
    pub cost: Cost,
}

/// The units on each arc of the cheapest flow that brings every node's supply to node 0, the sink;
/// `None` if some unit has no way, or if a cycle costs less than nothing.
///
/// ```
/// use scheduler::flow::network::reference::{PlainArc, cheapest};
///
/// let arc = |from, to, cost| PlainArc { from, to, capacity: 1, cost };
/// // Two ways for the unit at node 1: straight on, or by node 2.
/// let arcs = [arc(1, 0, 9), arc(1, 2, 3), arc(2, 0, 4)];
/// assert_eq!(cheapest(&[0, 1, 0], &arcs), Some(vec![0, 1, 1]));
/// ```
pub fn cheapest(supplies: &[i64], arcs: &[PlainArc]) -> Option<Vec<i64>> {
    let mut flows = vec![0; arcs.len()];
    for (source, &supply) in supplies.iter().enumerate().skip(1) {
        for _ in 0..supply {
            for (arc, is_forward) in shortest(supplies.len(), arcs, &flows, source)? {
                flows[arc] += if is_forward { 1 } else { -1 };
            }
        }
    }
    Some(flows)
}

/// A shortest way from a node to the sink: arcs, and whether they are taken forward.
fn shortest(
    nodes: usize,
    arcs: &[PlainArc],
    flows: &[i64],
    source: usize,
) -> Option<Vec<(usize, bool)>> {
    let mut best: Vec<Option<Cost>> = vec![None; nodes];
    let mut by: Vec<Option<(usize, bool)>> = vec![None; nodes];
    best[source] = Some(0);
    for round in 0..=nodes {
        let mut is_better = false;
        for (index, arc) in arcs.iter().enumerate() {
            let forward = (
                arc.from,
                arc.to,
                arc.cost,
                flows[index] < arc.capacity,
                true,
            );
            let back = (arc.to, arc.from, -arc.cost, flows[index] > 0, false);
            for (tail, head, cost, has_room, is_forward) in [forward, back] {
                let Some(distance) = best[tail].filter(|_| has_room) else {
                    continue;
                };
                if best[head].is_none_or(|known| distance + cost < known) {
                    best[head] = Some(distance + cost);
                    by[head] = Some((index, is_forward));
                    is_better = true;
                }
            }
        }
        if !is_better {
            break;
        }
        if round == nodes {
            return None;
        }
    }
    best[0]?;
    let mut way = Vec::new();
    let mut node = 0;
    while node != source {
        let (arc, is_forward) = by[node]?;
        way.push((arc, is_forward));
        node = if is_forward {
            arcs[arc].from
        } else {
            arcs[arc].to
        };
    }
    Some(way)
}
