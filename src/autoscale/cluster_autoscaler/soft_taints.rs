//! Soft taints of nodes that are not needed, so that new pods prefer the others (the original's
//! `actuation/softtaint.go`). A loop that removes nothing brings them up to date, within a budget of
//! requests: nodes that are needed again lose theirs first.

use super::component::ClusterAutoscaler;
use cluster::Store;
use control::{Outbox, node_api};
use model::{TaintEffect, Text};
use units::{Instant, NodeId, SortedMap};

/// Key of the taint.
const TAINT: &str = "DeletionCandidateOfClusterAutoscaler";

/// Requests of a loop at most: `--max-bulk-soft-taint-count`.
const REQUESTS_PER_LOOP: usize = 10;

/// Brings the taints of `unneeded` nodes and of the `needed` ones up to date; whether the budget was
/// enough.
fn update(store: &Store, unneeded: &[NodeId], needed: &[NodeId], out: &mut Outbox) -> bool {
    let lose = needed.iter().map(|&node| (node, false));
    let gain = unneeded.iter().map(|&node| (node, true));
    let mut requests = 0;
    for (node, is_unneeded) in lose.chain(gain) {
        let Some(object) = store.nodes().object(node) else {
            continue;
        };
        if object.taints.iter().any(|taint| *taint.key == *TAINT) == is_unneeded {
            continue;
        }
        if requests == REQUESTS_PER_LOOP {
            return false;
        }
        requests += 1;
        let effect = is_unneeded.then_some(TaintEffect::PreferNoSchedule);
        if let Some(event) = node_api::mark(store, node, &TAINT.into(), effect) {
            out.write(store, event);
        }
    }
    true
}

impl ClusterAutoscaler {
    /// Marks the nodes that are not needed, so that new pods prefer others. One that was found so at
    /// this very instant, such as one that just joined, may get pods yet, and waits for the next loop.
    pub(super) fn soften(
        &mut self,
        now: Instant,
        store: &Store,
        present: &[NodeId],
        unneeded: &SortedMap<Text, Instant>,
        out: &mut Outbox,
    ) {
        if self.shrinker.is_cooling_down(now) {
            return;
        }
        let (mut needless, mut needed) = (Vec::new(), Vec::new());
        for &node in present {
            if self.leaving.has(node) || self.group_of(store, node).is_none() {
                continue;
            }
            match unneeded.get(store.nodes().name(node)) {
                Some(&since) if since < now => needless.push(node),
                Some(_) => self.patience = now,
                None => needed.push(node),
            }
        }
        if !update(store, &needless, &needed, out) {
            self.patience = now;
        }
    }
}
