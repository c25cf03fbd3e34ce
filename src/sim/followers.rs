//! The parts of the world that follow the changes of a store.

use cluster::{Digest, Store};
use model::{Event, Pod};

use super::context::Context;

/// A change that was applied to a store.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) event: &'a Event,
    /// The record of the pod that ended with the change.
    pub(super) ended: Option<&'a Pod>,
    /// The store after the change.
    pub(super) store: &'a Store,
}

/// A part of the world that follows every change of a cell's store. The order of the followers is that
/// of the list in `Engine::commit`.
pub(super) trait Follower {
    /// A change was applied.
    fn follow(&mut self, change: Change<'_>, ctx: &mut Context<'_>);
}

impl Follower for Digest {
    #[inline]
    fn follow(&mut self, change: Change<'_>, ctx: &mut Context<'_>) {
        self.event(ctx.now(), change.event);
    }
}

/// Watchers of the run from outside.
pub(super) struct Audience;

impl Follower for Audience {
    #[inline]
    fn follow(&mut self, change: Change<'_>, ctx: &mut Context<'_>) {
        let now = ctx.now();
        ctx.observer()
            .observe(now, change.event, change.ended, change.store);
    }
}
