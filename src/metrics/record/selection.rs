//! Classes of pods and workloads that are measured by themselves beside all others.

use model::PodSpec;
use units::SortedMap;

use crate::record::workloads::WorkloadPattern;

/// A class of pods: all that have these properties, or those of some workloads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The name, which follows the ids of the metrics.
    pub name: String,
    /// The namespace; any if there is none.
    pub namespace: Option<String>,
    /// Labels that a pod of the class has.
    pub labels: SortedMap<String, String>,
    /// The lowest priority of the class.
    pub min_priority: Option<i32>,
    /// The highest priority of the class.
    pub max_priority: Option<i32>,
    /// The workloads that the class is about; a class of workloads has no other property.
    pub workload: Option<WorkloadPattern>,
}

impl Selection {
    /// Whether the pods of an object, given by kind, namespace and name, belong to the class.
    pub fn has_pods_of(&self, kind: &str, path: &str, spec: &PodSpec) -> bool {
        match &self.workload {
            Some(pattern) => pattern.is_of(kind, path),
            None => self.has(spec),
        }
    }

    /// Whether a pod belongs to the class.
    pub fn has(&self, spec: &PodSpec) -> bool {
        let namespace = self.namespace.as_deref();
        let mut labels = self.labels.iter();
        namespace.is_none_or(|namespace| namespace == &*spec.namespace)
            && labels.all(|(key, value)| {
                let found = spec.labels.get(key.as_str());
                found.is_some_and(|found| **found == **value)
            })
            && self.min_priority.is_none_or(|least| spec.priority >= least)
            && self.max_priority.is_none_or(|most| spec.priority <= most)
    }
}
