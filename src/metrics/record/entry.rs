//! A family of metrics as data.

use crate::record::collector::Collector;
use crate::record::live_series::LiveSeries;
use crate::record::presentation::{Placement, ShortListPlace, Title};
use crate::record::setup::Setup;
use crate::values::Statistic;

/// A family of metrics as data: what `compare`, gates and the manual read.
#[derive(Clone, Copy, Debug)]
pub struct MetricEntry {
    /// First part of its ids.
    pub subject: &'static str,
    /// The title of the family, which titles of its statistics begin with.
    pub title: Title,
    /// The place in the report.
    pub group: Placement,
    /// The places in short lists; most families are in none.
    pub short_lists: &'static [ShortListPlace],
    /// One sentence on what it tells.
    pub summary: &'static str,
    /// The values that alert rules can be about besides the statistics; most families have none.
    pub series: &'static [LiveSeries],
    /// The statistics, in the order in which results list them.
    pub statistics: &'static [Statistic],
    /// Formula.
    pub formula: &'static str,
    /// Denominators of the metric's ratios and means.
    pub denominators: &'static str,
    /// Jobs, pods or nodes that count.
    pub census: &'static str,
    /// Censoring rule for jobs and pods not observed to their end.
    pub censoring: &'static str,
    /// Source of the definition.
    pub source: &'static str,
    /// Makes its collector.
    pub construct: fn(&Setup) -> Box<dyn Collector>,
}

impl MetricEntry {
    /// Ids of the metric with their statistics, in order.
    pub fn ids(&self) -> impl Iterator<Item = (String, &'static Statistic)> {
        let subject = self.subject;
        self.statistics
            .iter()
            .map(move |statistic| (format!("{subject}.{}", statistic.path()), statistic))
    }

    /// The part of an id after the subject, empty for the subject itself; `None` for an id of
    /// another family.
    pub(crate) fn rest_of<'a>(&self, id: &'a str) -> Option<&'a str> {
        let rest = id.strip_prefix(self.subject)?;
        match rest {
            "" => Some(rest),
            rest => rest.strip_prefix('.'),
        }
    }
}
