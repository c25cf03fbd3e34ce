//! States of the pools of a provisioner over a run: what manifests declare and operations delete.

use model::node_pools::{NodePool, NodePoolObjects};
use scenario::schema;
use units::Instant;

use super::BuildError;

/// A pool from an instant on.
#[derive(Clone, Copy)]
pub(super) struct PoolState<'o> {
    pub(super) since: Instant,
    pub(super) pool: &'o NodePool,
    /// Marks what is left of it once an operation has deleted it.
    pub(super) is_deleted: bool,
}

/// States of all pools: those of the start, those that come later, and those that are deleted.
pub(super) fn states<'o>(
    operations: &[schema::Operation],
    objects: &'o NodePoolObjects,
) -> Result<Vec<PoolState<'o>>, BuildError> {
    let state = |since, pool| PoolState {
        since,
        pool,
        is_deleted: false,
    };
    let first = objects
        .pools
        .values()
        .map(|pool| state(Instant::ZERO, pool));
    let later = objects.later.iter().map(|(at, pool)| state(*at, pool));
    let mut states: Vec<PoolState<'_>> = first.chain(later).collect();
    for (number, operation) in operations.iter().enumerate() {
        let Some(name) = deleted(operation) else {
            continue;
        };
        let at = Instant::ZERO.saturating_add(operation.at);
        let before = states.iter().rev();
        let before = before.filter(|own| *own.pool.name == *name && own.since <= at);
        let Some(last) = before
            .max_by_key(|own| own.since)
            .filter(|own| !own.is_deleted)
        else {
            return Err(BuildError::Experiment(format!(
                "operations[{number}].delete: no manifests have a NodePool `{name}` at that time"
            )));
        };
        states.push(PoolState {
            since: at,
            is_deleted: true,
            ..*last
        });
    }
    Ok(states)
}

/// The pool that an operation deletes.
pub(super) fn deleted(operation: &schema::Operation) -> Option<&str> {
    operation.delete.as_deref()?.strip_prefix("NodePool/")
}
