//! Makespan: from the first submission to the last end (metrics.md 5.2).

use units::{Duration, Instant, plural};

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::jobs::JobRecord;
use crate::record::presentation::{Group, ShortList, Title};
use crate::record::tables::Tables;
use crate::values::{Reading, Statistic, Values};

const TOTAL: Statistic = Statistic::seconds("total");

/// `makespan.total`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "makespan",
    title: Title::new("makespan"),
    group: Group::Work.at(20),
    short_lists: &[
        ShortList::Headline.at(130, &["total", ""]),
        ShortList::Gated.at(80, &["total"]),
        ShortList::Sweep.at(80, &["total"]),
    ],
    series: &[],
    summary: "Time from the first submission to the last end of the measured jobs.",
    statistics: &[TOTAL],
    formula: "max f - min a over the measured jobs; flagged if the last submission lies beyond 90 \
              % of it, because it then mostly measures the arrivals",
    denominators: "none: a difference",
    census: "jobs submitted in the measured window; rejected jobs do not affect max f",
    censoring: "any open job: null with the lower bound",
    source: "metrics.md 5.2, makespan",
    construct: |_| Box::new(Makespan::default()),
};

/// The time before the first submission, of a run in which it is a good part of the measured window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleBefore(pub Duration);

/// Divisor of the measured window; an idle time before the first submission is told from this share on.
const SHARE: i64 = 20;

#[derive(Clone, Debug, Default)]
struct Makespan {
    submits: Option<(Instant, Instant)>,
    last_end: Option<Instant>,
    jobs: u64,
    open: u64,
}

impl Collector for Makespan {
    fn hears(&self) -> &'static [EventKind] {
        &[EventKind::Jobs]
    }

    fn job(&mut self, job: &JobRecord) {
        if !job.measured {
            return;
        }
        let (first, last) = self.submits.unwrap_or((job.submit, job.submit));
        self.submits = Some((first.min(job.submit), last.max(job.submit)));
        self.jobs += 1;
        self.open += u64::from(job.outcome.is_open());
        if job.start.is_some() {
            self.last_end = self.last_end.max(Some(job.end));
        }
    }

    fn tables(&self, end: &RunEnd<'_>, tables: &mut Tables) {
        let Some((first, _)) = self.submits else {
            return;
        };
        let (window, idle) = (end.window, first.since(end.window.from));
        if idle.as_nanos() > (window.to.since(window.from).as_nanos() / SHARE).max(0) {
            tables.put(IdleBefore(idle));
        }
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        if let Some((first, _)) = self.submits.filter(|_| self.open > 0) {
            let least = end.at.since(first).as_secs_f64();
            let reason = format!(
                "{} of {} {} open; at least {least} s",
                self.open,
                plural::count(self.jobs, "job"),
                plural::either(self.open, "is", "are"),
            );
            values.put(TOTAL, Reading::open(reason, Some(least)).over(self.jobs));
            return;
        }
        let value = match (self.submits, self.last_end) {
            (Some((first, _)), Some(last)) => Ok(last.since(first).as_secs_f64()),
            (Some(_), None) => Err("no job started".to_owned()),
            (None, _) => Err("no job to measure".to_owned()),
        };
        let arrivals = self
            .submits
            .map(|(first, last)| last.since(first).as_secs_f64());
        let remark = match (&value, arrivals) {
            (Ok(makespan), Some(arrivals)) if arrivals > 0.9 * makespan => {
                Some("the last submission lies beyond 90 % of it".to_owned())
            }
            _ => None,
        };
        values.put(TOTAL, Reading::new(value).remark(remark).over(self.jobs));
    }
}
