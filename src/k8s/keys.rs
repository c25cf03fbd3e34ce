//! Keys of the annotations that are read of pods, pod templates and claims.

/// Annotation of a pod that only shows what its node runs by itself.
pub(super) const MIRROR: &str = "kubernetes.io/config.mirror";

/// Annotation of the storage class of claims that name none.
pub(super) const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Annotation of a pod template: whether the cluster autoscaler may evict its pods.
pub(super) const SAFE_TO_EVICT: &str = "cluster-autoscaler.kubernetes.io/safe-to-evict";
/// Annotation of a pod template or a node: whether Karpenter leaves it alone, or for how long.
pub(super) use model::node::DO_NOT_DISRUPT;
/// Annotation of a node: whether the cluster autoscaler keeps it.
pub(super) use model::node::SCALE_DOWN_DISABLED;
/// Annotation of a pod template: how old its pods are before nodes are ordered for them.
pub(super) const SCALE_UP_DELAY: &str = "cluster-autoscaler.kubernetes.io/pod-scale-up-delay";
/// Annotation of a pod template: the descheduler may evict its pods whatever else holds.
pub(super) const DESCHEDULED: &str = "descheduler.alpha.kubernetes.io/evict";

/// Annotation of a pod template: volumes on the node's disk that its pods give up, by name.
pub(super) const SAFE_LOCAL_VOLUMES: &str =
    "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes";

/// Annotation of a pod template: the cost of deleting its pods beside that of others.
pub(super) const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Annotation of a job's pod: earlier failures of its index.
pub(super) const INDEX_FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// Annotation of a job's pod: earlier failures of its index that the failure policy ignores.
pub(super) const IGNORED_INDEX_FAILURES: &str =
    "batch.kubernetes.io/job-index-ignored-failure-count";
/// Finalizer of a job's pod that the job has not counted.
pub(super) const JOB_TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// Annotation of a node: controllers whose pods it asks schedulers to place elsewhere, in JSON.
pub(super) const PREFER_AVOID_PODS: &str = "scheduler.alpha.kubernetes.io/preferAvoidPods";

/// Annotation of a claim whose binding to the volume is complete.
pub(super) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Annotation of a claim: the node that a volume is being made for.
pub(super) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Annotation of a claim or volume: its storage class in the notation of old.
pub(super) const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// Annotation by which Helm takes an object for a hook.
pub(super) const HELM_HOOK: &str = "helm.sh/hook";

/// Annotation of a claim on devices that was made for a pod: its name among those of the pod.
pub(super) const CLAIM_ENTRY: &str = "resource.kubernetes.io/pod-claim-name";

/// Label of workloads and pods that Kueue holds back until their queue has quota for them.
pub(super) const QUEUE_NAME: &str = "kueue.x-k8s.io/queue-name";
/// Labels of workloads and pods that other schedulers hold back: `YuniKorn`, Volcano, KAI.
pub(super) const QUEUES_OF_OTHERS: [&str; 4] = [
    "yunikorn.apache.org/queue",
    "volcano.sh/queue-name",
    "scheduling.volcano.sh/queue-name",
    "kai.scheduler/queue",
];
/// Label of workloads: their class of priority in queues of Kueue.
pub(super) const QUEUE_PRIORITY: &str = "kueue.x-k8s.io/priority-class";
/// Label of workloads: the longest time, in seconds, for which they hold quota.
pub(super) const QUEUE_MOST_SECONDS: &str = "kueue.x-k8s.io/max-exec-time-seconds";
/// Annotation of a job: the number of pods at once that it can do with.
pub(super) const QUEUE_LEAST_PODS: &str = "kueue.x-k8s.io/job-min-parallelism";

/// Label of a pod: its group, all of whose pods are admitted together.
pub(super) const POD_GROUP: &str = "kueue.x-k8s.io/pod-group-name";
/// Annotation of a pod: the number of pods of its group.
pub(super) const POD_GROUP_PODS: &str = "kueue.x-k8s.io/pod-group-total-count";
/// Scheduling gate of a pod that waits for quota.
pub(super) const ADMISSION_GATE: &str = "kueue.x-k8s.io/admission";

/// Beginning of the annotations of a pod template by which its pods wish for places in a topology.
pub(super) const TOPOLOGY_WISHES: &str = "kueue.x-k8s.io/podset-";
/// All pods in one domain of a level.
pub(super) const REQUIRED_TOPOLOGY: &str = "kueue.x-k8s.io/podset-required-topology";
/// All pods in one domain of a level, or else of a higher one.
pub(super) const PREFERRED_TOPOLOGY: &str = "kueue.x-k8s.io/podset-preferred-topology";
/// Pods anywhere in the topology.
pub(super) const ANY_TOPOLOGY: &str = "kueue.x-k8s.io/podset-unconstrained-topology";
/// Level of the domain of each slice of pods.
pub(super) const SLICE_TOPOLOGY: &str = "kueue.x-k8s.io/podset-slice-required-topology";
/// Number of pods of a slice.
pub(super) const SLICE_SIZE: &str = "kueue.x-k8s.io/podset-slice-size";
/// Annotation of the layers of slices of pods, from the outermost on.
pub(super) const SLICE_LAYERS: &str = "kueue.x-k8s.io/podset-slice-required-topology-constraints";
/// Name of the pod sets that are placed together.
pub(super) const TOPOLOGY_GROUP: &str = "kueue.x-k8s.io/podset-group-name";

/// On a route: its balancing.
pub(crate) const BALANCE: &str = "haproxy.router.openshift.io/balance";

/// On a route: clients get no cookie.
pub(crate) const NO_COOKIE: &str = "haproxy.router.openshift.io/disable_cookies";

/// On an object: the declaration that `kubectl apply` was last given, in JSON.
pub(crate) const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// On a namespace: labels that nodes need for the pods of the project.
pub(crate) const PROJECT_SELECTOR: &str = "openshift.io/node-selector";

/// Annotation of an OpenShift node: namespace and name of its machine.
pub(crate) const MACHINE: &str = "machine.openshift.io/machine";

/// Annotation of a Cluster API node: the kind of object that its machine belongs to.
pub(crate) const MACHINE_OWNER_KIND: &str = "cluster.x-k8s.io/owner-kind";

/// Annotation of a Cluster API node: the name of that object.
pub(crate) const MACHINE_OWNER_NAME: &str = "cluster.x-k8s.io/owner-name";
