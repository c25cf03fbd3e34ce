//! Fields of pods and of the templates of pods.

use super::List;
use super::Use::{Fields, LeftOut, Read, Silent};
use super::cluster::METADATA;

/// Kinds of pods.
pub(super) const KINDS: &[(&str, List)] = &[("Pod", POD)];

const POD: List = &[("spec", Fields(POD_SPEC)), ("status", Read)];

/// Template of a workload's pods.
pub(super) const TEMPLATE: List = &[("metadata", Fields(METADATA)), ("spec", Fields(POD_SPEC))];

/// The `spec` of a pod.
pub(crate) const POD_SPEC: List = &[
    ("activeDeadlineSeconds", Read),
    ("affinity", Fields(AFFINITY)),
    ("automountServiceAccountToken", Silent),
    ("containers", Fields(CONTAINER)),
    ("dnsConfig", Silent),
    ("dnsPolicy", Silent),
    ("enableServiceLinks", Silent),
    ("ephemeralContainers", Silent),
    ("hostAliases", Silent),
    ("hostIPC", Silent),
    ("hostNetwork", Read),
    ("hostPID", Silent),
    ("hostUsers", Silent),
    ("hostname", Silent),
    ("hostnameOverride", Silent),
    ("imagePullSecrets", Silent),
    ("initContainers", Fields(CONTAINER)),
    ("nodeName", Read),
    ("nodeSelector", Read),
    (
        "os",
        LeftOut(
            "a node of another operating system does not refuse the pod; a `nodeSelector` on \
            `kubernetes.io/os` is heeded",
        ),
    ),
    ("overhead", Read),
    ("preemptionPolicy", Read),
    ("priority", Read),
    ("priorityClassName", Read),
    (
        "readinessGates",
        LeftOut("the pod is ready as soon as its containers are"),
    ),
    ("resourceClaims", Read),
    ("resources", Fields(RESOURCES)),
    ("restartPolicy", Read),
    ("runtimeClassName", Read),
    ("schedulerName", Read),
    ("schedulingGates", Fields(&[("name", Read)])),
    ("schedulingGroup", Read),
    ("securityContext", Silent),
    ("serviceAccount", Silent),
    ("serviceAccountName", Silent),
    ("setHostnameAsFQDN", Silent),
    ("shareProcessNamespace", Silent),
    ("subdomain", Silent),
    ("terminationGracePeriodSeconds", Read),
    ("tolerations", Fields(TOLERATION)),
    ("topologySpreadConstraints", Fields(SPREAD)),
    ("volumes", Fields(VOLUME)),
    ("workloadRef", Read),
];

const RESOURCES: List = &[("claims", Read), ("limits", Read), ("requests", Read)];

const CONTAINER: List = &[
    ("args", Silent),
    ("command", Silent),
    ("env", Read),
    ("envFrom", Read),
    ("image", Read),
    ("imagePullPolicy", Read),
    ("lifecycle", Fields(LIFECYCLE)),
    ("livenessProbe", Fields(PROBE)),
    ("name", Read),
    (
        "ports",
        Fields(&[
            ("containerPort", Read),
            ("hostIP", Read),
            ("hostPort", Read),
            ("name", Read),
            ("protocol", Read),
        ]),
    ),
    ("readinessProbe", Fields(PROBE)),
    (
        "resizePolicy",
        LeftOut("a resize in place never restarts the container"),
    ),
    ("resources", Fields(RESOURCES)),
    ("restartPolicy", Read),
    (
        "restartPolicyRules",
        LeftOut("exit codes do not decide on restarts; the restart policy does"),
    ),
    ("securityContext", Silent),
    ("startupProbe", Fields(PROBE)),
    ("stdin", Silent),
    ("stdinOnce", Silent),
    ("terminationMessagePath", Silent),
    ("terminationMessagePolicy", Silent),
    ("tty", Silent),
    ("volumeDevices", Silent),
    ("volumeMounts", Silent),
    ("workingDir", Silent),
];

const HOOK_TIME: &str =
    "the hook takes no time; the annotation `windtunnel.dev/pre-stop-time` states one";

const LIFECYCLE: List = &[
    (
        "postStart",
        LeftOut("the hook takes no time and never fails: the container runs at once"),
    ),
    (
        "preStop",
        Fields(&[
            ("exec", LeftOut(HOOK_TIME)),
            ("httpGet", LeftOut(HOOK_TIME)),
            ("sleep", Fields(&[("seconds", Read)])),
            ("tcpSocket", LeftOut(HOOK_TIME)),
        ]),
    ),
    ("stopSignal", Silent),
];

const PROBE: List = &[
    ("exec", Silent),
    ("failureThreshold", Read),
    ("grpc", Silent),
    ("httpGet", Silent),
    ("initialDelaySeconds", Read),
    ("periodSeconds", Read),
    ("successThreshold", Read),
    ("tcpSocket", Silent),
    (
        "terminationGracePeriodSeconds",
        LeftOut("a container that fails the probe has the grace period of its pod"),
    ),
    ("timeoutSeconds", Read),
];

const TOLERATION: List = &[
    ("effect", Read),
    ("key", Read),
    ("operator", Read),
    ("tolerationSeconds", Read),
    ("value", Read),
];

/// A label selector.
pub(super) const SELECTOR: List = &[
    ("matchExpressions", Fields(EXPRESSION)),
    ("matchLabels", Read),
];

const EXPRESSION: List = &[("key", Read), ("operator", Read), ("values", Read)];

const SPREAD: List = &[
    ("labelSelector", Fields(SELECTOR)),
    ("matchLabelKeys", Read),
    ("maxSkew", Read),
    ("minDomains", Read),
    ("nodeAffinityPolicy", Read),
    ("nodeTaintsPolicy", Read),
    ("topologyKey", Read),
    ("whenUnsatisfiable", Read),
];

const AFFINITY: List = &[
    ("nodeAffinity", Fields(NODE_AFFINITY)),
    ("podAffinity", Fields(POD_AFFINITY)),
    ("podAntiAffinity", Fields(POD_AFFINITY)),
];

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

const NODE_AFFINITY: List = &[
    (
        PREFERRED,
        Fields(&[("preference", Fields(NODE_TERM)), ("weight", Read)]),
    ),
    (REQUIRED, Fields(NODE_SELECTOR)),
];

/// A selector of nodes.
pub(super) const NODE_SELECTOR: List = &[("nodeSelectorTerms", Fields(NODE_TERM))];

const NODE_TERM: List = &[
    ("matchExpressions", Fields(EXPRESSION)),
    ("matchFields", Fields(EXPRESSION)),
];

const POD_AFFINITY: List = &[
    (
        PREFERRED,
        Fields(&[("podAffinityTerm", Fields(POD_TERM)), ("weight", Read)]),
    ),
    (REQUIRED, Fields(POD_TERM)),
];

const POD_TERM: List = &[
    ("labelSelector", Fields(SELECTOR)),
    ("matchLabelKeys", Read),
    ("mismatchLabelKeys", Read),
    ("namespaceSelector", Fields(SELECTOR)),
    ("namespaces", Read),
    ("topologyKey", Read),
];

const DISK_LIMITS: &str = "volume limits of nodes ignore it";

const VOLUME: List = &[
    ("awsElasticBlockStore", Read),
    ("azureDisk", Read),
    ("azureFile", Silent),
    ("cephfs", Silent),
    ("cinder", Read),
    ("configMap", Read),
    ("csi", Read),
    ("downwardAPI", Silent),
    // What pods write to disks is not stated anywhere, so that no limit is ever reached.
    (
        "emptyDir",
        Fields(&[("medium", Read), ("sizeLimit", Silent)]),
    ),
    ("ephemeral", Read),
    ("fc", Silent),
    ("flexVolume", Silent),
    ("flocker", Silent),
    ("gcePersistentDisk", Read),
    ("gitRepo", Silent),
    ("glusterfs", Silent),
    ("hostPath", Read),
    (
        "image",
        LeftOut("the image is there at once, however large it is"),
    ),
    ("iscsi", Read),
    ("name", Read),
    ("nfs", Silent),
    (
        "persistentVolumeClaim",
        Fields(&[("claimName", Read), ("readOnly", Silent)]),
    ),
    ("photonPersistentDisk", LeftOut(DISK_LIMITS)),
    ("portworxVolume", LeftOut(DISK_LIMITS)),
    ("projected", Read),
    ("quobyte", Silent),
    ("rbd", Read),
    ("scaleIO", LeftOut(DISK_LIMITS)),
    ("secret", Read),
    ("storageos", LeftOut(DISK_LIMITS)),
    ("vsphereVolume", LeftOut(DISK_LIMITS)),
];
