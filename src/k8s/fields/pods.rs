//! Fields of pods and of the templates of pods.

use super::cluster::{METADATA, POD_METADATA};
use super::{KEPT, List, PRESENCE, READ, REFERENCES, SILENT, fields, left_out, part, whole};

/// Kinds of pods.
pub(super) const KINDS: &[(&str, List)] = table! { Pod: POD };

const POD: List = table! {
    metadata: fields(POD_METADATA),
    spec: fields(POD_SPEC),
    status: part(STATUS),
};

const STATUS: List = table! {
    nominatedNodeName phase readySince reason startTime: KEPT,
    conditions: part(CONDITION),
    containerStatuses initContainerStatuses: part(CONTAINER_STATUS),
};

/// A condition whose time counts.
pub(super) const CONDITION: List = table! { lastTransitionTime reason status type: KEPT };

const CONTAINER_STATUS: List = table! {
    allocatedResources name ready restartCount: KEPT,
    lastState state: part(CONTAINER_STATE),
    resources: part(table! { requests: KEPT }),
};

const CONTAINER_STATE: List = table! {
    running: part(table! { startedAt: KEPT }),
    terminated: part(table! { exitCode finishedAt startedAt: KEPT }),
    waiting: part(table! { reason: KEPT }),
};

/// Template of a workload's pods.
pub(super) const TEMPLATE: List = table! {
    metadata: fields(METADATA),
    spec: fields(POD_SPEC),
};

/// The `spec` of a pod.
pub(crate) const POD_SPEC: List = table! {
    activeDeadlineSeconds hostNetwork nodeName nodeSelector overhead preemptionPolicy
        priority priorityClassName restartPolicy runtimeClassName schedulerName
        terminationGracePeriodSeconds: KEPT,
    schedulingGroup workloadRef: PRESENCE,
    affinity: whole(AFFINITY),
    containers initContainers: fields(CONTAINER),
    resourceClaims: part(CLAIM),
    resources: fields(RESOURCES),
    schedulingGates: fields(table! { name: KEPT }),
    tolerations: whole(TOLERATION),
    topologySpreadConstraints: whole(SPREAD),
    volumes: fields(VOLUME),
    os: left_out(
        "a node of another operating system does not refuse the pod; a `nodeSelector` on \
        `kubernetes.io/os` is heeded",
    ),
    readinessGates: left_out("the pod is ready as soon as its containers are"),
    automountServiceAccountToken dnsConfig dnsPolicy enableServiceLinks ephemeralContainers
        hostAliases hostIPC hostPID hostUsers hostname hostnameOverride imagePullSecrets
        securityContext serviceAccount serviceAccountName setHostnameAsFQDN
        shareProcessNamespace subdomain: SILENT,
};

pub(super) const RESOURCES: List = table! {
    limits requests: KEPT,
    claims: part(NAMES),
};

const CONTAINER: List = table! {
    image imagePullPolicy name restartPolicy: KEPT,
    env envFrom: REFERENCES,
    lifecycle: fields(LIFECYCLE),
    livenessProbe readinessProbe startupProbe: fields(PROBE),
    ports: fields(table! {
        containerPort hostIP hostPort protocol: KEPT,
        name: READ,
    }),
    resources: fields(RESOURCES),
    resizePolicy: left_out("a resize in place never restarts the container"),
    restartPolicyRules:
        left_out("exit codes do not decide on restarts; the restart policy does"),
    args command securityContext stdin stdinOnce terminationMessagePath
        terminationMessagePolicy tty volumeDevices volumeMounts workingDir: SILENT,
};

const HOOK_TIME: &str =
    "the hook takes no time; the annotation `windtunnel.dev/pre-stop-time` states one";

const LIFECYCLE: List = table! {
    preStop: fields(table! {
        sleep: whole(table! { seconds: KEPT }),
        exec httpGet tcpSocket: left_out(HOOK_TIME),
    }),
    postStart:
        left_out("the hook takes no time and never fails: the container runs at once"),
    stopSignal: SILENT,
};

const PROBE: List = table! {
    failureThreshold initialDelaySeconds periodSeconds successThreshold timeoutSeconds:
        KEPT,
    terminationGracePeriodSeconds:
        left_out("a container that fails the probe has the grace period of its pod"),
    exec grpc httpGet tcpSocket: PRESENCE,
};

const TOLERATION: List = table! { effect key operator tolerationSeconds value: KEPT };

/// A label selector.
pub(super) const SELECTOR: List = table! {
    matchLabels: KEPT,
    matchExpressions: fields(EXPRESSION),
};

const EXPRESSION: List = table! { key operator values: KEPT };

const SPREAD: List = table! {
    matchLabelKeys maxSkew minDomains nodeAffinityPolicy nodeTaintsPolicy topologyKey
        whenUnsatisfiable: KEPT,
    labelSelector: fields(SELECTOR),
};

const AFFINITY: List = table! {
    nodeAffinity: fields(NODE_AFFINITY),
    podAffinity podAntiAffinity: fields(POD_AFFINITY),
};

const NODE_AFFINITY: List = table! {
    preferredDuringSchedulingIgnoredDuringExecution: fields(table! {
        weight: KEPT,
        preference: fields(NODE_TERM),
    }),
    requiredDuringSchedulingIgnoredDuringExecution: fields(NODE_SELECTOR),
};

/// A selector of nodes.
pub(super) const NODE_SELECTOR: List = table! { nodeSelectorTerms: fields(NODE_TERM) };

const NODE_TERM: List = table! { matchExpressions matchFields: fields(EXPRESSION) };

const POD_AFFINITY: List = table! {
    preferredDuringSchedulingIgnoredDuringExecution: fields(table! {
        weight: KEPT,
        podAffinityTerm: fields(POD_TERM),
    }),
    requiredDuringSchedulingIgnoredDuringExecution: fields(POD_TERM),
};

const POD_TERM: List = table! {
    matchLabelKeys mismatchLabelKeys namespaces topologyKey: KEPT,
    labelSelector namespaceSelector: fields(SELECTOR),
};

const NAMES: List = table! { name: KEPT };

/// A claim on devices.
const CLAIM: List = table! {
    name resourceClaimName resourceClaimTemplateName: KEPT,
    source: part(table! { resourceClaimName resourceClaimTemplateName: KEPT }),
};

/// What a disk of any kind is known by.
const DISK: List = table! { image iqn monitors pdName pool readOnly volumeID: KEPT };

const DISK_LIMITS: &str = "volume limits of nodes ignore it";

const VOLUME: List = table! {
    name: KEPT,
    azureDisk cinder csi hostPath: PRESENCE,
    ephemeral: part(table! { volumeClaimTemplate: part(super::workloads::CLAIM_TEMPLATE) }),
    configMap projected secret: REFERENCES,
    awsElasticBlockStore gcePersistentDisk iscsi rbd: part(DISK),
    // What pods write to disks is not stated anywhere, so that no limit is ever reached.
    emptyDir: fields(table! {
        medium: KEPT,
        sizeLimit: SILENT,
    }),
    persistentVolumeClaim: fields(table! {
        claimName: KEPT,
        readOnly: SILENT,
    }),
    image: left_out("the image is there at once, however large it is"),
    photonPersistentDisk portworxVolume scaleIO storageos vsphereVolume:
        left_out(DISK_LIMITS),
    azureFile cephfs downwardAPI fc flexVolume flocker gitRepo glusterfs nfs quobyte:
        SILENT,
};
