//! What the world measures, as autoscalers read it: the input of metrics pipelines. A driver shows
//! it to the components that ask for it, just before their step.

use model::{PodRef, Text, Used};
use units::Duration;

/// Measurements of the world at an instant. Values other than usage are in thousandths.
pub trait UsageSamples {
    /// Usage of a pod; `None` if its processes are not running or its usage is unknown.
    fn pod(&self, pod: PodRef) -> Option<Used>;

    /// Usage of a pod if no limit throttled it.
    fn wanted(&self, pod: PodRef) -> Option<Used> {
        self.pod(pod)
    }

    /// Mean usage of a pod over the window before: of processors, as memory is measured at an instant.
    fn pod_over(&self, pod: PodRef, window: Duration) -> Option<Used> {
        let _ = window;
        self.pod(pod)
    }

    /// Mean usage of each container of a pod over the window before, by name.
    fn containers_over(&self, pod: PodRef, window: Duration) -> Vec<(Text, Used)> {
        let _ = window;
        self.containers(pod)
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
