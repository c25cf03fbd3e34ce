//! The reason why a pod fits nowhere, in the words of the original.

use std::fmt;

use super::super::rules::Predicate;
use units::{SortedMap, plural};

/// Obstacles of an attempt that found no node.
#[derive(Clone, Debug, Default)]
pub(super) struct Obstacles {
    nodes: usize,
    closed: usize,
    by_predicate: SortedMap<Predicate, usize>,
}

impl Obstacles {
    /// A node that does not take the pod: for a predicate, or as it is not open to it at all.
    pub(super) fn add(&mut self, is_open: bool, obstacle: Option<Predicate>) {
        self.nodes += 1;
        if !is_open {
            self.closed += 1;
        } else if let Some(obstacle) = obstacle {
            *self.by_predicate.entry(obstacle).or_default() += 1;
        }
    }
}

impl fmt::Display for Obstacles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons: Vec<String> = (self.by_predicate.iter())
            .map(|(own, count)| format!("{} ({count})", own.name()))
            .collect();
        if self.closed > 0 {
            reasons.push(format!("not open to the pod ({})", self.closed));
        }
        let nodes = plural::count(self.nodes, "node");
        write!(f, "no fit among {nodes}: {}", reasons.join(", "))
    }
}
