//! Kinds of objects, the API groups that they belong to, and the versions of them that are read.

/// Use of the objects of a kind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// For themselves: pods, nodes and classes of priority and runtimes.
    Own,
    /// For placements (`objects.rs`).
    Placement,
    /// As workloads (`workloads.rs`), where those are asked for.
    Workload,
    /// For both.
    Both,
}

/// A kind that is read.
struct Kind {
    name: &'static str,
    /// Its API group; empty is the core group.
    group: &'static str,
    /// Versions whose fields mean the same; the first is the one to write.
    versions: &'static [&'static str],
    /// Another group that had the kind.
    former: &'static str,
    used: Use,
}

const fn kind(
    name: &'static str,
    group: &'static str,
    versions: &'static [&'static str],
    former: &'static str,
    used: Use,
) -> Kind {
    Kind {
        name,
        group,
        versions,
        former,
        used,
    }
}

const STORAGE: &str = "storage.k8s.io";

/// The group of Kueue's objects, and the versions of most of them.
const KUEUE: &str = "kueue.x-k8s.io";
const KUEUE_VERSIONS: &[&str] = &["v1beta2", "v1beta1"];

/// The group of Karpenter's objects, and the versions of its pools and claims of nodes.
const KARPENTER: &str = "karpenter.sh";
const KARPENTER_VERSIONS: &[&str] = &["v1", "v1beta1"];

/// The group of dynamic resource allocation, and its versions.
const DEVICES: &str = "resource.k8s.io";
const DEVICE_VERSIONS: &[&str] = &["v1", "v1beta2", "v1beta1"];

/// The group of Kubeflow's trainings.
const KUBEFLOW: &str = "kubeflow.org";

/// The kind of Kueue's configuration.
pub(super) const KUEUE_CONFIGURATION: &str = "Configuration";

/// Kinds of objects that bound the pods of a namespace.
pub(super) const BOUNDS: [&str; 2] = ["LimitRange", "ResourceQuota"];

/// Every kind that is read.
const KINDS: &[Kind] = &[
    kind("Pod", "", &["v1"], "", Use::Own),
    kind("Node", "", &["v1"], "", Use::Own),
    kind(
        "PriorityClass",
        "scheduling.k8s.io",
        &["v1", "v1beta1", "v1alpha1"],
        "",
        Use::Own,
    ),
    kind(
        "RuntimeClass",
        "node.k8s.io",
        &["v1", "v1beta1"],
        "",
        Use::Own,
    ),
    kind("Namespace", "", &["v1"], "", Use::Both),
    kind("Service", "", &["v1"], "", Use::Both),
    kind("ReplicationController", "", &["v1"], "", Use::Both),
    kind(
        "ReplicaSet",
        "apps",
        &["v1", "v1beta2"],
        "extensions",
        Use::Both,
    ),
    kind("StatefulSet", "apps", &["v1", "v1beta2"], "", Use::Both),
    kind(
        "PodDisruptionBudget",
        "policy",
        &["v1", "v1beta1"],
        "",
        Use::Both,
    ),
    kind("PersistentVolume", "", &["v1"], "", Use::Placement),
    kind("PersistentVolumeClaim", "", &["v1"], "", Use::Placement),
    kind(
        "StorageClass",
        STORAGE,
        &["v1", "v1beta1"],
        "",
        Use::Placement,
    ),
    kind("CSINode", STORAGE, &["v1", "v1beta1"], "", Use::Placement),
    kind("CSIDriver", STORAGE, &["v1", "v1beta1"], "", Use::Placement),
    kind(
        "CSIStorageCapacity",
        STORAGE,
        &["v1", "v1beta1", "v1alpha1"],
        "",
        Use::Placement,
    ),
    kind(
        "VolumeAttachment",
        STORAGE,
        &["v1", "v1beta1", "v1alpha1"],
        "",
        Use::Placement,
    ),
    kind(
        "PodGroup",
        "scheduling.x-k8s.io",
        &["v1alpha1"],
        "",
        Use::Placement,
    ),
    kind(
        "PodGroup",
        "scheduling.sigs.k8s.io",
        &["v1alpha1"],
        "",
        Use::Placement,
    ),
    kind(
        "PodGroup",
        "scheduling.volcano.sh",
        &["v1beta1"],
        "",
        Use::Placement,
    ),
    kind(
        "NodePool",
        KARPENTER,
        KARPENTER_VERSIONS,
        "",
        Use::Placement,
    ),
    kind(
        "NodeClaim",
        KARPENTER,
        KARPENTER_VERSIONS,
        "",
        Use::Placement,
    ),
    kind("ResourceFlavor", KUEUE, KUEUE_VERSIONS, "", Use::Placement),
    kind("Topology", KUEUE, KUEUE_VERSIONS, "", Use::Placement),
    kind("Cohort", KUEUE, KUEUE_VERSIONS, "", Use::Placement),
    kind("ClusterQueue", KUEUE, KUEUE_VERSIONS, "", Use::Placement),
    kind("LocalQueue", KUEUE, KUEUE_VERSIONS, "", Use::Placement),
    kind(
        "WorkloadPriorityClass",
        KUEUE,
        KUEUE_VERSIONS,
        "",
        Use::Placement,
    ),
    kind("AdmissionCheck", KUEUE, KUEUE_VERSIONS, "", Use::Placement),
    kind("Workload", KUEUE, KUEUE_VERSIONS, "", Use::Placement),
    kind(
        "ResourceSlice",
        DEVICES,
        DEVICE_VERSIONS,
        "",
        Use::Placement,
    ),
    kind("DeviceClass", DEVICES, DEVICE_VERSIONS, "", Use::Placement),
    kind(
        "ResourceClaim",
        DEVICES,
        DEVICE_VERSIONS,
        "",
        Use::Placement,
    ),
    kind(
        "ResourceClaimTemplate",
        DEVICES,
        DEVICE_VERSIONS,
        "",
        Use::Placement,
    ),
    kind(
        KUEUE_CONFIGURATION,
        "config.kueue.x-k8s.io",
        KUEUE_VERSIONS,
        "",
        Use::Placement,
    ),
    kind(
        "Deployment",
        "apps",
        &["v1", "v1beta2"],
        "extensions",
        Use::Workload,
    ),
    kind(
        "DaemonSet",
        "apps",
        &["v1", "v1beta2"],
        "extensions",
        Use::Workload,
    ),
    kind(
        "ControllerRevision",
        "apps",
        &["v1", "v1beta2", "v1beta1"],
        "",
        Use::Workload,
    ),
    kind("Job", "batch", &["v1"], "extensions", Use::Workload),
    kind("CronJob", "batch", &["v1", "v1beta1"], "", Use::Workload),
    kind(
        "JobSet",
        "jobset.x-k8s.io",
        &["v1alpha2"],
        "",
        Use::Workload,
    ),
    kind(
        "LeaderWorkerSet",
        "leaderworkerset.x-k8s.io",
        &["v1"],
        "",
        Use::Workload,
    ),
    kind("PyTorchJob", KUBEFLOW, &["v1"], "", Use::Workload),
    kind("TFJob", KUBEFLOW, &["v1"], "", Use::Workload),
    kind("XGBoostJob", KUBEFLOW, &["v1"], "", Use::Workload),
    kind("PaddleJob", KUBEFLOW, &["v1"], "", Use::Workload),
    kind("JAXJob", KUBEFLOW, &["v1"], "", Use::Workload),
    kind("MPIJob", KUBEFLOW, &["v2beta1", "v1"], "", Use::Workload),
    kind("RayCluster", "ray.io", &["v1"], "", Use::Workload),
    kind("RayJob", "ray.io", &["v1"], "", Use::Workload),
    kind("ResourceQuota", "", &["v1"], "", Use::Workload),
    kind("LimitRange", "", &["v1"], "", Use::Workload),
    kind("Secret", "", &["v1"], "", Use::Workload),
    kind("ConfigMap", "", &["v1"], "", Use::Workload),
    kind(
        "HorizontalPodAutoscaler",
        "autoscaling",
        &["v2", "v1", "v2beta2"],
        "extensions",
        Use::Workload,
    ),
    kind(
        "VerticalPodAutoscaler",
        "autoscaling.k8s.io",
        &["v1", "v1beta2"],
        "",
        Use::Workload,
    ),
    kind(
        "VerticalPodAutoscalerCheckpoint",
        "autoscaling.k8s.io",
        &["v1", "v1beta2"],
        "",
        Use::Workload,
    ),
    kind(
        "Ingress",
        "networking.k8s.io",
        &["v1"],
        "extensions",
        Use::Workload,
    ),
    kind("Route", "route.openshift.io", &["v1"], "", Use::Workload),
];

/// An API version as its group and version.
fn split(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// The kind of an object that is read; one that states no version, as the items of a list, has that
/// of its kind.
fn find(name: &str, api_version: Option<&str>) -> Option<&'static Kind> {
    let mut named = KINDS.iter().filter(|kind| kind.name == name);
    let Some((group, version)) = api_version.map(split) else {
        return named.next();
    };
    named.find(|kind| {
        let is_present = kind.group == group && kind.versions.contains(&version);
        is_present || is_converted(name, group, version)
    })
}

/// Whether objects of an older version are rewritten as the present one has them
/// (`convert.rs`).
fn is_converted(name: &str, group: &str, version: &str) -> bool {
    matches!(
        (name, group, version),
        (
            "Deployment" | "ReplicaSet" | "DaemonSet" | "Ingress",
            "extensions",
            "v1beta1"
        ) | ("Deployment" | "StatefulSet", "apps", "v1beta1")
            | ("CronJob", "batch", "v2alpha1")
            | ("HorizontalPodAutoscaler", "autoscaling", "v2beta1")
            | ("Ingress", "networking.k8s.io", "v1beta1")
    )
}

/// Short names and plurals of kinds, as `kubectl` takes them.
const NAMES: &[(&str, &[&str])] = &[
    ("Pod", &["po"]),
    ("Node", &["no"]),
    ("Namespace", &["ns"]),
    ("ConfigMap", &["cm"]),
    ("Service", &["svc"]),
    ("ReplicationController", &["rc"]),
    ("ReplicaSet", &["rs"]),
    ("StatefulSet", &["sts"]),
    ("Deployment", &["deploy"]),
    ("DaemonSet", &["ds"]),
    ("CronJob", &["cj"]),
    ("PodDisruptionBudget", &["pdb"]),
    ("PersistentVolume", &["pv"]),
    ("PersistentVolumeClaim", &["pvc"]),
    ("StorageClass", &["sc", "storageclasses"]),
    ("PriorityClass", &["pc", "priorityclasses"]),
    ("ResourceQuota", &["quota"]),
    ("LimitRange", &["limits"]),
    ("HorizontalPodAutoscaler", &["hpa"]),
    ("VerticalPodAutoscaler", &["vpa"]),
    ("Ingress", &["ing", "ingresses"]),
];

/// The kind that a word of a user names: the kind itself, its plural, or its short name, in any
/// case.
///
/// # Errors
/// No kind that is read has this name; the message says what does.
pub fn kind_named(word: &str) -> Result<&'static str, String> {
    let lower = word.to_ascii_lowercase();
    let is_it = |kind: &&str| {
        let own = kind.to_ascii_lowercase();
        let short = NAMES.iter().find(|(name, _)| name == kind);
        own == lower
            || format!("{own}s") == lower
            || short.is_some_and(|(_, names)| names.contains(&&*lower))
    };
    let mut kinds = KINDS.iter().map(|kind| kind.name);
    kinds.find(is_it).ok_or_else(|| {
        let shorts = NAMES.iter().flat_map(|(_, names)| names.iter().copied());
        let known = KINDS.iter().map(|kind| kind.name).chain(shorts);
        let hint = units::nearest::hint(word, known);
        format!("no kind that is read is called `{word}`; {hint}")
    })
}

/// Whether objects of a kind are pods, nodes, or classes of priority or runtimes.
pub(super) fn is_own(kind: &str, api_version: Option<&str>) -> bool {
    find(kind, api_version).is_some_and(|found| found.used == Use::Own)
}

/// Whether objects of a kind are read for placements (`objects.rs`).
pub(super) fn is_read(kind: &str, api_version: Option<&str>) -> bool {
    let found = find(kind, api_version);
    found.is_some_and(|found| matches!(found.used, Use::Placement | Use::Both))
}

/// Whether objects of a kind are workloads.
pub(super) fn is_workload(kind: &str, api_version: Option<&str>) -> bool {
    let found = find(kind, api_version);
    found.is_some_and(|found| matches!(found.used, Use::Workload | Use::Both))
}

/// A kind that is read, in a version whose fields are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutdatedVersion {
    group: &'static str,
    version: &'static str,
    /// Marks a kind that is read only where workloads are asked for.
    pub(super) is_workload_only: bool,
}

impl std::fmt::Display for OutdatedVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.group {
            "" => f.write_str(self.version),
            group => write!(f, "{group}/{}", self.version),
        }
    }
}

/// The version to write instead of one that is not read, if the kind is.
pub(super) fn outdated(name: &str, api_version: Option<&str>) -> Option<OutdatedVersion> {
    let (group, version) = split(api_version?);
    let mut named = KINDS.iter().filter(|kind| kind.name == name);
    let kind = named.find(|kind| {
        let is_former = !kind.former.is_empty() && kind.former == group;
        is_former || (kind.group == group && !kind.versions.contains(&version))
    })?;
    Some(OutdatedVersion {
        group: kind.group,
        version: kind.versions[0],
        is_workload_only: kind.used == Use::Workload,
    })
}

/// Whether objects of a kind belong to no namespace.
pub(super) fn is_of_cluster(kind: &str) -> bool {
    matches!(
        kind,
        "Node"
            | "PriorityClass"
            | "RuntimeClass"
            | "Namespace"
            | "PersistentVolume"
            | "StorageClass"
            | "CSINode"
            | "CSIDriver"
            | "VolumeAttachment"
            | "ResourceFlavor"
            | "Topology"
            | "Cohort"
            | "ClusterQueue"
            | "WorkloadPriorityClass"
            | "AdmissionCheck"
            | "ResourceSlice"
            | "DeviceClass"
            | "NodePool"
            | "NodeClaim"
            | KUEUE_CONFIGURATION
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_other_fields_are_outdated_and_other_groups_are_not() {
        for (kind, version, instead) in [
            ("Deployment", "extensions/v1beta2", Some("apps/v1")),
            ("DaemonSet", "apps/v1beta1", Some("apps/v1")),
            ("Deployment", "apps/v1beta2", None),
            ("Deployment", "example.com/v1", None),
            ("CronJob", "batch/v3", Some("batch/v1")),
            ("CronJob", "batch/v1beta1", None),
            ("Job", "batch.volcano.sh/v1alpha1", None),
            (
                "Ingress",
                "networking.k8s.io/v1alpha1",
                Some("networking.k8s.io/v1"),
            ),
            (
                "HorizontalPodAutoscaler",
                "autoscaling/v2alpha1",
                Some("autoscaling/v2"),
            ),
            ("PodGroup", "scheduling.k8s.io/v1alpha2", None),
            ("Pod", "v2", Some("v1")),
            ("Service", "serving.knative.dev/v1", None),
        ] {
            let found = outdated(kind, Some(version)).map(|found| found.to_string());
            assert_eq!(found.as_deref(), instead, "{kind} {version}");
        }
        assert!(is_workload("Deployment", None) && !is_workload("Deployment", Some("v1")));
    }
}
