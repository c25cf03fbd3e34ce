//! Kinds of objects and the API groups that they belong to.

/// Whether objects of a kind are read for placements (`objects.rs`).
pub(super) fn is_read(kind: &str, group: &str) -> bool {
    match kind {
        "Namespace"
        | "Service"
        | "ReplicationController"
        | "PersistentVolume"
        | "PersistentVolumeClaim" => group == "v1",
        "ReplicaSet" | "StatefulSet" => group.starts_with("apps/"),
        "PodDisruptionBudget" => group.starts_with("policy/"),
        "StorageClass" | "CSINode" | "CSIDriver" | "CSIStorageCapacity" | "VolumeAttachment" => {
            group.starts_with("storage.k8s.io/")
        }
        "PodGroup" => group.starts_with("scheduling."),
        _ => false,
    }
}

/// Whether an owner of this kind has a selector that placements look at.
pub(super) fn is_selecting_owner(kind: &str) -> bool {
    matches!(kind, "ReplicationController" | "ReplicaSet" | "StatefulSet")
}

/// Whether objects of a kind are workloads.
pub(super) fn is_workload(kind: &str, group: &str) -> bool {
    match kind {
        "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet" => group.starts_with("apps/"),
        "Job" | "CronJob" => group.starts_with("batch/"),
        "PodDisruptionBudget" => group.starts_with("policy/"),
        "ReplicationController" | "ResourceQuota" | "LimitRange" | "Namespace" => group == "v1",
        "HorizontalPodAutoscaler" => group.starts_with("autoscaling/"),
        "VerticalPodAutoscaler" => group.starts_with("autoscaling.k8s.io/"),
        _ => is_service(kind, group) || is_needed(kind, group),
    }
}

/// Whether an object is a service or a route to one.
fn is_service(kind: &str, group: &str) -> bool {
    match kind {
        "Service" => group == "v1",
        "Ingress" => group.starts_with("networking.k8s.io/"),
        _ => false,
    }
}

/// Whether an object is a secret or a config.
fn is_needed(kind: &str, group: &str) -> bool {
    matches!(kind, "Secret" | "ConfigMap") && group == "v1"
}
