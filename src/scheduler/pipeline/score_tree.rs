//! Standings of the nodes for one class, and the nodes tied for the first place. The plain form
//! lists the tied nodes; the incremental form keeps a tournament over all nodes, in which a node's
//! new total changes only what lies between it and the top, and the k-th of the tied ones is found
//! without going through the others.

use units::NodeId;

/// Children of a group. Small enough for a group to be looked through, large enough for a hundred
/// thousand nodes to make five levels.
const FAN_OUT: usize = 16;

/// The best total below a point of the tournament, and how many nodes have it; none if no node below
/// is feasible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Summary {
    best: i64,
    tied: u32,
}

impl Summary {
    /// This one beside another.
    fn join(&mut self, other: Self) {
        if self.tied == 0 || other.tied > 0 && other.best > self.best {
            *self = other;
        } else if other.best == self.best {
            self.tied += other.tied;
        }
    }
}

/// All nodes by their totals.
#[derive(Clone, Debug, Default)]
pub struct ScoreTree {
    /// The nodes first, then groups of them, then groups of groups, up to a single one.
    levels: Vec<Vec<Summary>>,
    feasible: usize,
}

impl ScoreTree {
    /// Maximum size of an entry, in bytes.
    pub const BYTES_PER_NODE: usize = size_of::<Summary>() + size_of::<Summary>() / 8;

    /// No node is feasible.
    pub fn reset(&mut self, nodes: usize) {
        self.feasible = 0;
        self.levels.clear();
        let mut width = nodes.max(1);
        self.levels.push(vec![Summary::default(); width]);
        while width > 1 {
            width = width.div_ceil(FAN_OUT);
            self.levels.push(vec![Summary::default(); width]);
        }
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of feasible nodes.
    pub fn feasible(&self) -> usize {
        self.feasible
    }

    /// A node's total; `None` if it is not feasible.
    pub fn set(&mut self, node: NodeId, total: Option<i64>) {
        let mut index = node.index();
        let mut new = total.map_or_else(Summary::default, |best| Summary { best, tied: 1 });
        let mut old = std::mem::replace(&mut self.levels[0][index], new);
        self.feasible += new.tied as usize;
        self.feasible -= old.tied as usize;
        for level in 1..self.levels.len() {
            if old == new {
                return;
            }
            index /= FAN_OUT;
            let before = self.levels[level][index];
            let mut after = before;
            if old.best == before.best {
                after.tied -= old.tied;
            }
            if after.tied == 0 && before.tied > 0 && (new.tied == 0 || new.best < before.best) {
                // The only best one fell back: the others are looked at.
                after = self.fold(level, index);
            } else {
                after.join(new);
            }
            self.levels[level][index] = after;
            (old, new) = (before, after);
        }
    }

    /// The summary of a group, from its children.
    fn fold(&self, level: usize, index: usize) -> Summary {
        let mut summary = Summary::default();
        for &child in self.children(level, index) {
            if child.tied > 0 {
                summary.join(child);
            }
        }
        summary
    }

    fn children(&self, level: usize, index: usize) -> &[Summary] {
        let below = &self.levels[level - 1];
        let first = index * FAN_OUT;
        &below[first..below.len().min(first + FAN_OUT)]
    }

    /// The best total of all, and how many have it.
    fn top(&self) -> Summary {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_default()
    }

    /// The k-th node of those with the best total, in order of nodes.
    fn nth(&self, mut k: u32) -> NodeId {
        let best = self.top().best;
        let mut index = 0;
        for level in (1..self.levels.len()).rev() {
            let mut child = index * FAN_OUT;
            for summary in self.children(level, index) {
                if summary.best == best {
                    if k < summary.tied {
                        break;
                    }
                    k -= summary.tied;
                }
                child += 1;
            }
            index = child;
        }
        NodeId::from_index(index)
    }

    /// Number of nodes with the best total that come before a row.
    fn before(&self, row: usize) -> u32 {
        let best = self.top().best;
        let mut count = 0;
        let mut end = row.min(self.len());
        for level in &self.levels {
            let first = end / FAN_OUT * FAN_OUT;
            let passed = level[first..end].iter();
            count += passed
                .filter(|summary| summary.best == best)
                .map(|summary| summary.tied)
                .sum::<u32>();
            end /= FAN_OUT;
        }
        count
    }
}

impl ScoreTree {
    /// The first of the nodes with the best total at a row or beyond.
    fn next(&self, row: usize) -> Option<usize> {
        let best = self.top().best;
        let is_best = |summary: &Summary| summary.tied > 0 && summary.best == best;
        let (mut level, mut index) = (0, row);
        loop {
            let summaries = self.levels.get(level)?;
            let end = summaries.len().min((index / FAN_OUT + 1) * FAN_OUT);
            if let Some(found) = summaries.get(index..end)?.iter().position(is_best) {
                index += found;
                break;
            }
            index = index / FAN_OUT + 1;
            level += 1;
        }
        while level > 0 {
            let children = self.children(level, index);
            index = index * FAN_OUT + children.iter().position(is_best)?;
            level -= 1;
        }
        Some(index)
    }
}

/// The nodes that are tied for the first place: at least one, in order of nodes.
#[derive(Clone, Copy, Debug)]
pub enum Ties<'a> {
    /// One by one.
    Listed(&'a [NodeId]),
    /// The nodes with the best standing.
    Best(&'a ScoreTree),
}

impl<'a> Ties<'a> {
    /// Number of tied nodes.
    pub fn count(&self) -> usize {
        match self {
            Self::Listed(nodes) => nodes.len(),
            Self::Best(standings) => standings.top().tied as usize,
        }
    }

    /// The k-th of them, counted from 0.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn nth(&self, k: usize) -> NodeId {
        match self {
            Self::Listed(nodes) => nodes[k],
            Self::Best(standings) => standings.nth(k as u32),
        }
    }

    /// Number of tied nodes that come before a node, or are that node.
    pub fn up_to(&self, node: NodeId) -> usize {
        match self {
            Self::Listed(nodes) => nodes.partition_point(|&own| own <= node),
            Self::Best(standings) => standings.before(node.index() + 1) as usize,
        }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = NodeId> + use<'a> {
        let (listed, standings) = match self {
            Self::Listed(nodes) => (*nodes, None),
            Self::Best(standings) => (&[][..], Some(*standings)),
        };
        let mut row = 0;
        let best = std::iter::from_fn(move || {
            let found = standings?.next(row)?;
            row = found + 1;
            Some(NodeId::from_index(found))
        });
        listed.iter().copied().chain(best)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn standings_are_a_scan_over_all_nodes(
            nodes in 1..700_usize,
            sets in proptest::collection::vec(
                (any::<usize>(), proptest::option::weighted(0.7, -2..3_i64)), 0..900),
        ) {
            let mut totals = vec![None; nodes];
            let mut standings = ScoreTree::default();
            standings.reset(nodes);
            for (count, (node, total)) in sets.into_iter().enumerate() {
                let node = NodeId::from_index(node % nodes);
                totals[node.index()] = total;
                standings.set(node, total);
                let best = totals.iter().flatten().max().copied();
                let tied: Vec<NodeId> = (0..nodes)
                    .filter(|&row| best.is_some() && totals[row] == best)
                    .map(NodeId::from_index)
                    .collect();
                prop_assert_eq!(standings.feasible(), totals.iter().flatten().count());
                let ties = Ties::Best(&standings);
                prop_assert_eq!(ties.count(), tied.len());
                prop_assert_eq!(ties.up_to(node), Ties::Listed(&tied).up_to(node));
                if count % 16 == 0 {
                    prop_assert_eq!(ties.iter().collect::<Vec<_>>(), tied);
                } else if let Some(k) = count.checked_rem(tied.len()) {
                    prop_assert_eq!(ties.nth(k), tied[k]);
                }
            }
        }
    }
}
