//! Resource quotas: how much all pods of a namespace may ask for together.

use crate::model::{PodSpec, ResourceList, Text};
use crate::units::{Quantity, QuantityError};

/// A `ResourceQuota` (spec: kubernetes.md 2.10).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResourceQuota {
    /// Its namespace.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// The most of each resource, by the names of [`ResourceQuota::RESOURCES`] and those of
    /// [`ResourceQuota::is_known`].
    pub hard: ResourceList,
    /// Which pods it counts: those that all of these take.
    pub scopes: Vec<QuotaScope>,
    /// What was last reported of it.
    pub status: QuotaStatus,
}

/// Which pods a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaScope {
    /// Pods without any request or limit of processor and memory.
    BestEffort,
    /// All others.
    NotBestEffort,
}

/// What is reported of a quota.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct QuotaStatus {
    /// What the pods that it counts ask for.
    pub used: ResourceList,
    /// Whether that was ever counted.
    pub is_counted: bool,
}

impl QuotaScope {
    /// Whether it takes a pod.
    pub fn takes(self, spec: &PodSpec) -> bool {
        (self == Self::BestEffort) == is_best_effort(spec)
    }
}

fn is_best_effort(spec: &PodSpec) -> bool {
    let mut containers = spec.all_containers();
    containers.all(|container| {
        let named = [&container.requests, &container.limits].into_iter();
        let mut amounts = named.flat_map(ResourceList::iter);
        amounts.all(|(name, amount)| !matches!(name, "cpu" | "memory") || amount == Quantity::ZERO)
    })
}

/// What pods are counted in.
pub const COUNTED_PODS: &str = "pods";
/// What pods are counted in together with those that ended and are kept.
pub const COUNTED_OBJECTS: &str = "count/pods";

impl ResourceQuota {
    /// The resources that a quota can name, beside `requests.` of devices and the like.
    pub const RESOURCES: &[&str] = &[
        "pods",
        "count/pods",
        "cpu",
        "requests.cpu",
        "limits.cpu",
        "memory",
        "requests.memory",
        "limits.memory",
        "ephemeral-storage",
        "requests.ephemeral-storage",
        "limits.ephemeral-storage",
    ];

    /// Whether a quota can name a resource.
    pub fn is_known(resource: &str) -> bool {
        let device = resource.strip_prefix("requests.");
        Self::RESOURCES.contains(&resource) || device.is_some_and(|device| device.contains('/'))
    }

    /// Whether it counts a pod.
    pub fn takes(&self, spec: &PodSpec) -> bool {
        self.scopes.iter().all(|scope| scope.takes(spec))
    }

    /// What a pod comes to in the resources of this quota; of one that ended it is only counted
    /// that it is there.
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn usage(&self, spec: &PodSpec, is_over: bool) -> Result<ResourceList, QuantityError> {
        let mut usage = ResourceList::default();
        if self.hard.0.contains_key(COUNTED_OBJECTS) {
            usage.set(COUNTED_OBJECTS, Quantity::from_units(1));
        }
        if is_over {
            return Ok(usage);
        }
        let (requests, limits) = (spec.requests()?, limits(spec)?);
        for (resource, _) in self.hard.iter() {
            let amount = match resource {
                COUNTED_OBJECTS => continue,
                COUNTED_PODS => Quantity::from_units(1),
                _ => match resource.strip_prefix("limits.") {
                    Some(own) => limits.get(own),
                    None => requests.get(resource.strip_prefix("requests.").unwrap_or(resource)),
                },
            };
            usage.set(resource, amount);
        }
        Ok(usage)
    }

    /// The resources of this quota that a container has to state and does not; a quota on
    /// processor or memory obliges every container.
    pub fn unstated(&self, spec: &PodSpec) -> Vec<Text> {
        let mut unstated = Vec::new();
        for (resource, _) in self.hard.iter() {
            let own = resource.strip_prefix("limits.");
            let named = own
                .or(resource.strip_prefix("requests."))
                .unwrap_or(resource);
            if !matches!(named, "cpu" | "memory") {
                continue;
            }
            let states = |container: &crate::model::Container| {
                let list = if own.is_some() {
                    &container.limits
                } else {
                    &container.requests
                };
                list.0.contains_key(named)
            };
            if !spec.all_containers().all(states) {
                unstated.push(resource.into());
            }
        }
        unstated
    }
}

/// The limits of a pod, counted as its requests are.
///
/// # Errors
/// If a sum overflows.
pub fn limits(spec: &PodSpec) -> Result<ResourceList, QuantityError> {
    let mut of_limits = spec.clone();
    let containers = of_limits.containers.iter_mut();
    for container in containers.chain(&mut of_limits.init_containers) {
        container.requests = container.limits.clone();
    }
    of_limits.pod_requests = ResourceList::default();
    of_limits.requests()
}

impl Default for ResourceQuota {
    fn default() -> Self {
        Self {
            namespace: "default".into(),
            name: "".into(),
            hard: ResourceList::default(),
            scopes: Vec::new(),
            status: QuotaStatus::default(),
        }
    }
}
