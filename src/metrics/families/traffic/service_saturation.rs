//! Saturation of services' pods with requests.

use model::traffic::{TrafficNames, TrafficStretch};

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Statistic, Values};

const MEAN: Statistic = Statistic::ratio("mean", Direction::None);
const PEAK: Statistic = Statistic::ratio("peak", Direction::Lower);
const SATURATED_TIME: Statistic = Statistic::amount("saturated_time", "s", Direction::Lower);
const QUEUE_MEAN: Statistic = Statistic::amount("queue_mean", "requests", Direction::Lower);
const QUEUE_PEAK: Statistic = Statistic::amount("queue_peak", "requests", Direction::Lower);

/// `service_saturation.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "service_saturation",
    title: Title::new("service saturation"),
    group: Group::Requests.at(40),
    short_lists: &[],
    series: &[
        LiveSeries::of_services("service_saturation", |stretch, _| {
            (stretch.slots > 0.0).then(|| stretch.in_service / stretch.slots)
        }),
        LiveSeries::of_services("queue_length", |stretch, _| Some(stretch.waiting)),
        LiveSeries::of_services("endpoints", |stretch, _| Some(stretch.endpoints)),
    ],
    summary: "Share of the pods' request slots in use, and requests that queue.",
    statistics: &[MEAN, PEAK, SATURATED_TIME, QUEUE_MEAN, QUEUE_PEAK],
    formula: "mean: integral of slots in use over integral of slots, of all services; \
              peak: the largest share of one service in an interval; saturated_time: time with a \
              share of 95 % or more, summed over services; queue: requests that wait in pods, of \
              all services; queue_peak: the most waiting requests of one service in an interval",
    denominators: "slots of pods that accept requests, over time",
    census: "services that clients call, in the measured window",
    censoring: "none: amounts over time",
    source: "metrics.md 5.4",
    construct: |_| Box::new(Saturation::default()),
};

/// The share from which on a service is saturated.
const SATURATED: f64 = 0.95;

#[derive(Clone, Debug, Default)]
struct Saturation {
    worked: f64,
    slots: f64,
    waited: f64,
    peak: f64,
    queue_peak: f64,
    saturated_nanos: i64,
    any: bool,
}

impl Collector for Saturation {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Traffic]
    }

    fn traffic(&mut self, stretch: &TrafficStretch, _names: &TrafficNames) {
        // Functions run elsewhere.
        if stretch.function.is_some() {
            return;
        }
        let nanos = stretch.nanos();
        self.any = true;
        // Pods that accept no more requests still answer some, without a slot to count them under.
        self.worked += stretch.in_service.min(stretch.slots) * nanos as f64;
        self.slots += stretch.slots * nanos as f64;
        self.waited += stretch.waiting * nanos as f64;
        self.queue_peak = self.queue_peak.max(stretch.waiting);
        if stretch.slots > 0.0 {
            let share = (stretch.in_service / stretch.slots).min(1.0);
            self.peak = self.peak.max(share);
            if share >= SATURATED {
                self.saturated_nanos += nanos;
            }
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let none = || "no client calls a service".to_owned();
        let of = |value: f64| if self.any { Ok(value) } else { Err(none()) };
        let mean = if self.slots > 0.0 {
            Ok(self.worked / self.slots)
        } else {
            Err("no pod accepted requests".to_owned())
        };
        let window = end.window_nanos().max(1) as f64;
        values.put(MEAN, mean);
        values.put(PEAK, of(self.peak));
        values.put(SATURATED_TIME, of(self.saturated_nanos as f64 / 1e9));
        values.put(QUEUE_MEAN, of(self.waited / window));
        values.put(QUEUE_PEAK, of(self.queue_peak));
    }
}
