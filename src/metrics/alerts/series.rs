//! What alert rules can be about: series of the whole cluster, series of services, and every metric of
//! the registry, as its value over the measured window so far.

use model::latencies::Latencies;
use model::traffic::{FlowCounts, TrafficNames, TrafficStretch};

use crate::record::registry;
use crate::record::state::{ClusterState, Resource};

/// Name of a series of the whole cluster, and its value; `None` if there is none.
type ClusterSeries = (&'static str, fn(&ClusterState) -> Option<f64>);

/// Name of a series of a service, and its value.
type ServiceSeries = (
    &'static str,
    fn(&TrafficStretch, &TrafficNames) -> Option<f64>,
);

/// The series of the whole cluster that rules can be about.
pub const CLUSTER_SERIES: &[ClusterSeries] = &[
    ("pods.pending", |state| Some(state.pending as f64)),
    ("pods.running", |state| Some(state.running as f64)),
    ("nodes.up", |state| Some(state.nodes_up as f64)),
    ("allocation.cpu", |state| share(state, Resource::Cpu)),
    ("allocation.memory", |state| share(state, Resource::Memory)),
    ("allocation.gpu", |state| share(state, Resource::Gpu)),
];

/// The series of services that rules can be about.
pub const SERVICE_SERIES: &[ServiceSeries] = &[
    ("requests.per_second", |stretch, _| {
        let offered: u64 = stretch.flows.iter().map(|flow| flow.offered).sum();
        Some(offered as f64 / secs(stretch))
    }),
    ("requests.error_rate", |stretch, _| {
        let failed: u64 = stretch.flows.iter().map(FlowCounts::failures).sum();
        let served: u64 = stretch.flows.iter().map(|flow| flow.succeeded).sum();
        (served + failed > 0).then(|| failed as f64 / (served + failed) as f64)
    }),
    ("requests.retries", |stretch, _| {
        let retries: u64 = stretch.flows.iter().map(|flow| flow.retries).sum();
        Some(retries as f64 / secs(stretch))
    }),
    ("latency.p50", |stretch, names| {
        percentile(stretch, names, 500)
    }),
    ("latency.p90", |stretch, names| {
        percentile(stretch, names, 900)
    }),
    ("latency.p99", |stretch, names| {
        percentile(stretch, names, 990)
    }),
    ("service_saturation", |stretch, _| {
        (stretch.slots > 0.0).then(|| stretch.in_service / stretch.slots)
    }),
    ("queue_length", |stretch, _| Some(stretch.waiting)),
    ("endpoints", |stretch, _| Some(stretch.endpoints)),
];

fn share(state: &ClusterState, resource: Resource) -> Option<f64> {
    let of = resource as usize;
    let (part, whole) = (state.allocated.0[of], state.capacity.0[of]);
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn secs(stretch: &TrafficStretch) -> f64 {
    stretch.nanos().max(1) as f64 / 1e9
}

fn percentile(stretch: &TrafficStretch, names: &TrafficNames, per_mille: u32) -> Option<f64> {
    let mut all = Latencies::default();
    for flow in &stretch.flows {
        all.add(&flow.latencies);
    }
    let nanos = all.sorted(&names.profiles).percentile(per_mille)?;
    Some(nanos as f64 / 1e9)
}

/// Where the values of a series come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The state of the cluster, by the place in [`CLUSTER_SERIES`].
    Cluster(usize),
    /// Series of a service, by its position in [`SERVICE_SERIES`].
    Service(usize),
    /// A metric of the registry: its family, and the place of the statistic in it.
    Metric(&'static str, usize),
}

impl Kind {
    /// The one of a name.
    pub fn of(name: &str) -> Option<Self> {
        let cluster = CLUSTER_SERIES.iter().position(|(own, _)| *own == name);
        let cluster = cluster.map(Self::Cluster);
        let service = || {
            let place = SERVICE_SERIES.iter().position(|(own, _)| *own == name);
            place.map(Self::Service)
        };
        let metric = || {
            let (entry, statistic) = registry::find(name)?;
            let place = entry.statistics.iter().position(|own| own == statistic)?;
            // What alerts came to is known at the end.
            let is_fine = entry.subject != super::ENTRY.subject;
            is_fine.then_some(Self::Metric(entry.subject, place))
        };
        cluster.or_else(service).or_else(metric)
    }

    /// Whether its values are times.
    pub fn is_time(self, name: &str) -> bool {
        match self {
            Self::Cluster(_) => false,
            Self::Service(_) => name.starts_with("latency."),
            Self::Metric(..) => registry::find(name).is_some_and(|(_, own)| own.unit == "s"),
        }
    }
}

/// Every name that a rule can be about.
pub fn names() -> Vec<String> {
    let cluster = CLUSTER_SERIES.iter().map(|(name, _)| (*name).to_owned());
    let services = SERVICE_SERIES.iter().map(|(name, _)| (*name).to_owned());
    let metrics = registry::REGISTRY.iter();
    let metrics = metrics.filter(|entry| entry.subject != super::ENTRY.subject);
    let metrics = metrics.flat_map(|entry| entry.ids().map(|(id, _)| id));
    let mut all: Vec<String> = cluster.chain(services).collect();
    all.extend(metrics.filter(|id| !all.contains(id)).collect::<Vec<_>>());
    all
}
