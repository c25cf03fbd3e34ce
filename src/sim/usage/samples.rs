//! Usage as metrics pipelines measure it: of pods, of their containers, and of what lies outside.

use control::UsageSamples;
use model::{PodRef, ResourceUsage, Text};
use units::{Duration, Instant, NodeId, PodId, SortedMap};

use super::class::UsageMode;
use super::{Usage, sum};

/// Usage at an instant.
pub(crate) struct UsageView<'a> {
    pub(super) usage: &'a Usage,
    pub(super) at: Instant,
    /// The cores that pods get where nodes share them, in thousandths.
    pub(super) had: Option<SortedMap<PodId, i64>>,
    pub(super) manner: UsageMode,
}

impl UsageView<'_> {
    /// With the cores that pods get where nodes share them.
    pub(crate) fn with_had(mut self, had: Option<SortedMap<PodId, i64>>) -> Self {
        self.had = had;
        self
    }

    /// The nodes whose pods use something else.
    pub(crate) fn nodes(&self) -> &[NodeId] {
        &self.usage.shown
    }

    /// The use of each container of a pod that is up.
    fn parts(
        &self,
        pod: PodRef,
        of: impl Fn(usize) -> Option<ResourceUsage>,
    ) -> Vec<(Text, ResourceUsage)> {
        let row = self.usage.row(pod);
        let Some(class) = row.and_then(|row| self.usage.class(row.spec)) else {
            return Vec::new();
        };
        let name = |place: usize| class.parts[place].name.clone();
        let parts = class.places();
        parts
            .filter_map(|place| Some((name(place), of(place)?)))
            .collect()
    }
}

impl UsageSamples for UsageView<'_> {
    fn pod(&self, pod: PodRef) -> Option<ResourceUsage> {
        let (_, mut used) = self.usage.both(pod, self.at, self.manner)?;
        let had = self.had.as_ref().and_then(|had| had.get(&pod.id));
        used.cpu_milli = used.cpu_milli.min(had.copied().unwrap_or(i64::MAX));
        Some(used)
    }

    fn wanted(&self, pod: PodRef) -> Option<ResourceUsage> {
        let (wanted, _) = self.usage.both(pod, self.at, self.manner)?;
        Some(wanted)
    }

    fn pod_over(&self, pod: PodRef, window: Duration) -> Option<ResourceUsage> {
        let all = self.containers_over(pod, window).into_iter();
        all.map(|(_, used)| used).reduce(sum)
    }

    fn containers_over(&self, pod: PodRef, window: Duration) -> Vec<(Text, ResourceUsage)> {
        self.parts(pod, |place| {
            let row = self.usage.row(pod)?;
            self.usage.used_over(row, place, self.at, window)
        })
    }

    fn containers(&self, pod: PodRef) -> Vec<(Text, ResourceUsage)> {
        self.parts(pod, |place| {
            let row = self.usage.row(pod)?;
            let class = self.usage.class(row.spec)?;
            let query = self.usage.query(row, self.at, self.manner);
            Some(class.read(place, row, row.up(place)?, query).1)
        })
    }

    fn external_metric(&self, metric: &str) -> Vec<i64> {
        let series = self.usage.options.external.get(metric);
        let known = series.into_iter().flatten();
        let newest = known.filter_map(|series| {
            let next = series.partition_point(|&(at, _)| at <= self.at);
            let (_, value) = series.get(next.checked_sub(1)?)?;
            value.as_ref()?.milli_ceil().ok()
        });
        newest.collect()
    }
}
