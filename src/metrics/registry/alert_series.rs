//! The values that alert rules can be about: the live series of all families, and every metric as
//! its value over the measured window so far.

use super::{REGISTRY, find};
use crate::alerts::RuleSubject;
use crate::record::entry::MetricEntry;
use crate::record::live_series::{LiveSeries, SeriesSource};

/// The source of the values of an alert rule.
#[derive(Clone, Copy, Debug)]
pub enum AlertSeries {
    /// A live series of a family.
    Live(LiveSeries),
    /// A metric: its family, and the place of the statistic in it.
    Metric {
        /// The subject of the family.
        subject: &'static str,
        /// The place of the statistic among those of the family.
        place: usize,
        /// Whether the values are times.
        is_time: bool,
    },
}

impl AlertSeries {
    /// The series of a name; a live series goes before the metric of the same name.
    pub fn of(name: &str) -> Option<Self> {
        let live = live_series().find(|series| series.name == name);
        let metric = || {
            let (entry, statistic) = find(name)?;
            let place = entry.statistics.iter().position(|own| own == statistic)?;
            let series = Self::Metric {
                subject: entry.subject,
                place,
                is_time: statistic.unit == "s",
            };
            (!statistic.only_at_end).then_some(series)
        };
        live.map(Self::Live).or_else(metric)
    }

    /// The source of a live series.
    pub const fn live(self) -> Option<SeriesSource> {
        match self {
            Self::Live(series) => Some(series.source),
            Self::Metric { .. } => None,
        }
    }

    /// Whether the values are times.
    pub const fn is_time(self) -> bool {
        match self {
            Self::Live(series) => series.is_time,
            Self::Metric { is_time, .. } => is_time,
        }
    }

    /// Subject of a rule about the series.
    pub const fn about(self) -> RuleSubject {
        match self {
            Self::Live(series) => match series.source {
                SeriesSource::Cluster(_) => RuleSubject::Cluster,
                SeriesSource::Service(_) => RuleSubject::Services,
            },
            Self::Metric { .. } => RuleSubject::Metric,
        }
    }
}

/// The live series of all families: those of the whole cluster, then those of services.
pub fn live_series() -> impl Iterator<Item = LiveSeries> {
    let of = |of_cluster: bool| {
        let all = REGISTRY.iter().flat_map(|entry| entry.series);
        all.filter(move |own| matches!(own.source, SeriesSource::Cluster(_)) == of_cluster)
    };
    of(true).chain(of(false)).copied()
}

/// Every name that a rule can be about.
pub fn alert_names() -> Vec<String> {
    let mut all: Vec<String> = live_series().map(|own| own.name.to_owned()).collect();
    let metrics = REGISTRY.iter().flat_map(MetricEntry::ids);
    for (id, statistic) in metrics {
        if !statistic.only_at_end && !all.contains(&id) {
            all.push(id);
        }
    }
    all
}
