//! Record of client traffic: callers and callees, and the outcomes of the requests of a stretch of
//! time. Counts are whole requests and add up: offered are those that succeeded, failed or are
//! still under way.

use std::sync::Arc;

use super::Text;
use units::{Duration, Instant};

/// Reason a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureCause {
    /// The client waited no longer.
    Timeout,
    /// No process listened at the address.
    Refused,
    /// The service had no endpoint, or no rule led to one.
    NoEndpoint,
    /// The queue of the pod was full.
    QueueFull,
    /// The pod answered with an error.
    Error,
    /// The volume that the pod keeps its data on was lost or out of reach.
    NoVolume,
}

impl FailureCause {
    /// Every one, each at its own number.
    pub const ALL: [Self; 6] = [
        Self::Timeout,
        Self::Refused,
        Self::NoEndpoint,
        Self::QueueFull,
        Self::Error,
        Self::NoVolume,
    ];

    /// Name of the failure cause.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::NoEndpoint => "no_endpoint",
            Self::QueueFull => "queue_full",
            Self::Error => "error",
            Self::NoVolume => "no_volume",
        }
    }
}

/// Placeholder service for requests without a matching rule.
pub const NOWHERE: &str = "no rule";

/// Latency objective of clients for a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyObjective {
    /// Requests are to be answered within this.
    pub latency: Duration,
    /// Least share of the requests that must be as fast, 1 being all.
    pub share: f64,
}

/// A group of clients and a service that it asks.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// The group.
    pub group: Text,
    /// The service, by its number in [`TrafficNames::services`].
    pub service: u32,
    /// Latency objective of the flow's clients.
    pub objective: Option<LatencyObjective>,
}

/// Latency of requests that are alike: values with their weights, which sum to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct LatencyProfile {
    /// Latencies in nanoseconds, ascending, each with its part.
    pub points: Arc<[(i64, f64)]>,
}

/// Names behind the numbers in traffic intervals. The list only grows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrafficNames {
    /// Services as `NAMESPACE/NAME`; requests that no rule leads to one are those of [`NOWHERE`].
    pub services: Vec<Text>,
    /// Flows from client groups to services.
    pub flows: Vec<Flow>,
    /// Latency profiles of requests.
    pub profiles: Vec<LatencyProfile>,
    /// Whether latencies stand for ranges: they are then right to 2 %.
    pub is_aggregated: bool,
}

/// Outcomes of the requests of a flow within an interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// The flow, by its number.
    pub flow: u32,
    /// Requests that clients made; trying again is no new request.
    pub offered: u64,
    /// Times that they tried again.
    pub retries: u64,
    /// Requests that were answered well.
    pub succeeded: u64,
    /// Served requests within the objective's latency; all of them without an objective.
    pub within: u64,
    /// Requests that failed for good, by [`FailureCause`] of the last try.
    pub failed: [u64; FailureCause::ALL.len()],
    /// Latencies of the requests that succeeded: profiles with counts.
    pub latencies: Vec<(u32, u64)>,
}

impl FlowCounts {
    /// Requests that failed for good.
    pub fn failures(&self) -> u64 {
        self.failed.iter().sum()
    }
}

/// Activity of a function within an interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FunctionCounts {
    /// Requests that an instance took, by when it began.
    pub invocations: u64,
    /// Invocations for which an instance was started.
    pub cold_starts: u64,
    /// Tries that were turned away.
    pub throttled: u64,
    /// Instances that began, provisioned ones included.
    pub instances: u64,
    /// Billed amount of the invocations: MiB of memory x whole milliseconds.
    pub billed_mib_ms: u128,
    /// Billed amount of provisioned instances, busy or idle, in the same unit.
    pub provisioned_mib_ms: u128,
}

impl FunctionCounts {
    /// An invocation of an instance with so much memory, as it is billed: in whole milliseconds, rounded
    /// up.
    pub fn invoked(&mut self, memory_mib: u64, length: Duration) {
        let millis = (length.as_nanos().max(0) as u64).div_ceil(1_000_000);
        self.invocations += 1;
        self.billed_mib_ms += u128::from(memory_mib) * u128::from(millis);
    }
}

/// Outcomes of a service's requests within a time interval, and the load of its pods.
#[derive(Clone, Debug, PartialEq)]
pub struct TrafficStretch {
    /// The service, by its number.
    pub service: u32,
    /// Beginning of the stretch.
    pub from: Instant,
    /// End of the stretch.
    pub to: Instant,
    /// Requests by flow.
    pub flows: Vec<FlowCounts>,
    /// Pods that take requests, on average.
    pub endpoints: f64,
    /// Requests that are worked on, on average.
    pub in_service: f64,
    /// Requests that could be worked on at once, on average.
    pub slots: f64,
    /// Requests that wait in pods, on average.
    pub waiting: f64,
    /// Tries that reached a pod, those included whose client has given up.
    pub tries: u64,
    /// Further activity, if the service is a function.
    pub function: Option<FunctionCounts>,
}

impl TrafficStretch {
    /// The interval's length in nanoseconds.
    pub const fn nanos(&self) -> i64 {
        self.to.since(self.from).as_nanos()
    }
}
