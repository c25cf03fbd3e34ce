//! Latencies of served requests, as their clients saw them (metrics.md 5.5).

use model::traffic::{LatencyProfile, TrafficNames, TrafficStretch};

use crate::families::traffic::traffic_totals::{NO_REQUESTS, keep_profiles};
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Group, ShortList, Title};
use crate::values::{Reading, Statistic, Values};
use model::latencies::Latencies;

const MEAN: Statistic = latency("mean");
const P50: Statistic = latency("p50");
const P90: Statistic = latency("p90");
const P99: Statistic = latency("p99");
const P99_9: Statistic = latency("p99_9");

/// A time between request and answer, of which a millisecond matters.
const fn latency(name: &'static str) -> Statistic {
    Statistic::seconds(name).relevant_from(0.001)
}

/// `latency.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "latency",
    title: Title::new("latency"),
    group: Group::Requests.at(20),
    short_lists: &[ShortList::Headline.at(240, &["p99"])],
    series: &[
        LiveSeries::of_services("latency.p50", |stretch, names| {
            percentile(stretch, names, 500)
        })
        .in_seconds(),
        LiveSeries::of_services("latency.p90", |stretch, names| {
            percentile(stretch, names, 900)
        })
        .in_seconds(),
        LiveSeries::of_services("latency.p99", |stretch, names| {
            percentile(stretch, names, 990)
        })
        .in_seconds(),
    ],
    summary: "Latency of served requests, from the client's first attempt to the response.",
    statistics: &[MEAN, P50, P90, P99, P99_9],
    formula: "inverse of the distribution function by count: the smallest latency that a share p \
              of all requests did not exceed; queueing, retries and back-off included",
    denominators: "served requests",
    census: "requests of all groups of clients that were served in the measured window",
    censoring: "failed requests have no latency and are in requests.error_rate",
    source: "metrics.md 5.4, 5.5",
    construct: |_| Box::new(Latency::default()),
};

/// The percentiles in thousandths.
const PERCENTILES: [(Statistic, u32); 4] = [(P50, 500), (P90, 900), (P99, 990), (P99_9, 999)];

fn percentile(stretch: &TrafficStretch, names: &TrafficNames, per_mille: u32) -> Option<f64> {
    let mut all = Latencies::default();
    for flow in &stretch.flows {
        all.add(&flow.latencies);
    }
    let nanos = all.sorted(&names.profiles).percentile(per_mille)?;
    Some(nanos as f64 / 1e9)
}

#[derive(Clone, Debug, Default)]
struct Latency {
    all: Latencies,
    profiles: Vec<LatencyProfile>,
    is_aggregated: bool,
}

impl Collector for Latency {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Traffic]
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        keep_profiles(&mut self.profiles, names);
        self.is_aggregated = names.is_aggregated;
        for flow in &stretch.flows {
            self.all.add(&flow.latencies);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        let sorted = self.all.sorted(&self.profiles);
        let n = self.all.count();
        let none = || NO_REQUESTS.to_owned();
        let mut put = |statistic, nanos: Option<f64>| {
            let secs = nanos.map(|nanos| nanos / 1e9).ok_or_else(none);
            let reading = Reading::new(secs).over(n);
            values.put(statistic, reading.approximate(nanos.is_some()));
        };
        put(MEAN, sorted.mean());
        for (statistic, per_mille) in PERCENTILES {
            let nanos = sorted.percentile(per_mille);
            put(statistic, nanos.map(|nanos| nanos as f64));
        }
    }
}
