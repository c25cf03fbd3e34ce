//! Nodes that were ordered and are not there or have not started: those that come, those that don't,
//! and groups that are left alone after that (spec: kubernetes.md 3.3; `clusterstate/clusterstate.go`
//! and `utils/backoff` of release 1.36).

use super::grow::GrowSettings;
use model::Text;
use units::{Duration, Instant, SortedMap};

/// Nodes that were ordered together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) group: Text,
    pub(super) nodes: usize,
    at: Instant,
}

/// Growth of a group that goes on until all of its nodes have started.
#[derive(Clone, Copy, Debug)]
struct Request {
    /// Instant of its newest order.
    at: Instant,
    /// Number of nodes ordered since it began.
    increase: usize,
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
    requests: SortedMap<Text, Request>,
    backoffs: SortedMap<Text, Backoff>,
}

impl Orders {
    /// Nodes of a group were ordered.
    pub(super) fn add(&mut self, group: Text, nodes: usize, at: Instant) {
        let known = self.requests.get(&group).map_or(0, |own| own.increase);
        let increase = known + nodes;
        self.requests
            .insert(group.clone(), Request { at, increase });
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

    /// A node of a group could not be had.
    pub(super) fn failed(&mut self, own: &GrowSettings, group: &Text, now: Instant) {
        self.back_off(own, group, now);
        self.registered(group);
        if let Some(request) = self.requests.get_mut(group) {
            request.increase -= 1;
        }
        self.requests.retain(|_, own| own.increase > 0);
    }

    /// A group is left alone for a while; failures while it is make that no longer.
    fn back_off(&mut self, own: &GrowSettings, group: &Text, now: Instant) {
        let before = self.backoffs.get(group);
        let is_recent = |known: &&Backoff| known.last.saturating_add(own.forget) >= now;
        let span = before.filter(is_recent).map_or(own.backoff, |known| {
            if known.until >= now {
                return known.span;
            }
            let doubled = known.span.checked_mul(2).unwrap_or(own.max_backoff);
            doubled.min(own.max_backoff)
        });
        let backoff = Backoff {
            span,
            until: now.saturating_add(span),
            last: now,
        };
        self.backoffs.insert(group.clone(), backoff);
    }

    /// Groups whose nodes did not register, or get ready, in time, each with the number of nodes that are
    /// not coming. Requests whose nodes are all ready end; `starting` counts those that are not, by group.
    pub(super) fn expire(
        &mut self,
        own: &GrowSettings,
        now: Instant,
        starting: &SortedMap<Text, usize>,
    ) -> Vec<(Text, usize)> {
        let is_late = |at: Instant| at.saturating_add(own.provision) < now;
        let requests = std::mem::take(&mut self.requests);
        for (group, request) in requests {
            if self.coming(&group) == 0 && !starting.contains_key(&group) {
                continue;
            }
            if is_late(request.at) {
                self.back_off(own, &group, now);
            } else {
                self.requests.insert(group, request);
            }
        }
        let open = std::mem::take(&mut self.open).into_iter();
        let (late, open): (Vec<Order>, Vec<Order>) = open.partition(|order| is_late(order.at));
        self.open = open;
        late.into_iter().map(|own| (own.group, own.nodes)).collect()
    }

    /// Number of nodes of a group that are ordered and have not come.
    pub(super) fn coming(&self, group: &str) -> usize {
        let own = self.open.iter().filter(|own| *own.group == *group);
        own.map(|own| own.nodes).sum()
    }

    /// Number of nodes of a group that should be ready by now, though its growth goes on; given is how
    /// many are there and not ready.
    pub(super) fn missing(&self, group: &str, unready: usize) -> usize {
        let increase = self.requests.get(group).map_or(0, |own| own.increase);
        (unready + self.coming(group)).saturating_sub(increase)
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
