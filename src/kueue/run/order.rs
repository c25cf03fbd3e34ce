//! The order in which a cycle's workloads are processed (spec: batch-on-kubernetes.md 1.4).

use std::cmp::Reverse;

use super::cycle::Entry;
use crate::share::Share;
use crate::snapshot::Snapshot;
use crate::tree::NodeId;

/// Workloads of a cycle that are still to be processed.
pub(super) struct Order {
    /// In reverse under preemption by priority.
    rest: Vec<Entry>,
    is_fair: bool,
}

/// The standing of an entry in the contest for one cohort.
#[derive(Clone, Copy)]
struct ContestEntry {
    entry: usize,
    borrows: bool,
    share: Share,
}

impl Order {
    pub(super) fn new(snapshot: &Snapshot, mut entries: Vec<Entry>) -> Self {
        let is_fair = snapshot.settings.fair_sharing.is_some();
        if !is_fair {
            entries.sort_by_key(|entry| {
                let level = entry
                    .nomination
                    .as_ref()
                    .map_or(0, |nomination| nomination.assignment.borrowing);
                let workload = &entry.pending.workload;
                (
                    level,
                    Reverse(workload.priority),
                    entry.pending.timestamp,
                    entry.number,
                )
            });
            entries.reverse();
        }
        Self {
            rest: entries,
            is_fair,
        }
    }

    /// The entry that is processed next, as the snapshot stands.
    pub(super) fn next(&mut self, snapshot: &mut Snapshot) -> Option<Entry> {
        if !self.is_fair {
            return self.rest.pop();
        }
        let first = self.rest.first()?.pending.queue;
        if snapshot.tree.parent(first).is_none() {
            return Some(self.rest.remove(0));
        }
        let root = snapshot.tree.root(first);
        let members = self.rest.iter().enumerate();
        let members = members.filter(|(_, own)| snapshot.tree.root(own.pending.queue) == root);
        let members: Vec<usize> = members.map(|(index, _)| index).collect();
        let paths: Vec<Vec<(NodeId, ContestEntry)>> = members
            .iter()
            .map(|index| self.path(snapshot, *index))
            .collect();
        let winner = self.winner(snapshot, root, &paths)?;
        Some(self.rest.remove(winner))
    }

    /// The standings of an entry for each cohort above its queue.
    fn path(&self, snapshot: &mut Snapshot, index: usize) -> Vec<(NodeId, ContestEntry)> {
        let entry = &self.rest[index];
        let queue = entry.pending.queue;
        let usage = entry.usage();
        for (pair, amount) in &usage {
            snapshot.tree.add(queue, *pair, *amount);
        }
        let mut path = Vec::new();
        let mut node = queue;
        while let Some(parent) = snapshot.tree.parent(node) {
            let mut requested = usage.iter().filter(|(_, amount)| *amount > 0);
            let borrows = requested.any(|(pair, _)| snapshot.tree.borrows_with(node, *pair, 0));
            path.push((
                parent,
                ContestEntry {
                    entry: index,
                    borrows,
                    share: snapshot.share(node),
                },
            ));
            node = parent;
        }
        for (pair, amount) in &usage {
            snapshot.tree.remove(queue, *pair, *amount);
        }
        path
    }

    /// The entry that wins the contest for a cohort, among those below it.
    fn winner(
        &self,
        snapshot: &Snapshot,
        cohort: NodeId,
        paths: &[Vec<(NodeId, ContestEntry)>],
    ) -> Option<usize> {
        let node = snapshot.tree.node(cohort);
        let below = node.cohorts.iter();
        let mut contest: Vec<usize> = below
            .filter_map(|below| self.winner(snapshot, *below, paths))
            .collect();
        let own = paths.iter().filter_map(|path| path.first());
        let own = own.filter(|(parent, _)| *parent == cohort);
        contest.extend(own.map(|(_, standing)| standing.entry));
        let standing = |entry: usize| {
            let mut all = paths.iter().flatten();
            all.find(|(parent, own)| *parent == cohort && own.entry == entry)
        };
        let standings = contest
            .into_iter()
            .filter_map(standing)
            .map(|(_, own)| *own);
        let best = standings.min_by(|one, other| {
            let by_time = |own: &ContestEntry| {
                let pending = &self.rest[own.entry].pending;
                (Reverse(pending.workload.priority), pending.timestamp)
            };
            one.borrows
                .cmp(&other.borrows)
                .then(one.share.compare(other.share))
                .then_with(|| by_time(one).cmp(&by_time(other)))
        });
        best.map(|own| own.entry)
    }
}
