//! A `VerticalPodAutoscaler`: how much the pods of a workload ask for (spec: kubernetes.md 3.2).

use super::ObjectRef;
use crate::finding::{Finding, Findings, Problem};
use crate::{ResourceUsage, Text};
use serde::{Deserialize, Serialize};
use units::SortedMap;

/// The policy of containers that have none of their own.
pub const EVERY_CONTAINER: &str = "*";

/// A `VerticalPodAutoscaler`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VerticalPodAutoscaler {
    /// The autoscaler's namespace.
    pub namespace: Text,
    /// The autoscaler's name.
    pub name: Text,
    /// Workload whose pods are sized.
    pub target: ObjectRef,
    /// Condition under which pods get what is recommended.
    pub mode: UpdateMode,
    /// The fewest replicas at which pods are evicted.
    pub min_replicas: Option<i32>,
    /// Policies of the containers, by name.
    pub policies: SortedMap<Text, ContainerPolicy>,
    /// Last recommendations, by container.
    pub recommended: SortedMap<Text, ContainerRecommendation>,
}

/// Condition under which pods get what is recommended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UpdateMode {
    /// Never: it is only shown.
    Off,
    /// Pods get it when they are created.
    Initial,
    /// Pods get it when they are created, and those that are off by much are evicted.
    #[default]
    Recreate,
    /// Pods get it when they are created, and those that are off by much are resized where they run; whoever
    /// can't be is evicted.
    InPlaceOrRecreate,
    /// Pods get it when they are created, and those that are off by much are resized where they run; whoever
    /// can't be stays as it is.
    InPlace,
}

impl UpdateMode {
    /// The mode of a name in manifests.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Off" => Self::Off,
            "Initial" => Self::Initial,
            "Auto" | "Recreate" => Self::Recreate,
            "InPlaceOrRecreate" => Self::InPlaceOrRecreate,
            "InPlace" => Self::InPlace,
            _ => return None,
        })
    }
}

/// Recommendation for a container; 0 of a resource that is left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerRecommendation {
    /// The request it should have.
    pub target: ResourceUsage,
    /// A request below this one is too small.
    pub lower: ResourceUsage,
    /// A request above this one is too large.
    pub upper: ResourceUsage,
}

impl VerticalPodAutoscaler {
    /// The policy of a container.
    pub fn policy(&self, container: &str) -> ContainerPolicy {
        let own = self.policies.get(container);
        let own = own.or_else(|| self.policies.get(EVERY_CONTAINER));
        own.copied().unwrap_or_default()
    }

    /// Returns the problems of the autoscaler by itself.
    pub fn findings(&self) -> Vec<Finding> {
        let object = format!("VerticalPodAutoscaler {}/{}", self.namespace, self.name);
        let mut found = Findings::new(object.clone());
        if self.target.kind.is_empty() || self.target.name.is_empty() {
            let expected = "kind and name of the workload to size";
            found.add("spec.targetRef", Problem::Missing { expected });
        }
        for (index, policy) in self.policies.values().enumerate() {
            let field = format!("spec.resourcePolicy.containerPolicies[{index}]");
            found.list.extend(policy.findings(&object, &field));
        }
        found.list
    }
}

/// Resources of a container that are left alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExcludedResources {
    /// Whether cpu is.
    pub cpu: bool,
    /// Whether memory is.
    pub memory: bool,
}

impl ExcludedResources {
    /// Whether no resource is left alone.
    pub const fn is_none(&self) -> bool {
        !self.cpu && !self.memory
    }
}

/// Policy for a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerPolicy {
    /// The least of each resource; 0 is no bound.
    pub min_allowed: ResourceUsage,
    /// The most of each resource; 0 is no bound.
    pub max_allowed: ResourceUsage,
    /// Whether limits stay alone and only requests are set.
    pub requests_only: bool,
    /// Whether the container is left alone.
    pub is_off: bool,
    /// Resources of the container that are left alone.
    #[serde(default, skip_serializing_if = "ExcludedResources::is_none")]
    pub spared: ExcludedResources,
}

impl ContainerPolicy {
    /// Returns the problems of the container policy.
    pub fn findings(&self, object: &str, field: &str) -> Vec<Finding> {
        let mut found = Findings::new(object);
        let resources = [
            (
                "cpu",
                self.min_allowed.cpu_milli,
                self.max_allowed.cpu_milli,
            ),
            (
                "memory",
                self.min_allowed.memory_bytes,
                self.max_allowed.memory_bytes,
            ),
        ];
        for (resource, min, max) in resources {
            let name = format!("{field}.minAllowed.{resource}");
            found.expect(min >= 0, name.clone(), min, "0 or more");
            let own = format!("{field}.maxAllowed.{resource}");
            found.expect(max >= 0, own, max, "0 or more");
            if max > 0 {
                found.expect_order(name, min, max, "maxAllowed");
            }
        }
        found.list
    }

    /// The resources of an amount that are not left alone; 0 of others.
    pub fn controlled(&self, own: ResourceUsage) -> ResourceUsage {
        ResourceUsage {
            cpu_milli: if self.spared.cpu { 0 } else { own.cpu_milli },
            memory_bytes: if self.spared.memory {
                0
            } else {
                own.memory_bytes
            },
        }
    }

    /// An amount within the bounds.
    pub fn clip(&self, own: ResourceUsage) -> ResourceUsage {
        let clip = |own: i64, min: i64, max: i64| {
            let raised = own.max(min);
            if max > 0 { raised.min(max) } else { raised }
        };
        let (min, max) = (self.min_allowed, self.max_allowed);
        ResourceUsage {
            cpu_milli: clip(own.cpu_milli, min.cpu_milli, max.cpu_milli),
            memory_bytes: clip(own.memory_bytes, min.memory_bytes, max.memory_bytes),
        }
    }
}
