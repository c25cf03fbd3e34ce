//! Samples of what pods use, for the measurement of the run.

use units::Instant;

use super::super::context::Context;
use super::Engine;

impl Engine {
    /// Shows the observer what pods use while nothing happens until an instant.
    pub(in super::super) fn sample_before(&mut self, ctx: &mut Context<'_>, next: Instant) {
        while let Some(at) = self.nodes.sampled_before(next) {
            ctx.enter(self.number());
            if let Some(samples) = self.nodes.sample(at) {
                ctx.observer().usage(at, self.control.store(), &samples);
            }
        }
    }

    /// Shows the observer what is measured, if some time has passed since it last was.
    pub(in super::super) fn sample(&mut self, ctx: &mut Context<'_>) {
        let now = ctx.now();
        if let Some(samples) = self.nodes.sample(now) {
            ctx.observer().usage(now, self.control.store(), &samples);
        }
    }
}
