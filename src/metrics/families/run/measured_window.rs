//! The measured window itself, as it turned out.

use crate::record::collector::{Collector, EventKind, RunEnd};
use crate::record::entry::MetricEntry;
use crate::record::presentation::{Group, Title};
use crate::values::{Direction, Reading, Statistic, Values};

const FROM: Statistic = Statistic::amount("from", "s", Direction::None);
const TO: Statistic = Statistic::amount("to", "s", Direction::None);
const LENGTH: Statistic = Statistic::amount("length", "s", Direction::None);

/// `window.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "window",
    title: Title::new("window"),
    group: Group::Others.at(0),
    short_lists: &[],
    series: &[],
    summary: "The measured window: the jobs and the period that all other values cover.",
    statistics: &[FROM, TO, LENGTH],
    formula: "W0, W1 and W1 - W0 in seconds after the start; W0: the end of the warm-up, the \
              submission of the window's first job, or the cut chosen by MSER-5; W1: the end of \
              the run, unless the window ends earlier",
    denominators: "none: instants",
    census: "jobs submitted in [W0, W1) are measured and followed to their end",
    censoring: "none: not an observation",
    source: "metrics.md 5.2, 5.6",
    construct: |_| Box::new(WindowBounds),
};

#[derive(Clone, Copy, Debug)]
struct WindowBounds;

impl Collector for WindowBounds {
    fn hears(&self) -> &'static [EventKind] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>, values: &mut Values) {
        let remark = (end.window_nanos() == 0)
            .then(|| "the window has no length: the run ended before it began".to_owned());
        let mut put = |statistic, secs| {
            values.put(statistic, Reading::new(Ok(secs)).remark(remark.clone()));
        };
        put(FROM, end.window.from.as_secs_f64());
        put(TO, end.window.to.as_secs_f64());
        put(LENGTH, end.window_nanos() as f64 / 1e9);
    }
}
