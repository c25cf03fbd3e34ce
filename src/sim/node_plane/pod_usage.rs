//! Use of pods, for those who measure it.

use cluster::Store;
use model::{PodRef, ResourceUsage};
use units::Instant;

use super::super::contention::Contention;
use super::super::usage::UsageView;
use super::NodePlane;

impl NodePlane {
    /// Traffic makes a pod use this.
    pub(crate) fn set_traffic(&mut self, pod: PodRef, used: ResourceUsage) {
        self.usage.set_traffic(pod, used);
    }

    /// Measurements of pods now.
    pub(crate) fn samples(&self, now: Instant) -> UsageView<'_> {
        self.usage.samples(now)
    }

    /// The next instant before another one at which use changes by itself.
    #[inline]
    pub(crate) fn use_changes_before(&self, next: Instant) -> Option<Instant> {
        self.usage.changes_before(next)
    }

    /// Measurements of the nodes whose pods use something else than before, if there are any.
    pub(crate) fn news_of_use(&mut self, now: Instant, store: &Store) -> Option<UsageView<'_>> {
        let contention = self.contention.as_mut();
        for node in contention.map_or_else(Vec::new, Contention::take_changed) {
            self.usage.touch(node);
        }
        if !self.usage.has_news(now) {
            return None;
        }
        let news = self.usage.news(now, store);
        let contention = self.contention.as_ref();
        let rates = contention.and_then(|contention| contention.rates_on(news.nodes()));
        Some(news.with_had(rates))
    }
}
