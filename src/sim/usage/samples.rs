//! Usage as metrics pipelines measure it: of pods, of their containers, and of what lies outside.

use control::UsageSamples;
use model::{PodRef, Text, Used};
use units::{Duration, Instant, PodId, SortedMap};

use super::{Asked, Usage};

/// Usage at an instant.
pub(crate) struct Now<'a> {
    pub(super) usage: &'a Usage,
    pub(super) at: Instant,
    /// The cores that pods get where nodes share them, in thousandths.
    pub(super) had: Option<SortedMap<PodId, i64>>,
}

impl Now<'_> {
    /// With the cores that pods get where nodes share them.
    pub(crate) fn with_had(mut self, had: Option<SortedMap<PodId, i64>>) -> Self {
        self.had = had;
        self
    }
}

impl UsageSamples for Now<'_> {
    fn pod(&self, pod: PodRef) -> Option<Used> {
        let mut used = self.usage.used(pod, self.at)?;
        let had = self.had.as_ref().and_then(|had| had.get(&pod.id));
        used.cpu_milli = used.cpu_milli.min(had.copied().unwrap_or(i64::MAX));
        Some(used)
    }

    fn wanted(&self, pod: PodRef) -> Option<Used> {
        self.usage.wanted(pod, self.at)
    }

    fn pod_over(&self, pod: PodRef, window: Duration) -> Option<Used> {
        self.usage.used_over(pod, self.at, window)
    }

    fn containers_over(&self, pod: PodRef, window: Duration) -> Vec<(Text, Used)> {
        let used = self.usage.used_over(pod, self.at, window);
        self.parts(pod, used)
    }

    fn containers(&self, pod: PodRef) -> Vec<(Text, Used)> {
        let used = self.usage.used(pod, self.at);
        self.parts(pod, used)
    }

    fn external_metric(&self, metric: &str) -> Vec<i64> {
        let series = self.usage.options.external.get(metric);
        let known = series.into_iter().flatten();
        let newest = known.filter_map(|series| {
            let next = series.partition_point(|&(at, _)| at <= self.at);
            let (_, value) = series.get(next.checked_sub(1)?)?;
            value.milli_ceil().ok()
        });
        newest.collect()
    }
}

impl Now<'_> {
    fn parts(&self, pod: PodRef, used: Option<Used>) -> Vec<(Text, Used)> {
        let row = self.usage.row(pod);
        let class = row.and_then(|row| self.usage.class(row.spec));
        used.zip(class)
            .map_or_else(Vec::new, |(used, class)| split(used, &class.containers))
    }
}

/// The use of a pod, divided among its containers as their requests are; evenly where none is stated.
fn split(used: Used, containers: &[Asked]) -> Vec<(Text, Used)> {
    let part = |whole: i64, asked: &dyn Fn(&Asked) -> i64, index: usize| {
        let sum: i128 = containers.iter().map(|own| i128::from(asked(own))).sum();
        let upto = |count: usize| {
            let before = containers[..count].iter();
            let (before, sum) = if sum > 0 {
                (before.map(|own| i128::from(asked(own))).sum(), sum)
            } else {
                (count as i128, containers.len() as i128)
            };
            i128::from(whole) * before / sum.max(1)
        };
        (upto(index + 1) - upto(index)) as i64
    };
    let parts = containers.iter().enumerate().map(|(index, own)| {
        let used = Used {
            cpu_milli: part(used.cpu_milli, &|own| own.used.cpu_milli, index),
            memory_bytes: part(used.memory_bytes, &|own| own.used.memory_bytes, index),
        };
        (own.name.clone(), used)
    });
    parts.collect()
}
