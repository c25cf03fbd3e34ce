//! Observations of a pass of the horizontal autoscaler: the target's replicas, the pods of its
//! selector and the metrics of the three metrics APIs.

use super::MetricIdentifier;
use model::Text;
use units::{Duration, Instant, SortedMap};

/// A pod that the target's selector matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedPod {
    /// The pod's name; samples are found by it.
    pub name: Text,
    /// The pod's phase.
    pub phase: Phase,
    /// Marks a pod that is being deleted.
    pub is_deleting: bool,
    /// Instant at which the agent of the pod's node acknowledged it; `None` before.
    pub started: Option<Instant>,
    /// The pod's Ready condition; `None` if it has none yet.
    pub ready: Option<ReadyCondition>,
    /// Requests of the containers, sidecars included.
    pub containers: Vec<ContainerRequests>,
    /// Requests of the pod together, in thousandths, if any are stated for it as a whole.
    pub whole: Option<SortedMap<Text, i64>>,
}

/// The phases of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Accepted, not all containers run yet.
    Pending,
    /// Bound and started.
    Running,
    /// All containers ended well.
    Succeeded,
    /// All containers ended, one of them badly.
    Failed,
}

/// A Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadyCondition {
    /// The condition's status.
    pub status: Readiness,
    /// Instant of the status's last change; `None` is before all time.
    pub changed: Option<Instant>,
}

/// The status of a Ready condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Ready.
    True,
    /// Not ready.
    False,
}

/// Requests of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerRequests {
    /// The container's name.
    pub name: Text,
    /// Marks a restartable init container.
    pub is_sidecar: bool,
    /// Amounts by resource, in thousandths (milli-cores, milli-bytes).
    pub requests: SortedMap<Text, i64>,
}

/// A metric's value for one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PodSample {
    /// The value, in thousandths.
    pub value: i64,
    /// The end of the window it was measured over.
    pub at: Instant,
    /// The window's length.
    pub window: Duration,
}

/// Samples by pod.
pub type PodSamples = SortedMap<Text, PodSample>;

/// The metrics APIs. An error is what the API said, as `no metrics returned`.
///
/// A source that knows the length of one queue outside of the cluster:
///
/// ```
/// use autoscale::horizontal::{MetricIdentifier, MetricSource, NO_METRICS, ObjectRef, PodSamples};
///
/// struct QueueLength(i64);
///
/// impl MetricSource for QueueLength {
///     fn resource(&self, _: &str, _: Option<&str>) -> Result<PodSamples, String> {
///         Err(NO_METRICS.to_owned())
///     }
///
///     fn pods(&self, _: &MetricIdentifier) -> Result<PodSamples, String> {
///         Err(NO_METRICS.to_owned())
///     }
///
///     fn object(&self, _: &MetricIdentifier, _: &ObjectRef) -> Result<i64, String> {
///         Err(NO_METRICS.to_owned())
///     }
///
///     fn external(&self, metric: &MetricIdentifier) -> Result<Vec<i64>, String> {
///         match &*metric.name {
///             "queue_length" => Ok(vec![self.0 * 1_000]),
///             _ => Err(NO_METRICS.to_owned()),
///         }
///     }
/// }
///
/// let metric = MetricIdentifier { name: "queue_length".into(), selector: None };
/// assert_eq!(QueueLength(12).external(&metric), Ok(vec![12_000]));
/// ```
pub trait MetricSource {
    /// Usage of a resource, by pod; of one container if named.
    fn resource(&self, resource: &str, container: Option<&str>) -> Result<PodSamples, String>;

    /// A custom metric, by pod.
    fn pods(&self, metric: &MetricIdentifier) -> Result<PodSamples, String>;

    /// A custom metric of one object, in thousandths.
    fn object(&self, metric: &MetricIdentifier, object: &super::ObjectRef) -> Result<i64, String>;

    /// An external metric: the values of its series, in thousandths.
    fn external(&self, metric: &MetricIdentifier) -> Result<Vec<i64>, String>;
}

/// Message of the API for a missing value.
pub const NO_METRICS: &str = "no metrics returned";

/// The target as it is seen.
#[derive(Clone, Copy, Debug)]
pub struct TargetObservation<'a> {
    /// The replicas that its specification states.
    pub spec_replicas: i32,
    /// The replicas that its status counts.
    pub status_replicas: i32,
    /// The pods of its selector.
    pub pods: &'a [ObservedPod],
    /// Names of the autoscalers whose selectors match any of those pods, this one's among them; several
    /// scale by no metric.
    pub rivals: &'a [Text],
}
