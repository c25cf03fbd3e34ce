//! Kinds of objects that no reader looks at, and what their absence changes for the answer.

use super::kinds;
use super::unmodelled::ALONE;

/// A kind that is left out.
struct Kind {
    name: &'static str,
    /// The end of its API group.
    group: &'static str,
    effect: &'static str,
}

const fn kind(name: &'static str, group: &'static str, effect: &'static str) -> Kind {
    Kind {
        name,
        group,
        effect,
    }
}

const DEVICES: &str = "no device has taints by it: claims get devices that it would keep from them";
const QUEUES: &str = "no queue holds jobs back: they start at once, whatever the quota that it has";
const NODE_POOLS: &str = "no nodes are made from it: the run has the nodes of `cluster` and of its own \
    node autoscalers alone (`cluster.provider`, `system.autoscaling`)";
const MAKES_PODS: &str = "its controller is not modelled: the pods that it would make are missing";
const ADMISSION: &str = "objects are not changed or refused on admission: sidecars, tolerations and \
    limits that it would add are missing";
const TRAFFIC: &str =
    "traffic and access are not filtered or routed by it; placements are the same";
const NAMES: &str =
    "it bears on rights, records or settings of the API alone; placements are the same";
const CONFIG: &str = "write it as a Deployment, which `name: openshift` runs as a deployment configuration, and its \
    triggers, hooks and times as `system.openshift.deploymentConfigs`; the pods that it would make are missing";
const MEASURED: &str = "measurements are not read: pods use what the experiment's models say";

/// Whether a kind is missed in runs alone: of a cluster as it is, its pods and nodes are read themselves.
pub fn is_of_runs(kind: &str) -> bool {
    let effect = effect_of_kind(kind);
    effect == MAKES_PODS || effect == NODE_POOLS
}

/// End of the names under which objects are counted that no user wants read.
pub(super) const UNWANTED: &str = " (--ignore)";

/// Effect of a kind that no user wants read.
const AS_ASKED: &str = "as asked; what they would change is not in the answer";

/// Effect of a kind that nothing is known of.
const UNKNOWN: &str = "the kind is not known: pods that its controller would make, and rules that it \
    sets, are missing";

/// The kinds that are known and left out.
const KINDS: &[Kind] = &[
    kind("DeviceTaintRule", "resource.k8s.io", DEVICES),
    kind("PodGroup", "scheduling.k8s.io", ALONE),
    kind("CompositePodGroup", "scheduling.k8s.io", ALONE),
    kind("Workload", "scheduling.k8s.io", ALONE),
    kind("Queue", "scheduling.volcano.sh", QUEUES),
    kind("Provisioner", "karpenter.sh", NODE_POOLS),
    kind("EC2NodeClass", "karpenter.k8s.aws", NODE_POOLS),
    kind("AKSNodeClass", "karpenter.azure.com", NODE_POOLS),
    kind("MachineDeployment", "cluster.x-k8s.io", NODE_POOLS),
    kind("MachineSet", "cluster.x-k8s.io", NODE_POOLS),
    kind("Machine", "cluster.x-k8s.io", NODE_POOLS),
    kind("Job", "batch.volcano.sh", MAKES_PODS),
    kind("RayService", "ray.io", MAKES_PODS),
    kind("TrainJob", "trainer.kubeflow.org", MAKES_PODS),
    kind("AppWrapper", "workload.codeflare.dev", MAKES_PODS),
    kind("SparkApplication", "sparkoperator.k8s.io", MAKES_PODS),
    kind("Rollout", "argoproj.io", MAKES_PODS),
    kind("Workflow", "argoproj.io", MAKES_PODS),
    kind("CronWorkflow", "argoproj.io", MAKES_PODS),
    kind("ScaledJob", "keda.sh", MAKES_PODS),
    kind(
        "ScaledObject",
        "keda.sh",
        "no workload is scaled by it: replicas stay as declared",
    ),
    kind("Service", "serving.knative.dev", MAKES_PODS),
    kind("CloneSet", "apps.kruise.io", MAKES_PODS),
    kind("DeploymentConfig", "apps.openshift.io", CONFIG),
    kind("DeploymentConfig", "", CONFIG),
    kind("PodTemplate", "", "nothing is made from it"),
    kind(
        "MutatingWebhookConfiguration",
        "admissionregistration.k8s.io",
        ADMISSION,
    ),
    kind(
        "ValidatingWebhookConfiguration",
        "admissionregistration.k8s.io",
        ADMISSION,
    ),
    kind(
        "MutatingAdmissionPolicy",
        "admissionregistration.k8s.io",
        ADMISSION,
    ),
    kind(
        "MutatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io",
        ADMISSION,
    ),
    kind(
        "ValidatingAdmissionPolicy",
        "admissionregistration.k8s.io",
        ADMISSION,
    ),
    kind(
        "ValidatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io",
        ADMISSION,
    ),
    kind("PodSecurityPolicy", "policy", ADMISSION),
    kind("NetworkPolicy", "networking.k8s.io", TRAFFIC),
    kind("IngressClass", "networking.k8s.io", TRAFFIC),
    kind("Gateway", "gateway.networking.k8s.io", TRAFFIC),
    kind("GatewayClass", "gateway.networking.k8s.io", TRAFFIC),
    kind("HTTPRoute", "gateway.networking.k8s.io", TRAFFIC),
    kind("Endpoints", "", TRAFFIC),
    kind("EndpointSlice", "discovery.k8s.io", TRAFFIC),
    kind("ServiceAccount", "", NAMES),
    kind("Role", "rbac.authorization.k8s.io", NAMES),
    kind("RoleBinding", "rbac.authorization.k8s.io", NAMES),
    kind("ClusterRole", "rbac.authorization.k8s.io", NAMES),
    kind("ClusterRoleBinding", "rbac.authorization.k8s.io", NAMES),
    kind("Event", "", NAMES),
    kind("Event", "events.k8s.io", NAMES),
    kind("Lease", "coordination.k8s.io", NAMES),
    kind("ComponentStatus", "", NAMES),
    kind("CustomResourceDefinition", "apiextensions.k8s.io", NAMES),
    kind("APIService", "apiregistration.k8s.io", NAMES),
    kind("CertificateSigningRequest", "certificates.k8s.io", NAMES),
    kind("FlowSchema", "flowcontrol.apiserver.k8s.io", NAMES),
    kind(
        "PriorityLevelConfiguration",
        "flowcontrol.apiserver.k8s.io",
        NAMES,
    ),
    kind(
        "VolumeAttributesClass",
        "storage.k8s.io",
        "volumes keep the attributes that they have",
    ),
    kind("VolumeSnapshot", "snapshot.storage.k8s.io", NAMES),
    kind("VolumeSnapshotClass", "snapshot.storage.k8s.io", NAMES),
    kind("VolumeSnapshotContent", "snapshot.storage.k8s.io", NAMES),
    kind("NodeMetrics", "metrics.k8s.io", MEASURED),
    kind("PodMetrics", "metrics.k8s.io", MEASURED),
    kind(
        "KubeSchedulerConfiguration",
        "kubescheduler.config.k8s.io",
        "it is not followed here; name the file under `system.scheduler.config`, or after `--config`",
    ),
    kind(
        "DeschedulerPolicy",
        "descheduler",
        "it is not followed; write its strategies under `system.descheduling`",
    ),
];

/// Effects of workloads where no controller acts on them.
const WITHOUT_CONTROLLERS: &[(&str, &str)] = &[
    ("Deployment", PODS_ALONE),
    ("DaemonSet", PODS_ALONE),
    ("Job", PODS_ALONE),
    ("CronJob", "no job is made of it, and no pod"),
    ("JobSet", "no job is made of it, and no pod"),
    ("LeaderWorkerSet", PODS_ALONE),
    ("PyTorchJob", PODS_ALONE),
    ("TFJob", PODS_ALONE),
    ("XGBoostJob", PODS_ALONE),
    ("PaddleJob", PODS_ALONE),
    ("JAXJob", PODS_ALONE),
    ("MPIJob", PODS_ALONE),
    ("RayCluster", PODS_ALONE),
    ("RayJob", PODS_ALONE),
    ("HorizontalPodAutoscaler", "replicas stay as they are"),
    ("VerticalPodAutoscaler", "requests stay as they are"),
    ("ControllerRevision", "no set is rolled back to it"),
    (
        "VerticalPodAutoscalerCheckpoint",
        "requests stay as they are",
    ),
    ("ResourceQuota", "no pod is refused for it"),
    ("LimitRange", "pods get no limits and defaults by it"),
    ("Secret", "no pod waits for it"),
    ("ConfigMap", "no pod waits for it"),
    ("Ingress", TRAFFIC),
    ("Route", TRAFFIC),
];

/// Effect of a workload where no controller acts on it.
const PODS_ALONE: &str =
    "no controller makes its pods: those that are there as objects count alone";

/// Name under which objects of a kind are counted: the kind, with its API version where the kind is
/// not one of those known here.
pub(super) fn counted_as(name: &str, api_version: Option<&str>) -> String {
    let Some(version) = api_version else {
        return name.to_owned();
    };
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let is_known = KINDS
        .iter()
        .any(|kind| kind.name == name && kind.group == group);
    let is_single = KINDS.iter().filter(|kind| kind.name == name).count() == 1;
    let is_workload = kinds::is_workload(name, api_version);
    let is_twofold = kinds::is_workload(name, None);
    if is_workload || (is_known && is_single && !is_twofold) {
        name.to_owned()
    } else {
        format!("{name} ({version})")
    }
}

/// Effect on the answer of leaving out objects that are counted under a name
/// ([`super::Manifests::ignored_kinds`]).
pub fn effect_of_kind(counted: &str) -> &'static str {
    let (name, version) = match counted.split_once(" (") {
        Some((name, rest)) => (name, rest.trim_end_matches(')')),
        None => (counted, ""),
    };
    if counted.ends_with(UNWANTED) {
        return AS_ASKED;
    }
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let without = WITHOUT_CONTROLLERS.iter().find(|(own, _)| *own == counted);
    if let Some((_, effect)) = without {
        return effect;
    }
    let mut named = KINDS.iter().filter(|kind| kind.name == name);
    let found = match version {
        "" => named.next(),
        _ => named.find(|kind| kind.group == group),
    };
    found.map_or(UNKNOWN, |kind| kind.effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_says_what_it_changes() {
        for (kind, version, counted, effect) in [
            (
                "NetworkPolicy",
                "networking.k8s.io/v1",
                "NetworkPolicy",
                TRAFFIC,
            ),
            (
                "Job",
                "batch.volcano.sh/v1alpha1",
                "Job (batch.volcano.sh/v1alpha1)",
                MAKES_PODS,
            ),
            ("Job", "example.com/v1", "Job (example.com/v1)", UNKNOWN),
            ("Deployment", "apps/v1", "Deployment", PODS_ALONE),
            ("Gizmo", "example.com/v1", "Gizmo (example.com/v1)", UNKNOWN),
        ] {
            let found = counted_as(kind, Some(version));
            assert_eq!(found, counted);
            assert_eq!(effect_of_kind(&found), effect, "{found}");
        }
    }
}
