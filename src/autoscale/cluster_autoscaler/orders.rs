//! Nodes that were ordered and are not there: those that come, those that don't, and groups that are
//! left alone after that (spec: kubernetes.md 3.3).

use super::grow::GrowSettings;
use model::Text;
use units::{Duration, Instant, SortedMap, SortedSet};

/// Nodes that were ordered together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) group: Text,
    pub(super) nodes: usize,
    at: Instant,
}

/// A group that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Backoff {
    span: Duration,
    until: Instant,
    last: Instant,
}

/// Remembered state of orders.
#[derive(Clone, Debug, Default)]
pub(super) struct Orders {
    open: Vec<Order>,
    backoffs: SortedMap<Text, Backoff>,
}

impl Orders {
    /// Nodes of a group were ordered.
    pub(super) fn add(&mut self, group: Text, nodes: usize, at: Instant) {
        self.open.push(Order { group, nodes, at });
    }

    /// Orders whose nodes are not there.
    pub(super) fn open(&self) -> &[Order] {
        &self.open
    }

    /// A node of a group registered.
    pub(super) fn registered(&mut self, group: &str) {
        if let Some(order) = self.open.iter_mut().find(|own| *own.group == *group) {
            order.nodes -= 1;
        }
        self.open.retain(|own| own.nodes > 0);
    }

    /// Nodes of a group could not be had.
    pub(super) fn failed(&mut self, own: &GrowSettings, group: &Text, now: Instant) {
        let before = self.backoffs.get(group);
        let is_recent = |known: &&Backoff| known.last.saturating_add(own.forget) > now;
        let span = before.filter(is_recent).map_or(own.backoff, |known| {
            let doubled = known.span.checked_mul(2).unwrap_or(own.max_backoff);
            doubled.min(own.max_backoff)
        });
        let backoff = Backoff {
            span,
            until: now.saturating_add(span),
            last: now,
        };
        self.backoffs.insert(group.clone(), backoff);
        self.open.retain(|own| own.group != *group);
    }

    /// Orders that took too long: their groups failed, and so many nodes are not coming.
    pub(super) fn expire(&mut self, own: &GrowSettings, now: Instant) -> Vec<(Text, usize)> {
        let limit = own.provision;
        let late = self.open.iter();
        let late = late.filter(|order| order.at.saturating_add(limit) < now);
        let late: Vec<(Text, usize)> = late.map(|own| (own.group.clone(), own.nodes)).collect();
        // A group fails once, however many orders of it are late.
        let groups: SortedSet<&Text> = late.iter().map(|(group, _)| group).collect();
        for group in groups {
            self.failed(own, group, now);
        }
        late
    }

    /// Whether a group is left alone.
    pub(super) fn is_backed_off(&self, group: &str, now: Instant) -> bool {
        let known = self.backoffs.get(group);
        known.is_some_and(|known| known.until > now)
    }

    /// Number of nodes that are ordered and have not come.
    pub(super) fn ordered(&self) -> usize {
        self.open.iter().map(|own| own.nodes).sum()
    }
}
