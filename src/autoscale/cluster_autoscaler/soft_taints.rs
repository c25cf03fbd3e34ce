//! Soft taints of nodes that are not needed, so that new pods prefer the others (the original's
//! `actuation/softtaint.go`). A loop that removes nothing brings them up to date, within a budget of
//! requests: nodes that are needed again lose theirs first.

use cluster::Store;
use control::{Outbox, node_api};
use model::TaintEffect;
use units::NodeId;

/// Key of the taint.
const TAINT: &str = "DeletionCandidateOfClusterAutoscaler";

/// Requests of a loop at most: `--max-bulk-soft-taint-count`.
const REQUESTS_PER_LOOP: usize = 10;

/// Brings the taints of `unneeded` nodes and of the `needed` ones up to date; whether the budget was
/// enough.
pub(super) fn update(
    store: &Store,
    unneeded: &[NodeId],
    needed: &[NodeId],
    out: &mut Outbox,
) -> bool {
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
