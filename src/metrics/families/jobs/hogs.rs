//! Concentration of work in few jobs, as the trace study of 2019 reports it: the hogs, the largest
//! hundredth of all jobs, and the squared coefficient of variation (spec: orchestrators-b.md section
//! 5.5).

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::presentation::{Group, Title};
use crate::statistics::concentration::{Concentration, tail_index};
use crate::values::{Direction, Statistic, Values, of_each};
use arrivals::amounts::Kept;
use intake::TraceError;

const TOP_SHARE: Statistic = Statistic::ratio("top_share", Direction::None).only_at_end();
const SQUARED_VARIATION: Statistic =
    Statistic::times("squared_variation", Direction::None).only_at_end();
const TAIL_INDEX: Statistic = Statistic::times("tail_index", Direction::None).only_at_end();
const PARTS: [&str; 2] = ["cpu", "memory"];
const ALL: [Statistic; 6] = of_each(PARTS, [TOP_SHARE, SQUARED_VARIATION, TAIL_INDEX]);

/// The hogs are one job of this number.
const HOGS: usize = 100;

/// `hogs.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "hogs",
    title: Title::new("hogs"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "Share of the largest hundredth of the jobs in all core-hours and byte-hours, and the \
              squared coefficient of variation and the Pareto tail index of what jobs held.",
    statistics: &ALL,
    formula: "x = requests x (end - first start) of a job; top_share: sum of the largest hundredth \
              (rounded up) of x over the sum of x; squared_variation: population variance of x over \
              the square of its mean; tail_index: Hill's estimator over the largest tenth of x, 1 / mean \
              of ln(x / largest x below)",
    denominators: "jobs submitted in the measured window that started",
    census: "jobs that started, whatever became of them",
    censoring: "jobs that are open at the end count up to there",
    source: "orchestrators-b.md 5.5",
    construct: |_| Box::new(Hogs::default()),
};

/// The holdings of jobs, in the order in which they ended. Those of a long run are on disk.
#[derive(Clone, Debug, Default)]
struct Hogs {
    held: Kept<2>,
}

impl Collector for Hogs {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if let Some(held) = job.held().filter(|_| job.measured) {
            self.held.push(held);
        }
    }

    fn finish(&self, _end: &RunEnd<'_>, values: &mut Values) {
        for (place, part) in PARTS.into_iter().enumerate() {
            let found = self.figures(place);
            let (found, index) = found.map_or_else(
                |error| (Err(error.to_string()), Err(error.to_string())),
                |(found, index)| (Ok(found), Ok(index)),
            );
            let known = |value: fn(&Concentration) -> f64| match &found {
                Ok(found) if found.mean > 0.0 => Ok(value(found)),
                Ok(_) => Err("no job held any".to_owned()),
                Err(error) => Err(error.clone()),
            };
            let index = index.and_then(|index| {
                index.ok_or_else(|| {
                    "needs twenty jobs, and different ones among the largest tenth".to_owned()
                })
            });
            values.put(TAIL_INDEX.of(part), index);
            values.put(TOP_SHARE.of(part), known(|found| found.top_share));
            values.put(
                SQUARED_VARIATION.of(part),
                known(|found| found.squared_variation),
            );
        }
    }
}

impl Hogs {
    /// Concentration and tail index of what jobs held of a resource.
    fn figures(&self, place: usize) -> Result<(Concentration, Option<f64>), TraceError> {
        let sorted = self.held.descending(place)?;
        let index = tail_index(self.held.len(), sorted.clone())?;
        let found = Concentration::of_kept(&self.held, place, HOGS, sorted)?;
        Ok((found, index))
    }
}
