//! Requests of clients: how many there were, and what became of them (metrics.md 5.4; requests served
//! over offered: orchestrators-a.md 9.4).

use model::traffic::{FailureCause, FlowCounts, TrafficNames, TrafficStretch};

use crate::families::traffic::services::Services;
use crate::families::traffic::traffic_totals::{NO_REQUESTS, measures};
use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::tables::Tables;
use crate::values::{Direction, Reading, Statistic, Values};

const OFFERED: Statistic = Statistic::amount("offered", "requests", Direction::None);
const SERVED: Statistic = Statistic::amount("served", "requests", Direction::Higher);
const FAILED: Statistic = failed("failed");
const ERROR_RATE: Statistic = Statistic::ratio("error_rate", Direction::Lower).relevant_from(1e-4);
const RETRIES: Statistic = Statistic::amount("retries", "requests", Direction::Lower);
const PER_SECOND: Statistic = Statistic::amount("per_second", "1/s", Direction::None);

/// `requests.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "requests",
    title: Title::new("requests"),
    group: Group::Requests.at(10),
    short_lists: &[ShortList::Headline.at(230, &["error_rate"])],
    series: &[
        LiveSeries::of_services("requests.per_second", |stretch, _| {
            let offered: u64 = stretch.flows.iter().map(|flow| flow.offered).sum();
            Some(offered as f64 / seconds(stretch))
        }),
        LiveSeries::of_services("requests.error_rate", |stretch, _| {
            let failed: u64 = stretch.flows.iter().map(FlowCounts::failures).sum();
            let served: u64 = stretch.flows.iter().map(|flow| flow.succeeded).sum();
            (served + failed > 0).then(|| failed as f64 / (served + failed) as f64)
        }),
        LiveSeries::of_services("requests.retries", |stretch, _| {
            let retries: u64 = stretch.flows.iter().map(|flow| flow.retries).sum();
            Some(retries as f64 / seconds(stretch))
        }),
    ],
    summary: "Client requests by outcome.",
    statistics: &[
        OFFERED,
        SERVED,
        FAILED,
        ERROR_RATE,
        failed(FailureCause::ALL[0].name()),
        failed(FailureCause::ALL[1].name()),
        failed(FailureCause::ALL[2].name()),
        failed(FailureCause::ALL[3].name()),
        failed(FailureCause::ALL[4].name()),
        failed(FailureCause::ALL[5].name()),
        RETRIES,
        PER_SECOND,
    ],
    formula: "counts in W; error_rate: failed over served and failed; timeout, refused, \
              no_endpoint, queue_full, error, no_volume: failed requests by the cause of the last \
              attempt; retries: attempts beyond the first of each request; per_second: offered \
              over the length of W",
    denominators: "requests that were served or failed; seconds of the measured window",
    census: "requests of all groups of clients in the measured window",
    censoring: "requests under way at the end of the window are offered and neither served nor failed",
    source: "metrics.md 5.4; orchestrators-a.md 9.4",
    construct: |_| Box::new(Requests::default()),
};

fn seconds(stretch: &TrafficStretch) -> f64 {
    stretch.nanos().max(1) as f64 / 1e9
}

const fn failed(name: &'static str) -> Statistic {
    Statistic::amount(name, "requests", Direction::Lower)
}

#[derive(Clone, Debug, Default)]
struct Requests {
    offered: u64,
    served: u64,
    retries: u64,
    failed: [u64; FailureCause::ALL.len()],
    services: Services,
}

impl Collector for Requests {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Traffic]
    }

    fn traffic(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        self.services.add(stretch, names);
        for flow in &stretch.flows {
            self.offered += flow.offered;
            self.served += flow.succeeded;
            self.retries += flow.retries;
            for (total, own) in self.failed.iter_mut().zip(flow.failed) {
                *total += own;
            }
        }
    }

    fn tables(&self, _end: &RunEnd<'_>, tables: &mut Tables) {
        tables.put(self.services.clone().rows());
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let failed_in_all: u64 = self.failed.iter().sum();
        let ended = self.served + failed_in_all;
        let any = measures(self.offered);
        let count = |count: u64| Reading::new(any.clone().map(|()| count as f64)).over(count);
        let rate = if ended == 0 {
            Err(NO_REQUESTS.to_owned())
        } else {
            Ok(failed_in_all as f64 / ended as f64)
        };
        let secs = end.window_nanos() as f64 / 1e9;
        let per_second = any.clone().and_then(|()| {
            if secs > 0.0 {
                Ok(self.offered as f64 / secs)
            } else {
                Err("the measured window has no length".to_owned())
            }
        });
        values.put(OFFERED, count(self.offered));
        values.put(SERVED, count(self.served));
        values.put(FAILED, count(failed_in_all));
        values.put(ERROR_RATE, Reading::new(rate).over(ended));
        for (cause, own) in FailureCause::ALL.iter().zip(self.failed) {
            values.put(failed(cause.name()), count(own));
        }
        values.put(RETRIES, count(self.retries));
        values.put(PER_SECOND, per_second);
    }
}
