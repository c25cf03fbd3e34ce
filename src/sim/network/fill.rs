//! Progressive filling: all rates rise together, each in proportion to its weight; when a link is
//! full the groups over it stay as they are, and so does a group that has all it wants
//! (spec: orchestrators-b.md 10.5). Levels are compared as fractions, so what ties ties.

use super::{Shape, nano};

/// Flows of one shape, as many as there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The links, as positions.
    pub links: Vec<usize>,
    /// The weight of each flow, in thousandths.
    pub weight: i64,
    /// The most each takes, in billionths of a unit a second.
    pub demand: Option<i128>,
    /// Number of flows.
    pub count: i64,
}

impl Group {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            links: shape.links.iter().map(|link| link.0 as usize).collect(),
            weight: shape.weight.max(1),
            demand: shape.demand.map(|demand| nano(demand.max(0))),
            count: 0,
        }
    }
}

/// A link that is being filled.
#[derive(Clone, Copy, Debug)]
struct LinkFill {
    /// Capacity that is left.
    left: i128,
    /// The weights of the flows over it that still rise.
    weight: i128,
}

/// A level: so much for a weight of one thousandth, as a fraction.
type FillLevel = (i128, i128);

fn is_below(one: FillLevel, other: FillLevel) -> bool {
    one.0 * other.1 < other.0 * one.1
}

/// The rate of a flow of each group, in billionths of a unit a second, over links of these
/// capacities. Flows without a bound over no link at all get nothing.
pub fn fill(capacities: &[i128], groups: &[&Group]) -> Vec<i128> {
    let mut rates = vec![0; groups.len()];
    let mut links: Vec<LinkFill> = (capacities.iter())
        .map(|&left| LinkFill { left, weight: 0 })
        .collect();
    let of = |group: &Group| i128::from(group.weight) * i128::from(group.count);
    let mut rising: Vec<usize> = (0..groups.len()).collect();
    for group in groups {
        for &link in &group.links {
            links[link].weight += of(group);
        }
    }
    let mut used: Vec<usize> = (0..links.len())
        .filter(|&link| links[link].weight > 0)
        .collect();
    while !rising.is_empty() {
        used.retain(|&link| links[link].weight > 0);
        let mut lowest: Option<FillLevel> = None;
        for &link in &used {
            let level = (links[link].left, links[link].weight);
            if lowest.is_none_or(|lowest| is_below(level, lowest)) {
                lowest = Some(level);
            }
        }
        // Flows that want no more than that have it.
        let is_content = |place: usize| {
            let group = groups[place];
            let wanted = group
                .demand
                .map(|demand| (demand, i128::from(group.weight)));
            wanted.is_some_and(|wanted| lowest.is_none_or(|lowest| !is_below(lowest, wanted)))
        };
        let has_content = rising.iter().any(|&place| is_content(place));
        let is_full = |links: &[LinkFill], place: usize| {
            let full = |&link: &usize| {
                lowest
                    .is_some_and(|lowest| !is_below(lowest, (links[link].left, links[link].weight)))
            };
            groups[place].links.iter().any(full)
        };
        let before = links.clone();
        let mut next = Vec::with_capacity(rising.len());
        for &place in &rising {
            let group = groups[place];
            let rate = match (has_content, lowest, group.demand) {
                (true, _, Some(demand)) if is_content(place) => demand,
                (false, Some((left, weight)), _) if is_full(&before, place) => {
                    (left * i128::from(group.weight)).div_euclid(weight)
                }
                (false, None, _) => 0,
                _ => {
                    next.push(place);
                    continue;
                }
            };
            rates[place] = rate;
            for &link in &group.links {
                links[link].left -= rate * i128::from(group.count);
                links[link].weight -= of(group);
            }
        }
        rising = next;
    }
    rates
}
