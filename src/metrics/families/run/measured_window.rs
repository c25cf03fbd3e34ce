//! The measured window itself, as it turned out.

use crate::record::collector::{Collector, Heard, MetricValue, RunEnd};
use crate::record::presentation::{Group, Title};
use crate::record::registry::{Direction, MetricEntry, Statistic};

/// `window.*`.
pub const ENTRY: MetricEntry = MetricEntry {
    subject: "window",
    title: Title::new("window"),
    group: Group::Others.at(0),
    short_lists: &[],
    summary: "The measured window: the jobs and the period that all other values cover.",
    statistics: &[
        Statistic::amount("from", "s", Direction::None),
        Statistic::amount("to", "s", Direction::None),
        Statistic::amount("length", "s", Direction::None),
    ],
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
    fn hears(&self) -> &'static [Heard] {
        &[]
    }

    fn finish(&self, end: &RunEnd<'_>) -> Vec<MetricValue> {
        let remark = (end.window_nanos() == 0)
            .then(|| "the window has no length: the run ended before it began".to_owned());
        [
            ("from", end.window.from.as_secs_f64()),
            ("to", end.window.to.as_secs_f64()),
            ("length", end.window_nanos() as f64 / 1e9),
        ]
        .into_iter()
        .map(|(name, secs)| {
            MetricValue::new(format!("window.{name}"), Ok(secs)).remark(remark.clone())
        })
        .collect()
    }
}
