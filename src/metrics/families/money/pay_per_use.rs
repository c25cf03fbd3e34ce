//! Cost of a run's pods as container tasks that are billed by use, for comparison with the bill of
//! the nodes (orchestrators-a.md 9.7; sizes of tasks: 7.4).

use std::sync::Arc;

use model::{Event, Pod};
use units::{Duration, Instant};

use crate::record::collector::{Change, Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::record::setup::Setup;
use crate::record::setup::economics::{Economics, TaskPrices};
use crate::record::state::{Resource, Row, class_requests};
use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use crate::values::{Direction, Reading, Statistic, Values};

const TOTAL: Statistic = Statistic::amount("total", "currency", Direction::Lower).noise(0.01);
const TASKS: Statistic = Statistic::amount("tasks", "pods", Direction::None);
const TOO_LARGE: Statistic = Statistic::amount("too_large", "pods", Direction::Lower);

/// `pay_per_use.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "pay_per_use",
    title: Title::new("pay per use"),
    group: Group::Money.at(30),
    short_lists: &[],
    series: &[],
    summary: "Cost of the same pods as container tasks billed by the second.",
    statistics: &[TOTAL, TASKS, TOO_LARGE],
    formula: "total: sum over pods of billed time x (cores x price + GiB x price) by \
              `metrics.taskPrices`; amounts: the smallest task size that covers the pod's \
              requests; billed time: from binding until the end of the pod in W, in whole \
              seconds, at least the billing minimum; tasks: pods billed; too_large: pods larger \
              than every size, which are not billed",
    denominators: "none: sums",
    census: "pods that had a node in the measured window",
    censoring: "pods alive at the end are billed until the end",
    source: "orchestrators-a.md 9.7, container task bill; 7.4, sizes",
    construct: |setup| Box::new(PayPerUse::new(setup)),
};

/// Sizes of tasks: thousandths of a core; GiB from, to and by which step, in thousandths.
const SIZES: [(i64, [i64; 3]); 7] = [
    (250, [500, 2_000, 0]),
    (500, [1_000, 4_000, 1_000]),
    (1_000, [2_000, 8_000, 1_000]),
    (2_000, [4_000, 16_000, 1_000]),
    (4_000, [8_000, 30_000, 1_000]),
    (8_000, [16_000, 60_000, 4_000]),
    (16_000, [32_000, 120_000, 8_000]),
];

/// A GiB.
const GIB: i128 = 1 << 30;

/// The size of a task that has so much: thousandths of a core and of a GiB; `None` if none is large
/// enough.
pub fn task_size(cpu_milli: i64, memory_bytes: i64) -> Option<(i64, i64)> {
    let asked = i128::from(memory_bytes.max(0)) * 1_000;
    let asked = i64::try_from((asked + GIB - 1) / GIB).ok()?;
    let mut sizes = SIZES.iter();
    sizes.find_map(|&(cpu, [least, most, step])| {
        if cpu < cpu_milli || most < asked {
            return None;
        }
        let memory = if asked <= least {
            least
        } else if step == 0 {
            // The smallest row doubles.
            if asked <= 1_000 { 1_000 } else { most }
        } else {
            least + (asked - least + step - 1) / step * step
        };
        Some((cpu, memory))
    })
}

/// Price of one second of a task, in thousandths of the prices' millionths per hour.
fn rate(size: (i64, i64), prices: &TaskPrices) -> i128 {
    i128::from(size.0) * i128::from(prices.core_nano_per_hour)
        + i128::from(size.1) * i128::from(prices.gibibyte_nano_per_hour)
}

/// Rates x seconds in one unit of the currency.
const UNIT: f64 = 1e3 * 1e9 * 3.6e3;

/// The seconds of a task that are billed: whole ones, and not too few.
fn billed_secs(length: Duration, prices: &TaskPrices) -> i64 {
    let second = 1_000_000_000;
    let secs = length.as_nanos() / second + i64::from(length.as_nanos() % second > 0);
    secs.max(prices.least_secs)
}

/// Cost of a task of a given size and run time, in the currency.
pub fn task_cost(size: (i64, i64), length: Duration, prices: &TaskPrices) -> f64 {
    let secs = i128::from(billed_secs(length, prices));
    rate(size, prices).saturating_mul(secs) as f64 / UNIT
}

#[derive(Clone, Debug, Default)]
struct PayPerUse {
    economics: Option<Arc<Economics>>,
    bill: Integral,
    tasks: u64,
    too_large: u64,
}

impl PayPerUse {
    fn new(setup: &Setup) -> Self {
        let has_prices = |economics: &&Arc<Economics>| economics.tasks.is_some();
        Self {
            economics: setup.economics.as_ref().filter(has_prices).cloned(),
            ..Self::default()
        }
    }

    /// Bills a pod up to an instant.
    fn bill(&mut self, pod: &Pod, requests: &Row, at: Instant, measured: &MeasuredWindow) {
        let economics = self.economics.clone();
        let Some(prices) = economics
            .as_ref()
            .and_then(|economics| economics.tasks.as_ref())
        else {
            return;
        };
        let span = Span {
            from: pod.bound,
            to: at,
        };
        let Some(span) = measured.clip(span) else {
            return;
        };
        let (cpu, memory) = (
            requests[Resource::Cpu as usize],
            requests[Resource::Memory as usize],
        );
        let Some(size) = task_size(cpu, memory) else {
            self.too_large += 1;
            return;
        };
        self.tasks += 1;
        let length = Duration::from_nanos(span.nanos());
        self.bill
            .add(rate(size, prices), billed_secs(length, prices));
    }
}

impl Collector for PayPerUse {
    fn hears(&self) -> &'static [EventKind] {
        if self.economics.is_some() {
            &[EventKind::Ended]
        } else {
            &[]
        }
    }

    fn event(&mut self, change: &Change<'_>) {
        if let (Event::PodEnded { .. }, Some(pod)) = (change.event, change.pod)
            && pod.phase.holds_node()
        {
            self.bill(pod, change.requests, change.at, change.measured);
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        if self.economics.is_none() {
            let reason = "no task prices are given";
            values.put_undefined(reason);
            return;
        }
        let mut all = self.clone();
        for pod in end.store.pods().iter().filter(|pod| pod.phase.holds_node()) {
            let row = class_requests(end.store, pod.class);
            all.bill(pod, &row, end.at, end.measured);
        }
        let total = all.bill.value().map(|value| value as f64 / UNIT);
        values.put(
            TOTAL,
            total.ok_or_else(|| "price x time is beyond 2^127".to_owned()),
        );
        values.put(TASKS, Reading::count(all.tasks));
        values.put(TOO_LARGE, Reading::count(all.too_large));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;
    use crate::tests::fixture::{Bench, node, spec};
    use model::{EndReason, GpuRequest};

    /// The worked example of orchestrators-a.md 7.4.
    #[test]
    fn sizes_are_those_of_the_example() {
        let gib = |amount: f64| (amount * GIB as f64) as i64;
        for (cpu, memory, expected) in [
            (300, 1.2, Some((500, 2_000))),
            (250, 2.5, Some((500, 3_000))),
            (1_000, 9.0, Some((2_000, 9_000))),
            (4_000, 31.0, Some((8_000, 32_000))),
            (8_000, 17.0, Some((8_000, 20_000))),
            (16_000, 121.0, None),
            (250, 0.7, Some((250, 1_000))),
        ] {
            assert_eq!(task_size(cpu, gib(memory)), expected, "{cpu} {memory}");
        }
    }

    /// The worked example of orchestrators-a.md 9.7: ten seconds are billed as a minute.
    #[test]
    fn bills_are_those_of_the_example() {
        for (cpu, gib, secs, expected) in [
            (250, 0.5, 10, 0.000_206),
            (1_000, 2.0, 600, 0.008_228),
            (4_000, 16.0, 3_600, 0.233_04),
        ] {
            let economics = Economics {
                tasks: Some(TaskPrices {
                    core_nano_per_hour: 40_480_000,
                    gibibyte_nano_per_hour: 4_445_000,
                    least_secs: 60,
                }),
                ..Economics::default()
            };
            let setup = Setup {
                economics: Some(Arc::new(economics)),
                ..Setup::default()
            };
            let mut bench = Bench::new(Recorder::new(&setup));
            bench.add_node(0, node("a", 32_000, 128 << 30, 0));
            let memory = (gib * GIB as f64) as i64;
            let pod = bench.submit(0, &spec(cpu, memory, GpuRequest::default()), None);
            bench.start(5, pod, 0);
            bench.end(5 + secs, pod, EndReason::Completed);
            let metrics = bench.finish(7_200);
            let total = metrics
                .get("pay_per_use.total")
                .and_then(|metric| metric.value);
            assert!(
                total.is_some_and(|total| (total - expected).abs() < 1e-6),
                "{total:?} {expected}"
            );
        }
    }
}
