//! Resource quotas: how much all pods of a namespace may ask for together.

use crate::qos::QosClass;
use crate::{PodSpec, Requirement, ResourceList, TemplatePriority, Text};
use serde::{Deserialize, Serialize};
use units::{Quantity, QuantityError};

/// A `ResourceQuota` (spec: kubernetes.md 2.10).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceQuota {
    /// The resource quota's namespace.
    pub namespace: Text,
    /// The resource quota's name.
    pub name: Text,
    /// The most of each resource, by the names of [`ResourceQuota::RESOURCES`] and those of
    /// [`ResourceQuota::is_known`].
    pub hard: ResourceList,
    /// Scopes of the quota: it counts the pods that match all of them.
    pub scopes: Vec<QuotaScope>,
    /// Last reported status.
    pub status: QuotaStatus,
}

/// Scope of a quota: a condition on the pods that it counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuotaScope {
    /// Pods without any request or limit of processor and memory.
    BestEffort,
    /// All others.
    NotBestEffort,
    /// Pods with a deadline (`activeDeadlineSeconds`).
    Terminating,
    /// All others.
    NotTerminating,
    /// Pods whose class of priority satisfies a requirement.
    PriorityClass(Requirement),
    /// Pods with a term about pods of other namespaces.
    CrossNamespacePodAffinity,
}

/// Reported status of a quota.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct QuotaStatus {
    /// Requests of the counted pods.
    pub used: ResourceList,
    /// Whether that was ever counted.
    pub is_counted: bool,
}

impl QuotaScope {
    /// `true` if the scope includes a pod.
    pub fn takes(&self, spec: &PodSpec) -> bool {
        let behaviour = spec.behaviour.as_ref();
        let has_deadline =
            || behaviour.is_some_and(|behaviour| behaviour.active_deadline.is_some());
        match self {
            Self::BestEffort => is_best_effort(spec),
            Self::NotBestEffort => !is_best_effort(spec),
            Self::Terminating => has_deadline(),
            Self::NotTerminating => !has_deadline(),
            Self::PriorityClass(requirement) => {
                let class = behaviour.and_then(|behaviour| match &behaviour.priority {
                    TemplatePriority::Class { name, .. } => Some(&**name),
                    TemplatePriority::Stated | TemplatePriority::Unstated => None,
                });
                requirement.matches_value(class)
            }
            Self::CrossNamespacePodAffinity => looks_elsewhere(spec),
        }
    }

    /// Whether a quota of this scope can limit a resource. Any can limit what is no resource of the API itself:
    /// devices and counts (`IsStandardQuotaResourceName`).
    pub fn limits(&self, resource: &str) -> bool {
        if resource.contains('/') || resource.starts_with("hugepages-") {
            return true;
        }
        let of_pods = ["pods", "cpu", "memory"].contains(&resource)
            || [
                "requests.cpu",
                "requests.memory",
                "limits.cpu",
                "limits.memory",
            ]
            .contains(&resource);
        match self {
            Self::BestEffort => resource == COUNTED_PODS,
            _ => of_pods,
        }
    }

    /// Whether no pod can be in both.
    pub fn excludes(&self, other: &Self) -> bool {
        matches!(
            (self, other),
            (Self::BestEffort, Self::NotBestEffort)
                | (Self::NotBestEffort, Self::BestEffort)
                | (Self::Terminating, Self::NotTerminating)
                | (Self::NotTerminating, Self::Terminating)
        )
    }

    /// The quota scope's name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::BestEffort => "BestEffort",
            Self::NotBestEffort => "NotBestEffort",
            Self::Terminating => "Terminating",
            Self::NotTerminating => "NotTerminating",
            Self::PriorityClass(_) => "PriorityClass",
            Self::CrossNamespacePodAffinity => "CrossNamespacePodAffinity",
        }
    }
}

/// Whether a pod has a term about pods of namespaces that it names or selects.
fn looks_elsewhere(spec: &PodSpec) -> bool {
    let affinity = &spec.affinity;
    let required = affinity.required_pod_affinity.iter();
    let required = required.chain(&affinity.required_pod_anti_affinity);
    let preferred = affinity.preferred_pod_affinity.iter();
    let preferred = preferred.chain(&affinity.preferred_pod_anti_affinity);
    let mut terms = required.chain(preferred.map(|(_, term)| term));
    terms.any(|term| !term.namespaces.is_empty() || term.namespace_selector.is_some())
}

fn is_best_effort(spec: &PodSpec) -> bool {
    QosClass::of(spec) == QosClass::BestEffort
}

/// Quota name that counts pods.
pub const COUNTED_PODS: &str = "pods";
/// Quota name that counts pods, including finished ones that are kept.
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

    /// Quota names that count objects of a kind.
    pub const OBJECTS: &[(&str, &[&str])] = &[
        ("Deployment", &["count/deployments.apps"]),
        ("ReplicaSet", &["count/replicasets.apps"]),
        (
            "ReplicationController",
            &["replicationcontrollers", "count/replicationcontrollers"],
        ),
        ("StatefulSet", &["count/statefulsets.apps"]),
        ("DaemonSet", &["count/daemonsets.apps"]),
        ("Job", &["count/jobs.batch"]),
        ("CronJob", &["count/cronjobs.batch"]),
        (
            "PodDisruptionBudget",
            &["count/poddisruptionbudgets.policy"],
        ),
        (
            "HorizontalPodAutoscaler",
            &["count/horizontalpodautoscalers.autoscaling"],
        ),
        (
            "VerticalPodAutoscaler",
            &["count/verticalpodautoscalers.autoscaling.k8s.io"],
        ),
        ("Service", &["services", "count/services"]),
        ("Ingress", &["count/ingresses.networking.k8s.io"]),
        ("ResourceQuota", &["resourcequotas", "count/resourcequotas"]),
        ("LimitRange", &["count/limitranges"]),
    ];

    /// Quota names that nothing here counts towards.
    pub const UNCOUNTED: &[&str] = &[
        "configmaps",
        "count/configmaps",
        "secrets",
        "count/secrets",
        "persistentvolumeclaims",
        "count/persistentvolumeclaims",
        "requests.storage",
        "services.loadbalancers",
        "services.nodeports",
    ];

    /// Whether a quota can name a resource.
    pub fn is_known(resource: &str) -> bool {
        let device = resource.strip_prefix("requests.");
        let mut of_objects = Self::OBJECTS.iter().flat_map(|(_, names)| *names);
        Self::RESOURCES.contains(&resource)
            || of_objects.any(|name| *name == resource)
            || Self::UNCOUNTED.contains(&resource)
            || device.is_some_and(|device| device.contains('/'))
    }

    /// Usage of an object of a kind in the resources of this quota; a quota with scopes counts only
    /// pods.
    pub fn object_usage(&self, kind: &str) -> ResourceList {
        let mut usage = ResourceList::default();
        let own = Self::OBJECTS.iter().find(|(own, _)| *own == kind);
        for name in own.map_or(&[][..], |(_, names)| *names) {
            if self.scopes.is_empty() && self.hard.contains(name) {
                usage.set(name, Quantity::from_units(1));
            }
        }
        usage
    }

    /// Whether any of its resources is one of pods.
    pub fn counts_pods(&self) -> bool {
        let is_of_object = |name: &str| {
            let mut kinds = Self::OBJECTS.iter();
            kinds.any(|(_, names)| names.contains(&name)) || Self::UNCOUNTED.contains(&name)
        };
        self.hard.iter().any(|(name, _)| !is_of_object(name))
    }

    /// Whether which pods it counts depends on their classes of priority.
    pub fn asks_for_classes(&self) -> bool {
        let mut scopes = self.scopes.iter();
        scopes.any(|scope| matches!(scope, QuotaScope::PriorityClass(_)))
    }

    /// `true` if the quota counts a pod.
    pub fn takes(&self, spec: &PodSpec) -> bool {
        self.scopes.iter().all(|scope| scope.takes(spec))
    }

    /// Usage of a pod in the resources of this quota; a finished pod counts only as an object.
    ///
    /// # Errors
    /// If a sum overflows.
    pub fn usage(&self, spec: &PodSpec, is_over: bool) -> Result<ResourceList, QuantityError> {
        let mut usage = ResourceList::default();
        if self.hard.contains(COUNTED_OBJECTS) {
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

    /// Refusal of a request that raises usage beyond this quota, in the words of the original.
    pub fn exceeded(
        &self,
        asked: &ResourceList,
        used: &ResourceList,
        now: &ResourceList,
    ) -> Option<String> {
        // What asks for nothing more of a resource may come, whatever is used of it.
        let beyond = self.hard.iter().filter(|(resource, most)| {
            asked.get(resource) > Quantity::ZERO && now.get(resource) > *most
        });
        let beyond: Vec<&str> = beyond.map(|(resource, _)| resource).collect();
        if beyond.is_empty() {
            return None;
        }
        let list = |of: &ResourceList| {
            let amounts = beyond.iter().map(|name| format!("{name}={}", of.get(name)));
            amounts.collect::<Vec<_>>().join(",")
        };
        Some(format!(
            "exceeded quota: {}, requested: {}, used: {}, limited: {}",
            self.name,
            list(asked),
            list(used),
            list(&self.hard)
        ))
    }

    /// The resources of this quota that a container has to state and does not; a quota on
    /// processor or memory obliges every container, but for pods that state theirs as a whole
    /// (`podEvaluator.Constraints` of the original's `evaluator/core/pods.go`).
    pub fn unstated(&self, spec: &PodSpec) -> Vec<Text> {
        let mut unstated = Vec::new();
        if !spec.pod_requests.is_empty() {
            return unstated;
        }
        for (resource, _) in self.hard.iter() {
            let own = resource.strip_prefix("limits.");
            let named = own
                .or(resource.strip_prefix("requests."))
                .unwrap_or(resource);
            if !matches!(named, "cpu" | "memory") {
                continue;
            }
            let states = |container: &crate::Container| {
                let list = if own.is_some() {
                    &container.limits
                } else {
                    &container.requests
                };
                list.contains(named)
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
