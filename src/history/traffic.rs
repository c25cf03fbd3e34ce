//! Client traffic in the report: rates, failures and latencies over columns of time, and services
//! one by one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use metrics::traffic_totals::keep_profiles;
use model::latencies::Latencies;
use model::traffic::{FlowCounts, LatencyProfile, TrafficNames, TrafficStretch};

use super::SERIES_COLUMNS_MAX;
use super::rounding::to_thousandth;

/// Most groups of clients that are listed one by one.
const LISTED_MAX: usize = 500;

/// Width of the columns at first, in nanoseconds.
const FIRST_WIDTH: i64 = 1_000_000_000;

/// Requests of clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficData {
    /// Width of a column in nanoseconds; the first begins at 0, the last may be shorter.
    pub column_ns: i64,
    /// Requests a second by column, over all services.
    pub offered_per_second: Vec<f64>,
    /// Requests a second that failed for good.
    pub failed_per_second: Vec<f64>,
    /// The median latency of those that were served, in milliseconds; `null` where none was.
    pub p50_ms: Vec<Option<f64>>,
    /// The 99th percentile of it.
    pub p99_ms: Vec<Option<f64>>,
    /// Requests at work over what pods can work on at once, in percent.
    pub saturation_percent: Vec<Option<f64>>,
    /// Groups of clients and services in all; if more than are listed, the others are missing.
    pub total: u64,
    /// Flows from clients to services, with their outcomes over the whole run.
    pub listed: Vec<TrafficEntry>,
}

/// A group of clients and a service that it asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrafficEntry {
    /// The group.
    pub group: String,
    /// The service, as `NAMESPACE/NAME`.
    pub service: String,
    /// Requests that were made.
    pub offered: u64,
    /// Requests that were served.
    pub served: u64,
    /// Requests that failed for good.
    pub failed: u64,
    /// The share of those that ended which failed.
    pub error_rate: Option<f64>,
    /// Latencies of those that were served, in milliseconds.
    pub p50_ms: Option<f64>,
    /// The 90th percentile.
    pub p90_ms: Option<f64>,
    /// The 99th percentile.
    pub p99_ms: Option<f64>,
    /// Rate at which the error budget burns, as a multiple of the allowed rate; `null` without an
    /// objective.
    pub burn: Option<f64>,
}

/// Collected data of a column.
#[derive(Clone, Debug, Default)]
struct Column {
    offered: f64,
    failed: f64,
    worked: f64,
    slots: f64,
    latencies: Latencies,
}

/// Collects it.
#[derive(Clone, Debug)]
pub(super) struct TrafficCollector {
    width: i64,
    columns: Vec<Column>,
    flows: Vec<(FlowCounts, Latencies)>,
    names: TrafficNames,
    profiles: Vec<LatencyProfile>,
}

impl Default for TrafficCollector {
    fn default() -> Self {
        Self {
            width: FIRST_WIDTH,
            columns: Vec::new(),
            flows: Vec::new(),
            names: TrafficNames::default(),
            profiles: Vec::new(),
        }
    }
}

impl TrafficCollector {
    pub(super) fn add(&mut self, stretch: &TrafficStretch, names: &TrafficNames) {
        keep_profiles(&mut self.profiles, names);
        if self.names.flows.len() != names.flows.len() {
            self.names.flows.clone_from(&names.flows);
            self.names.services.clone_from(&names.services);
            let empty = (FlowCounts::default(), Latencies::default());
            self.flows.resize(names.flows.len(), empty);
        }
        for counts in &stretch.flows {
            let (own, latencies) = &mut self.flows[counts.flow as usize];
            own.offered += counts.offered;
            own.succeeded += counts.succeeded;
            own.within += counts.within;
            for (total, count) in own.failed.iter_mut().zip(counts.failed) {
                *total += count;
            }
            latencies.add(&counts.latencies);
        }
        self.add_columns(stretch);
    }

    fn add_columns(&mut self, stretch: &TrafficStretch) {
        let (from, to) = (stretch.from.as_nanos(), stretch.to.as_nanos());
        while to > self.width.saturating_mul(SERIES_COLUMNS_MAX as i64) {
            self.width = self.width.saturating_mul(2);
            self.columns = self.columns.chunks(2).map(join).collect();
        }
        let last = ((to - 1).max(0) / self.width) as usize;
        if self.columns.len() <= last {
            self.columns.resize(last + 1, Column::default());
        }
        let whole = (to - from).max(1) as f64;
        for place in (from / self.width) as usize..=last {
            let begins = (place as i64 * self.width).max(from);
            let ends = ((place as i64 + 1) * self.width).min(to);
            let part = (ends - begins) as f64 / whole;
            let column = &mut self.columns[place];
            let nanos = (ends - begins) as f64;
            column.worked += stretch.in_service * nanos;
            column.slots += stretch.slots * nanos;
            for counts in &stretch.flows {
                column.offered += counts.offered as f64 * part;
                column.failed += counts.failures() as f64 * part;
                if part >= 1.0 {
                    column.latencies.add(&counts.latencies);
                } else {
                    let parts = counts.latencies.iter();
                    let parts: Vec<(u32, u64)> = parts
                        .map(|&(profile, count)| (profile, (count as f64 * part).ceil() as u64))
                        .collect();
                    column.latencies.add(&parts);
                }
            }
        }
    }

    /// Collected data; `None` without traffic.
    pub(super) fn finish(&self, end: i64) -> Option<TrafficData> {
        if self.flows.is_empty() {
            return None;
        }
        let mut data = TrafficData {
            column_ns: self.width,
            total: self.flows.len() as u64,
            ..TrafficData::default()
        };
        for (place, column) in self.columns.iter().enumerate() {
            let begins = place as i64 * self.width;
            let secs = self.width.min(end - begins).max(1) as f64 / 1e9;
            let sorted = column.latencies.sorted(&self.profiles);
            data.offered_per_second
                .push(to_thousandth(column.offered / secs));
            data.failed_per_second
                .push(to_thousandth(column.failed / secs));
            data.p50_ms.push(sorted.percentile(500).map(millis));
            data.p99_ms.push(sorted.percentile(990).map(millis));
            let share = (column.slots > 0.0).then(|| column.worked / column.slots * 100.0);
            data.saturation_percent.push(share.map(to_thousandth));
        }
        data.listed = (self.flows.iter().enumerate())
            .take(LISTED_MAX)
            .map(|(number, (counts, latencies))| self.entry(number, counts, latencies))
            .collect();
        Some(data)
    }

    fn entry(&self, number: usize, counts: &FlowCounts, latencies: &Latencies) -> TrafficEntry {
        let flow = &self.names.flows[number];
        let failed = counts.failures();
        let ended = counts.succeeded + failed;
        let sorted = latencies.sorted(&self.profiles);
        let percentile = |per_mille| sorted.percentile(per_mille).map(millis);
        let share = |part: u64| part as f64 / ended.max(1) as f64;
        let burn = flow
            .objective
            .map(|own| (1.0 - share(counts.within)) / (1.0 - own.share));
        TrafficEntry {
            group: flow.group.to_string(),
            service: self.names.services[flow.service as usize].to_string(),
            offered: counts.offered,
            served: counts.succeeded,
            failed,
            error_rate: (ended > 0).then(|| share(failed)),
            p50_ms: percentile(500),
            p90_ms: percentile(900),
            p99_ms: percentile(990),
            burn: burn.filter(|_| ended > 0).map(to_thousandth),
        }
    }
}

fn join(pair: &[Column]) -> Column {
    let mut all = Column::default();
    for own in pair {
        all.offered += own.offered;
        all.failed += own.failed;
        all.worked += own.worked;
        all.slots += own.slots;
        all.latencies.merge(&own.latencies);
    }
    all
}

fn millis(nanos: i64) -> f64 {
    to_thousandth(nanos as f64 / 1e6)
}

impl TrafficData {
    /// Whether lists that belong together are of one length, and none is longer than it can be.
    pub(super) fn is_sound(&self) -> bool {
        let columns = self.offered_per_second.len();
        columns <= SERIES_COLUMNS_MAX
            && self.column_ns > 0
            && self.failed_per_second.len() == columns
            && [&self.p50_ms, &self.p99_ms, &self.saturation_percent]
                .iter()
                .all(|values| values.len() == columns)
            && self.listed.len() as u64 <= self.total
    }
}
