//! Measured usage of the world, as autoscalers read it: the input of metrics pipelines. A driver
//! shows it to the components that ask for it, just before their step.

use model::{PodRef, Text, Used};

/// Measurements of the world at an instant. Values other than usage are in thousandths.
///
/// Measurements of a world in which every pod uses half a core:
///
/// ```
/// use cluster::{Store, UsageSamples};
/// use model::{PodRef, Text, Used};
///
/// struct HalfACore;
///
/// impl UsageSamples for HalfACore {
///     fn pod(&self, _pod: PodRef) -> Option<Used> {
///         Some(Used { cpu_milli: 500, memory_bytes: 64 << 20 })
///     }
///
///     fn containers(&self, pod: PodRef) -> Vec<(Text, Used)> {
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
    fn pod(&self, pod: PodRef) -> Option<Used>;

    /// Usage of a pod if no limit throttled it.
    fn wanted(&self, pod: PodRef) -> Option<Used> {
        self.pod(pod)
    }

    /// Usage of each container of a pod, by name.
    fn containers(&self, pod: PodRef) -> Vec<(Text, Used)>;

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
