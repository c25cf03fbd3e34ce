//! Measured usage as autoscalers read it: the newest values that came in with the inputs.

use cluster::UsageSamples;
use model::{PodRef, ResourceUsage, Text};
use units::SortedMap;

use crate::wire::usage::PodUsage;

/// Usage of pods, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pods: SortedMap<u32, Vec<(Text, ResourceUsage)>>,
}

impl Measured {
    /// The usage that was measured.
    pub(super) fn of(pods: &[PodUsage]) -> Self {
        let containers = |pod: &PodUsage| {
            let containers = pod.containers.iter().map(|container| {
                let used = ResourceUsage {
                    cpu_milli: i64::from(container.cpu_milli),
                    memory_bytes: i64::try_from(container.memory_bytes).unwrap_or(i64::MAX),
                };
                (container.name.as_str().into(), used)
            });
            containers.collect()
        };
        let pods = pods.iter().map(|pod| (pod.pod, containers(pod)));
        Self {
            pods: pods.collect(),
        }
    }
}

impl UsageSamples for Measured {
    fn pod(&self, pod: PodRef) -> Option<ResourceUsage> {
        let containers = self.pods.get(&pod.id.0)?;
        let mut sum = ResourceUsage::default();
        for (_, used) in containers {
            sum.cpu_milli = sum.cpu_milli.saturating_add(used.cpu_milli);
            sum.memory_bytes = sum.memory_bytes.saturating_add(used.memory_bytes);
        }
        Some(sum)
    }

    fn containers(&self, pod: PodRef) -> Vec<(Text, ResourceUsage)> {
        self.pods.get(&pod.id.0).cloned().unwrap_or_default()
    }
}
