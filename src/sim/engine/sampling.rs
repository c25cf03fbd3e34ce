//! Use of pods, for the measurement of the run: it receives every change.

use cluster::UsageNews;
use units::Instant;

use super::super::context::Context;
use super::Engine;

impl Engine {
    /// Shows the observer what pods use while nothing happens until an instant.
    pub(in super::super) fn sample_before(&mut self, ctx: &mut Context<'_>, next: Instant) {
        while let Some(at) = self.nodes.use_changes_before(next) {
            ctx.enter(self.number());
            self.sample_at(ctx, at);
        }
    }

    /// Shows the observer the use that has changed at this instant.
    pub(in super::super) fn sample(&mut self, ctx: &mut Context<'_>) {
        self.sample_at(ctx, ctx.now());
    }

    fn sample_at(&mut self, ctx: &mut Context<'_>, at: Instant) {
        let store = self.control.store();
        if let Some(samples) = self.nodes.news_of_use(at, store) {
            let news = UsageNews {
                nodes: samples.nodes(),
                usage: &samples,
            };
            ctx.observer().usage(at, store, news);
        }
    }
}
