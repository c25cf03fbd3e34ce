//! How long requests took that were served, as their clients saw it (metrics.md 5.5).

use model::traffic::{LatencyProfile, TrafficNames, TrafficStretch};

use crate::families::traffic::traffic_totals::{NO_REQUESTS, keep_profiles};
use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{MetricEntry, Statistic};
use model::latencies::Latencies;

/// `latency.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "latency",
    title: Title::new("latency"),
    group: Group::Requests.at(20),
    short_lists: &[ShortList::Headline.at(240, &["p99"])],
    summary: "Latency of served requests, from the client's first attempt to the response.",
    statistics: &[
        Statistic::seconds("mean"),
        Statistic::seconds("p50"),
        Statistic::seconds("p90"),
        Statistic::seconds("p99"),
        Statistic::seconds("p99_9"),
    ],
    formula: "inverse of the distribution function by count: the smallest latency that a share p \
              of all requests did not exceed; queueing, retries and back-off included",
    denominators: "served requests",
    census: "requests of all groups of clients that were served in the measured window",
    censoring: "failed requests have no latency and are in requests.error_rate",
    source: "metrics.md 5.4, 5.5",
    construct: |_| Box::new(Latency::default()),
};

/// Percentiles in thousandths, by name.
pub const PERCENTILES: &[(&str, u32)] = &[("p50", 500), ("p90", 900), ("p99", 990), ("p99_9", 999)];

#[derive(Clone, Debug, Default)]
struct Latency {
    all: Latencies,
    profiles: Vec<LatencyProfile>,
    is_aggregated: bool,
}

impl Collector for Latency {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Traffic]
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        keep_profiles(&mut self.profiles, names);
        self.is_aggregated = names.is_aggregated;
        for flow in &stretch.flows {
            self.all.add(&flow.latencies);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>) -> Vec<MetricValue> {
        let sorted = self.all.sorted(&self.profiles);
        let n = self.all.count();
        let none = || NO_REQUESTS.to_owned();
        let value = |name: &str, nanos: Option<f64>| {
            let id = format!("{}.{name}", ENTRY.subject);
            let secs = nanos.map(|nanos| nanos / 1e9).ok_or_else(none);
            MetricValue {
                approx: nanos.is_some(),
                ..MetricValue::new(id, secs).over(n)
            }
        };
        let mut values = vec![value("mean", sorted.mean())];
        values.extend(PERCENTILES.iter().map(|&(name, per_mille)| {
            let nanos = sorted.percentile(per_mille).map(|nanos| nanos as f64);
            value(name, nanos)
        }));
        values
    }
}
