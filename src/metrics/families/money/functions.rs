//! Functions that are paid by use: how many requests they took, how many of them cold, and the bill
//! (orchestrators-a.md 9.7). The bill of the nodes stands beside it (`cost.total`).

use std::sync::Arc;

use model::traffic::{FunctionCounts, TrafficNames, TrafficStretch};

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::setup::economics::{Economics, FunctionPrices};
use crate::values::{Direction, Reading, Statistic, Values};

const INVOCATIONS: Statistic = Statistic::amount("invocations", "requests", Direction::None);
const COLD_STARTS: Statistic = Statistic::ratio("cold_starts", Direction::Lower);
const THROTTLED: Statistic = Statistic::amount("throttled", "requests", Direction::Lower);
const INSTANCES: Statistic = Statistic::amount("instances", "instances", Direction::Lower);
const GIBIBYTE_SECONDS: Statistic =
    Statistic::amount("gibibyte_seconds", "GiB s", Direction::Lower);
const COST: Statistic = Statistic::amount("cost", "currency", Direction::Lower).noise(0.01);
const PER_MILLION_REQUESTS: Statistic =
    Statistic::amount("per_million_requests", "currency", Direction::Lower).noise(0.01);

/// `functions.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "functions",
    title: Title::new("functions"),
    group: Group::Money.at(40),
    short_lists: &[ShortList::Headline.at(220, &["cost"])],
    series: &[],
    summary: "Requests to functions, cold starts, and the cost of functions at pay-per-use prices.",
    statistics: &[
        INVOCATIONS,
        COLD_STARTS,
        THROTTLED,
        INSTANCES,
        GIBIBYTE_SECONDS,
        COST,
        PER_MILLION_REQUESTS,
    ],
    formula: "invocations: attempts that an instance accepted; cold_starts: the share of them for \
              which an instance was started; throttled: attempts rejected because of the limits; \
              instances: instances started, provisioned ones included; gibibyte_seconds: memory x \
              whole milliseconds of each invocation, rounded up; cost, by \
              `metrics.functionPrices`: for each month of 30 days of W, GiB s and invocations \
              beyond the free ones x their prices, plus provisioned GiB s x their price; \
              per_million_requests: cost over invocations x 1,000,000",
    denominators: "invocations",
    census: "attempts of all client groups that call functions, by the time at which an instance \
        accepted them, in W",
    censoring: "an invocation under way at the end is billed in full",
    source: "orchestrators-a.md 9.7, function bill",
    construct: |setup| Box::new(Functions::new(setup.economics.as_ref())),
};

/// A month of a bill: 30 days.
const MONTH: i64 = 30 * 86_400 * 1_000_000_000;

/// MiB x milliseconds in a GiB x second.
const GIB_SECOND: f64 = 1_024.0 * 1_000.0;

/// Billionths of a thousandth in one.
const PICO: f64 = 1e12;

/// Bill of one month.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FunctionBill {
    /// Memory x time, free ones included.
    pub gib_seconds: f64,
    /// Cost of memory x time.
    pub compute: f64,
    /// Cost of requests.
    pub requests: f64,
}

impl FunctionBill {
    /// Total cost.
    pub fn total(&self) -> f64 {
        self.compute + self.requests
    }
}

/// The bill of a month.
pub fn function_bill(counts: &FunctionCounts, prices: &FunctionPrices) -> FunctionBill {
    let free = u128::from(prices.free_gib_seconds) * 1_024 * 1_000;
    let cost = |mib_ms: u128, pico: u64| mib_ms as f64 / GIB_SECOND * pico as f64 / PICO;
    let paid = counts.billed_mib_ms.saturating_sub(free);
    let requests = counts.invocations.saturating_sub(prices.free_requests);
    FunctionBill {
        gib_seconds: counts.billed_mib_ms as f64 / GIB_SECOND,
        compute: cost(paid, prices.gib_second_pico)
            + cost(
                counts.provisioned_mib_ms,
                prices.provisioned_gib_second_pico,
            ),
        requests: requests as f64 * prices.request_pico as f64 / PICO,
    }
}

#[derive(Clone, Debug, Default)]
struct Functions {
    prices: Option<FunctionPrices>,
    /// By month of the measured window.
    months: Vec<FunctionCounts>,
    /// Beginning of the window.
    since: Option<i64>,
}

impl Functions {
    fn new(economics: Option<&Arc<Economics>>) -> Self {
        Self {
            prices: economics.and_then(|economics| economics.functions),
            ..Self::default()
        }
    }
}

fn add(sum: &mut FunctionCounts, own: &FunctionCounts) {
    sum.invocations += own.invocations;
    sum.cold_starts += own.cold_starts;
    sum.throttled += own.throttled;
    sum.instances += own.instances;
    sum.billed_mib_ms += own.billed_mib_ms;
    sum.provisioned_mib_ms += own.provisioned_mib_ms;
}

impl Collector for Functions {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Traffic]
    }

    fn traffic(&mut self, stretch: &TrafficStretch, _names: &TrafficNames) {
        let Some(own) = &stretch.function else {
            return;
        };
        let from = stretch.from.as_nanos();
        let since = *self.since.get_or_insert(from);
        let month = usize::try_from((from - since) / MONTH).unwrap_or(0);
        if self.months.len() <= month {
            self.months.resize(month + 1, FunctionCounts::default());
        }
        add(&mut self.months[month], own);
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        if self.months.is_empty() {
            values.put_undefined("no client calls a function");
            return;
        }
        let mut all = FunctionCounts::default();
        for month in &self.months {
            add(&mut all, month);
        }
        let any = |value: f64| {
            if all.invocations == 0 {
                Err("no function accepted a request".to_owned())
            } else {
                Ok(value / all.invocations as f64)
            }
        };
        let no_prices = "no function prices are given";
        let cost = self.prices.map(|prices| {
            let bills = self.months.iter();
            bills
                .map(|own| function_bill(own, &prices).total())
                .sum::<f64>()
        });
        let cost = cost.ok_or_else(|| no_prices.to_owned());
        let each = cost.clone().and_then(|cost| any(cost * 1e6));
        values.put(INVOCATIONS, Reading::count(all.invocations));
        values.put(
            COLD_STARTS,
            Reading::new(any(all.cold_starts as f64)).over(all.invocations),
        );
        values.put(THROTTLED, Reading::count(all.throttled));
        values.put(INSTANCES, Reading::count(all.instances));
        values.put(GIBIBYTE_SECONDS, Ok(all.billed_mib_ms as f64 / GIB_SECOND));
        values.put(COST, cost);
        values.put(
            PER_MILLION_REQUESTS,
            Reading::new(each).over(all.invocations),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::setup::Setup;
    use crate::recorder::Recorder;
    use crate::tests::fixture::Bench;
    use units::Instant;

    fn prices() -> FunctionPrices {
        FunctionPrices {
            gib_second_pico: 16_666_700,
            request_pico: 200_000,
            provisioned_gib_second_pico: 4_166_700,
            free_gib_seconds: 400_000,
            free_requests: 1_000_000,
        }
    }

    fn counts(invocations: u64, memory_mib: u64, millis: u64) -> FunctionCounts {
        FunctionCounts {
            invocations,
            billed_mib_ms: u128::from(invocations * memory_mib) * u128::from(millis),
            ..FunctionCounts::default()
        }
    }

    /// The worked example of orchestrators-a.md 9.7.
    #[test]
    fn bills_are_those_of_the_example() {
        for (requests, memory, millis, compute, all) in [
            (3_000_000, 512, 1_000, 18.33, 18.73),
            (30_000_000, 128, 200, 5.83, 11.63),
            (1_000_000, 128, 50, 0.0, 0.0),
        ] {
            let own = function_bill(&counts(requests, memory, millis), &prices());
            assert!((own.compute - compute).abs() < 0.005, "{own:?}");
            assert!((own.total() - all).abs() < 0.005, "{own:?}");
        }
    }

    #[test]
    fn what_is_free_is_free_each_month() {
        let economics = Economics {
            functions: Some(prices()),
            ..Economics::default()
        };
        let setup = Setup {
            economics: Some(Arc::new(economics)),
            ..Setup::default()
        };
        let mut bench = Bench::new(Recorder::new(&setup));
        let names = TrafficNames {
            services: vec!["Function/resize".into()],
            ..TrafficNames::default()
        };
        let day = 86_400;
        for from in [0, 31 * day] {
            let stretch = TrafficStretch {
                service: 0,
                from: Instant::from_secs(from),
                to: Instant::from_secs(from + day),
                flows: Vec::new(),
                endpoints: 1.0,
                in_service: 0.0,
                slots: 1_000.0,
                waiting: 0.0,
                tries: 0,
                function: Some(counts(3_000_000, 512, 1_000)),
            };
            cluster::Observer::traffic(&mut bench.recorder, &stretch, &names);
        }
        let metrics = bench.finish(40 * day);
        let value = |id: &str| metrics.get(id).and_then(|metric| metric.value);
        assert_eq!(value("functions.invocations"), Some(6_000_000.0));
        assert_eq!(value("functions.gibibyte_seconds"), Some(3_000_000.0));
        let cost = value("functions.cost").expect("there are prices");
        assert!((cost - 2.0 * 18.733_37).abs() < 1e-4, "{cost}");
    }
}
