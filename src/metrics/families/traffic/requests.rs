//! Requests of clients: how many there were, and what became of them (metrics.md 5.4; requests served
//! over offered: orchestrators-a.md 9.4).

use model::traffic::{FailureCause, TrafficNames, TrafficStretch};

use crate::families::traffic::traffic_totals::{NO_REQUESTS, measures};
use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};

/// `requests.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "requests",
    title: Title::new("requests"),
    group: Group::Requests.at(10),
    short_lists: &[ShortList::Headline.at(230, &["error_rate"])],
    summary: "Client requests by outcome.",
    statistics: &[
        Statistic::amount("offered", "requests", Direction::None),
        Statistic::amount("served", "requests", Direction::Higher),
        failed("failed"),
        Statistic::ratio("error_rate", Direction::Lower),
        failed("timeout"),
        failed("refused"),
        failed("no_endpoint"),
        failed("queue_full"),
        failed("error"),
        Statistic::amount("retries", "requests", Direction::Lower),
        Statistic::amount("per_second", "1/s", Direction::None),
    ],
    formula: "counts in W; error_rate: failed over served and failed; timeout, refused, \
              no_endpoint, queue_full, error: failed requests by the cause of the last attempt; \
              retries: attempts beyond the first of each request; per_second: offered over the \
              length of W",
    denominators: "requests that were served or failed; seconds of the measured window",
    census: "requests of all groups of clients in the measured window",
    censoring: "requests under way at the end of the window are offered and neither served nor failed",
    source: "metrics.md 5.4; orchestrators-a.md 9.4",
    construct: |_| Box::new(Requests::default()),
};

const fn failed(name: &'static str) -> Statistic {
    Statistic::amount(name, "requests", Direction::Lower)
}

#[derive(Clone, Debug, Default)]
struct Requests {
    offered: u64,
    served: u64,
    retries: u64,
    failed: [u64; 5],
}

impl Collector for Requests {
    fn hears(&self) -> &'static [Heard] {
        &[Heard::Traffic]
    }

    fn traffic(&mut self, stretch: &TrafficStretch, _names: &TrafficNames) {
        for flow in &stretch.flows {
            self.offered += flow.offered;
            self.served += flow.succeeded;
            self.retries += flow.retries;
            for (total, own) in self.failed.iter_mut().zip(flow.failed) {
                *total += own;
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let id = |name: &str| format!("{}.{name}", ENTRY.subject);
        let failed: u64 = self.failed.iter().sum();
        let ended = self.served + failed;
        let any = measures(self.offered);
        let count = |name: &str, count: u64| {
            MetricValue::new(id(name), any.clone().map(|()| count as f64)).over(count)
        };
        let rate = if ended == 0 {
            Err(NO_REQUESTS.to_owned())
        } else {
            Ok(failed as f64 / ended as f64)
        };
        let secs = end.window_nanos() as f64 / 1e9;
        let per_second = any.clone().and_then(|()| {
            if secs > 0.0 {
                Ok(self.offered as f64 / secs)
            } else {
                Err("the measured window has no length".to_owned())
            }
        });
        let mut values = vec![
            count("offered", self.offered),
            count("served", self.served),
            count("failed", failed),
            MetricValue::new(id("error_rate"), rate).over(ended),
        ];
        let causes = FailureCause::ALL.iter().zip(self.failed);
        values.extend(causes.map(|(cause, own)| count(cause.name(), own)));
        values.push(count("retries", self.retries));
        values.push(MetricValue::new(id("per_second"), per_second));
        values
    }
}
