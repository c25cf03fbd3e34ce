//! Nodes on which pods use something else than before: what measures the run is shown these, at the
//! instant of the change.

use units::{Instant, NodeId, SortedSet};

use super::row::Sharers;

/// What has changed since it was shown last.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    nodes: Vec<NodeId>,
    is_changed: Vec<bool>,
    /// Workloads whose number of serving pods has changed.
    sharers: SortedSet<Sharers>,
    /// Instants at which the use of nodes changes next by itself, in order, and by node.
    due: SortedSet<(Instant, NodeId)>,
    due_at: Vec<Option<Instant>>,
}

impl Changes {
    /// The pods of a node use something else from now on.
    pub(super) fn touch(&mut self, node: NodeId) {
        let place = node.index();
        if self.is_changed.len() <= place {
            self.is_changed.resize(place + 1, false);
        }
        if !std::mem::replace(&mut self.is_changed[place], true) {
            self.nodes.push(node);
        }
    }

    /// The pods of a workload have other parts of its work from now on.
    pub(super) fn touch_sharers(&mut self, sharers: Sharers) {
        self.sharers.insert(sharers);
    }

    /// Whether anything has changed, or does so by itself by now.
    #[inline]
    pub(super) fn is_news(&self, now: Instant) -> bool {
        !self.nodes.is_empty()
            || !self.sharers.is_empty()
            || self.next().is_some_and(|at| at <= now)
    }

    /// The instant at which a use changes next by itself.
    #[inline]
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first().map(|&(at, _)| at)
    }

    /// The use of a node changes next by itself then.
    pub(super) fn expect(&mut self, node: NodeId, at: Option<Instant>) {
        let place = node.index();
        if self.due_at.len() <= place {
            if at.is_none() {
                return;
            }
            self.due_at.resize(place + 1, None);
        }
        let before = std::mem::replace(&mut self.due_at[place], at);
        if before == at {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, node));
        }
        self.due.extend(at.map(|at| (at, node)));
    }

    /// Takes out the workloads of which pods have other parts.
    pub(super) fn take_sharers(&mut self) -> SortedSet<Sharers> {
        std::mem::take(&mut self.sharers)
    }

    /// Takes out the nodes whose use is another by now, in order, into an empty list.
    pub(super) fn take(&mut self, now: Instant, into: &mut Vec<NodeId>) {
        while let Some(&(at, node)) = self.due.first()
            && at <= now
        {
            self.expect(node, None);
            self.touch(node);
        }
        into.append(&mut self.nodes);
        into.sort_unstable();
        for node in &*into {
            self.is_changed[node.index()] = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_told_once_at_the_instant_of_their_change() {
        let (mut changes, mut told) = (Changes::default(), Vec::new());
        let at = Instant::from_secs;
        assert!(!changes.is_news(at(1_000)));
        for node in [3, 1, 3] {
            changes.touch(NodeId(node));
        }
        changes.expect(NodeId(2), Some(at(60)));
        changes.expect(NodeId(4), Some(at(70)));
        changes.expect(NodeId(2), Some(at(80)));
        changes.take(at(0), &mut told);
        assert_eq!(told, [NodeId(1), NodeId(3)]);
        assert_eq!(changes.next(), Some(at(70)));
        assert!(changes.is_news(at(70)) && !changes.is_news(at(69)));
        told.clear();
        changes.take(at(80), &mut told);
        assert_eq!(told, [NodeId(2), NodeId(4)]);
        assert_eq!(changes.next(), None);
    }
}
