//! Measured usage of the world, as autoscalers read it: the input of metrics pipelines. A driver
//! shows it to the components that ask for it, just before their step.

use model::{PodRef, ResourceUsage, Text};
use units::Duration;

/// Measurements of the world at an instant. Values other than usage are in thousandths.
///
/// Measurements of a world in which every pod uses half a core:
///
/// ```
/// use cluster::{Store, UsageSamples};
/// use model::{PodRef, Text, ResourceUsage};
///
/// struct HalfACore;
///
/// impl UsageSamples for HalfACore {
///     fn pod(&self, _pod: PodRef) -> Option<ResourceUsage> {
///         Some(ResourceUsage { cpu_milli: 500, memory_bytes: 64 << 20 })
///     }
///
///     fn containers(&self, pod: PodRef) -> Vec<(Text, ResourceUsage)> {
///         self.pod(pod).map(|used| ("main".into(), used)).into_iter().collect()
///     }
/// }
///
/// let pod = Store::new().pods().next();
/// // No limit throttles the pod, so it wants what it uses.
/// assert_eq!(HalfACore.wanted(pod), HalfACore.pod(pod));
/// assert_eq!(HalfACore.pod_metric(pod, "requests_per_second"), None);
/// ```
pub trait UsageSamples {
    /// Usage of a pod; `None` if its processes are not running or its usage is unknown.
    fn pod(&self, pod: PodRef) -> Option<ResourceUsage>;

    /// Usage of a pod if no limit throttled it.
    fn wanted(&self, pod: PodRef) -> Option<ResourceUsage> {
        self.pod(pod)
    }

    /// Mean usage of a pod over the window before: of processors, as memory is measured at an instant.
    fn pod_over(&self, pod: PodRef, window: Duration) -> Option<ResourceUsage> {
        let _ = window;
        self.pod(pod)
    }

    /// Mean usage of each container of a pod over the window before, by name.
    fn containers_over(&self, pod: PodRef, window: Duration) -> Vec<(Text, ResourceUsage)> {
        let _ = window;
        self.containers(pod)
    }

    /// Usage of each container of a pod, by name.
    fn containers(&self, pod: PodRef) -> Vec<(Text, ResourceUsage)>;

    /// A custom metric of a pod.
    fn pod_metric(&self, pod: PodRef, metric: &str) -> Option<i64> {
        let _ = (pod, metric);
        None
    }

    /// A custom metric of an object, by kind, namespace and name.
    fn object_metric(&self, object: (&str, &str, &str), metric: &str) -> Option<i64> {
        let _ = (object, metric);
        None
    }

    /// A metric from outside of the cluster: its series.
    fn external_metric(&self, metric: &str) -> Vec<i64> {
        let _ = metric;
        Vec::new()
    }
}
