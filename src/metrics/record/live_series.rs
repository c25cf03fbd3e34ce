//! Live series: values that a family can tell at any instant of a run, for alert rules.

use model::traffic::{TrafficNames, TrafficStretch};

use crate::record::state::ClusterState;

/// A value that can be read at any instant; an entry of a family lists those of its subject.
#[derive(Clone, Copy, Debug)]
pub struct LiveSeries {
    /// The name in alert rules.
    pub name: &'static str,
    /// Whether the values are times in seconds.
    pub is_time: bool,
    /// The source of the values.
    pub source: SeriesSource,
}

/// The source of a live series. A series without a value at an instant is `None` there.
#[derive(Clone, Copy, Debug)]
pub enum SeriesSource {
    /// The state of the whole cluster.
    Cluster(fn(&ClusterState) -> Option<f64>),
    /// The requests to a service in a stretch of time.
    Service(fn(&TrafficStretch, &TrafficNames) -> Option<f64>),
}

impl LiveSeries {
    /// A series of the whole cluster.
    pub const fn of_cluster(name: &'static str, value: fn(&ClusterState) -> Option<f64>) -> Self {
        Self {
            name,
            is_time: false,
            source: SeriesSource::Cluster(value),
        }
    }

    /// A series of each service.
    pub const fn of_services(
        name: &'static str,
        value: fn(&TrafficStretch, &TrafficNames) -> Option<f64>,
    ) -> Self {
        Self {
            name,
            is_time: false,
            source: SeriesSource::Service(value),
        }
    }

    /// The series as one of times in seconds.
    pub const fn in_seconds(self) -> Self {
        Self {
            is_time: true,
            ..self
        }
    }
}
