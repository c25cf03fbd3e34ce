"""Catalogue of edits: which values of which fields change to what, and whether that is neutral by rule.

A row is (fate, where, path, values). Fates: `real`; `neutral`: nothing that is scheduled, sized or timed hangs on the
field; `refused`: the API server does not take the object. Where: `template` (of every workload's pods), `container`
(the first of it), a kind, a kind and a name, or `scenario`. A path's steps are divided by spaces. A value is plain,
`REMOVED`, or a function of the present one, which gives `None` where the row does not apply.
"""

import re

from yamltext import REMOVED

UNITS = {"m": 1, "": 1000}
BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}


def times(factor):
    """The present amount times a factor, in its own unit."""

    def scaled(old):
        found = re.fullmatch(r"([0-9.]+)(.*)", str(old)) if old is not None else None
        if found is None:
            return None
        number = float(found[1]) * factor
        number = int(number) if number == int(number) else round(number, 3)
        return f"{number}{found[2]}" if isinstance(old, str) else number

    return scaled


def same(old):
    """The same amount in another unit."""
    text = str(old)
    for unit, smaller, by in (("Gi", "Mi", 1024), ("Mi", "Ki", 1024), ("G", "M", 1000), ("M", "k", 1000)):
        if re.fullmatch(rf"[0-9]+{unit}", text):
            return f"{int(text[: -len(unit)]) * by}{smaller}"
    if re.fullmatch(r"[0-9]+m", text):
        return str(int(text[:-1]) / 1000)
    if re.fullmatch(r"[0-9]+", text):
        return f"{text}000m"
    return None


def same_time(old):
    """The same duration in another unit."""
    text = str(old)
    for unit, smaller in (("h", "m"), ("m", "s"), ("s", "ms")):
        if re.fullmatch(rf"[0-9]+{unit}", text):
            return f"{int(text[:-1]) * (1000 if unit == 's' else 60)}{smaller}"
    return None


def absent(new):
    """A value for a field that is not stated."""
    return lambda old: new if old is None else None


def instead(new):
    """A value for a field that is stated, other than it."""
    return lambda old: new if old not in (None, new) else None


def plus(item):
    """A list with one more item."""
    return lambda old: [*(old or []), item]


def misspelt(old):
    """A name with two letters exchanged, or one doubled."""
    if not isinstance(old, str):
        return None
    return old[:-2] + old[-1] + old[-2] if old[-1] != old[-2] else old + old[-1]


# `APP` in a value stands for the label `app` of the pods, and `NULL` for no value.
APP = {"matchLabels": {"app": "APP"}}
APART = [{"labelSelector": APP, "topologyKey": "kubernetes.io/hostname"}]
EVEN = {"labelSelector": APP, "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
HTTP = {"httpGet": {"path": "/live", "port": 8080}}
ZONE = lambda *zones: [{"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": list(zones)}]}]
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
RESOURCE = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "300m"}}}
FIT = {"weight": 10, "scoringStrategy": {"type": "MostAllocated", "resources": [{"name": "cpu", "weight": 1}]}}

PODS = [
    ("real", "container", "resources requests cpu", [times(2), times(4), times(0.5), "7", REMOVED]),
    ("real", "container", "resources requests memory", [times(2), times(4), times(0.25), "30Gi", REMOVED]),
    ("real", "container", "resources requests ephemeral-storage", [absent("10Gi")]),
    ("real", "container", "resources limits example.com/licence", [absent("1")]),
    ("real", "container", "resources limits cpu", [absent("8"), absent("2")]),
    ("real", "container", "resources limits memory", [times(2), absent("16Gi"), REMOVED]),
    ("real", "container", "ports", [absent([{"containerPort": 9100, "hostPort": 9100}])]),
    ("real", "container", "imagePullPolicy", [absent("Always")]),
    ("real", "container", "readinessProbe initialDelaySeconds", [instead(60), 120]),
    ("real", "container", "readinessProbe periodSeconds", [60, 120]),
    ("real", "container", "readinessProbe successThreshold", [5]),
    ("real", "container", "readinessProbe", [REMOVED]),
    ("real", "container", "livenessProbe", [absent({**HTTP, "periodSeconds": 5, "failureThreshold": 1})]),
    ("real", "container", "startupProbe", [absent({**HTTP, "initialDelaySeconds": 90, "periodSeconds": 10})]),
    ("real", "container", "lifecycle preStop sleep seconds", [absent(20)]),
    ("real", "template", "spec initContainers", [absent([{"name": "warm", "image": "registry.example/warm:1", "resources": {"requests": {"cpu": "6", "memory": "4Gi"}}}])]),
    ("real", "template", "spec nodeSelector", [absent({"pool": "general"}), absent({"disk": "ssd"}), absent({"topology.kubernetes.io/zone": "z0"})]),
    ("real", "template", "spec affinity", [REMOVED, absent({"podAntiAffinity": {REQUIRED: APART}}), absent({"podAffinity": {REQUIRED: APART}})]),
    ("real", "template", f"spec affinity nodeAffinity {REQUIRED} nodeSelectorTerms", [absent(ZONE("z0")), absent(ZONE("z1", "z2")), absent(ZONE("zone-a"))]),
    ("real", "template", f"spec affinity podAntiAffinity {PREFERRED}", [absent([{"weight": 100, "podAffinityTerm": APART[0]}])]),
    ("real", "template", f"spec affinity podAntiAffinity {REQUIRED} 0 labelSelector matchLabels app", [misspelt]),
    ("real", "template", f"spec affinity podAntiAffinity {REQUIRED} 0 topologyKey", [instead("topology.kubernetes.io/zone"), misspelt]),
    ("real", "template", f"spec affinity podAntiAffinity {REQUIRED} 0 namespaces", [lambda old: ["default"]]),
    ("real", "template", "spec tolerations", [REMOVED, absent([{"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}])]),
    ("real", "template", "spec tolerations 0 effect", [lambda old: "NoSchedule"]),
    ("real", "template", "spec topologySpreadConstraints", [REMOVED, absent([EVEN])]),
    ("real", "template", "spec topologySpreadConstraints 0 labelSelector matchLabels app", [misspelt]),
    ("real", "template", "spec topologySpreadConstraints 0 maxSkew", [instead(3), instead(10)]),
    ("real", "template", "spec topologySpreadConstraints 0 whenUnsatisfiable", [instead("ScheduleAnyway")]),
    ("real", "template", "spec topologySpreadConstraints 0 topologyKey", [instead("kubernetes.io/hostname"), misspelt]),
    ("real", "template", "spec topologySpreadConstraints 0 minDomains", [absent(4)]),
    ("real", "template", "spec topologySpreadConstraints 0 nodeTaintsPolicy", [absent("Honor")]),
    ("real", "template", "spec topologySpreadConstraints 0 matchLabelKeys", [absent(["pod-template-hash"])]),
    ("real", "template", "spec priorityClassName", [instead("background"), absent("customer-facing"), REMOVED]),
    ("real", "template", "spec schedulerName", [absent("other-scheduler")]),
    ("real", "template", "spec terminationGracePeriodSeconds", [absent(0), absent(300), absent(600)]),
    ("real", "template", "spec hostNetwork", [absent(True)]),
    ("real", "template", "spec nodeName", [absent("pool-0")]),
    ("real", "template", "spec schedulingGates", [absent([{"name": "example.com/quota"}])]),
    ("real", "template", "spec volumes", [absent([{"name": "scratch", "persistentVolumeClaim": {"claimName": "missing"}}])]),
    ("real", "template", "metadata annotations windtunnel.dev/service-time", [instead("lognormal(100ms, 0.5)"), REMOVED]),
    ("real", "template", "metadata annotations windtunnel.dev/cpu-per-request", [times(3)]),
    ("real", "template", "metadata annotations windtunnel.dev/concurrency", [instead("4")]),
    ("real", "template", "metadata annotations windtunnel.dev/run-time", [instead("lognormal(30m, 0.4)"), instead("lognormal(2m, 0.4)")]),
    ("real", "template", "metadata annotations windtunnel.dev/start-time", [absent("lognormal(60s, 0.3)")]),
    ("real", "template", "metadata annotations windtunnel.dev/stop-time", [absent("90s")]),
    ("refused", "container", "resources limits memory", [absent("1Mi"), instead("1Mi")]),
    ("refused", "container", "resources requests cpu", ["-1", "two"]),
    ("refused", "container", "imagePullPolicy", [absent("Sometimes")]),
    ("refused", "template", "spec restartPolicy", [absent("Never"), instead("Always")]),
    ("refused", "template", "spec terminationGracePeriodSeconds", [absent(-5)]),
    ("refused", "template", "spec topologySpreadConstraints 0 maxSkew", [instead(0)]),
    ("refused", "template", "spec tolerations", [absent([{"key": "a", "operator": "Equals"}])]),
    ("refused", "template", "spec priorityClassName", [misspelt]),
    ("neutral", "container", "env", [plus({"name": "COLOUR", "value": "blue"}), absent([{"name": "MODE", "value": "fast"}])]),
    ("neutral", "container", "env 0 value", [instead("debug"), instead("8")]),
    ("neutral", "container", "command", [absent(["/bin/server", "--verbose"])]),
    ("neutral", "container", "args", [absent(["--verbose"])]),
    ("neutral", "container", "workingDir", [absent("/srv")]),
    ("neutral", "container", "tty", [absent(True)]),
    ("neutral", "container", "terminationMessagePolicy", [absent("FallbackToLogsOnError")]),
    ("neutral", "container", "securityContext", [absent({"readOnlyRootFilesystem": True, "runAsNonRoot": True})]),
    ("neutral", "container", "volumeMounts 0 mountPath", [instead("/var/data")]),
    ("neutral", "container", "readinessProbe httpGet path", [instead("/healthz")]),
    ("neutral", "container", "readinessProbe timeoutSeconds", [absent(1)]),
    ("neutral", "container", "readinessProbe failureThreshold", [absent(3)]),
    ("neutral", "container", "imagePullPolicy", [absent("IfNotPresent")]),
    ("neutral", "container", "resources requests cpu", [same]),
    ("neutral", "container", "resources requests memory", [same]),
    ("neutral", "container", "resources limits memory", [same]),
    ("neutral", "container", "ports 0 name", [lambda old: "http"]),
    ("neutral", "template", "spec securityContext", [absent({"runAsUser": 1000, "fsGroup": 1000})]),
    ("neutral", "template", "spec dnsPolicy", [absent("ClusterFirst")]),
    ("neutral", "template", "spec enableServiceLinks", [absent(False)]),
    ("neutral", "template", "spec automountServiceAccountToken", [absent(False)]),
    ("neutral", "template", "spec imagePullSecrets", [absent([{"name": "registry"}])]),
    ("neutral", "template", "spec hostAliases", [absent([{"ip": "10.0.0.9", "hostnames": ["old.example"]}])]),
    ("neutral", "template", "spec terminationGracePeriodSeconds", [absent(30)]),
    ("neutral", "template", "spec schedulerName", [absent("default-scheduler")]),
    ("neutral", "template", "spec restartPolicy", [absent("Always")]),
    ("neutral", "template", "metadata annotations team", [instead("retail"), instead("payments")]),
    ("neutral", "template", "metadata annotations example.com/owner", [absent("ann")]),
    ("neutral", "template", "metadata labels tier", [absent("gold")]),
]

KINDS = [
    ("real", "Deployment StatefulSet", "spec replicas", [times(2), times(3), 1, 0]),
    ("real", "Deployment StatefulSet DaemonSet", "spec minReadySeconds", [absent(60), absent(300)]),
    ("real", "Deployment", "spec strategy", [absent({"type": "Recreate"}), instead({"type": "Recreate"})]),
    ("real", "Deployment", "spec strategy rollingUpdate maxSurge", [instead("100%"), absent("50%")]),
    ("real", "Deployment", "spec strategy rollingUpdate maxUnavailable", [instead("50%"), absent("50%")]),
    ("real", "Deployment", "spec paused", [absent(True)]),
    ("real", "StatefulSet", "spec podManagementPolicy", [absent("Parallel")]),
    ("real", "StatefulSet", "spec updateStrategy", [absent({"type": "OnDelete"})]),
    ("real", "StatefulSet", "spec updateStrategy rollingUpdate partition", [absent(2)]),
    ("real", "StatefulSet", "spec ordinals start", [absent(5)]),
    ("real", "StatefulSet", "spec volumeClaimTemplates 0 spec storageClassName", [misspelt]),
    ("real", "DaemonSet", "spec updateStrategy rollingUpdate maxUnavailable", [absent("100%")]),
    ("real", "CronJob", "spec schedule", [instead("*/2 * * * *"), instead("0 3 * * *"), instead("*/30 * * * *")]),
    ("real", "CronJob", "spec concurrencyPolicy", [instead("Forbid"), instead("Replace")]),
    ("real", "CronJob", "spec suspend", [absent(True)]),
    ("real", "CronJob", "spec timeZone", [absent("Asia/Kolkata")]),
    ("real", "CronJob", "spec startingDeadlineSeconds", [absent(30)]),
    ("real", "CronJob", "spec jobTemplate spec completions", [times(4), times(0.25)]),
    ("real", "CronJob", "spec jobTemplate spec parallelism", [times(0.25), 1, times(4)]),
    ("real", "CronJob", "spec jobTemplate spec backoffLimit", [absent(0)]),
    ("real", "CronJob", "spec jobTemplate spec activeDeadlineSeconds", [absent(120)]),
    ("real", "CronJob", "spec jobTemplate spec ttlSecondsAfterFinished", [absent(0)]),
    ("real", "CronJob", "spec jobTemplate spec completionMode", [absent("Indexed")]),
    ("real", "CronJob", "spec jobTemplate spec podReplacementPolicy", [absent("Failed")]),
    ("real", "PodDisruptionBudget", "spec minAvailable", [instead(5), instead(1), instead("20%")]),
    ("real", "PodDisruptionBudget", "spec maxUnavailable", [instead("100%"), instead(0)]),
    ("real", "PodDisruptionBudget", "spec selector matchLabels app", [misspelt]),
    ("real", "PodDisruptionBudget", "spec unhealthyPodEvictionPolicy", [absent("AlwaysAllow")]),
    ("real", "PodDisruptionBudget", "", [REMOVED]),
    ("real", "HorizontalPodAutoscaler", "spec maxReplicas", [8, 12, times(2)]),
    ("real", "HorizontalPodAutoscaler", "spec minReplicas", [2, 1, times(2)]),
    ("real", "HorizontalPodAutoscaler", "spec metrics 0 resource target averageUtilization", [30, 85, 95]),
    ("real", "HorizontalPodAutoscaler", "spec metrics", [plus(RESOURCE)]),
    ("real", "HorizontalPodAutoscaler", "spec scaleTargetRef name", [misspelt, instead("api")]),
    ("real", "HorizontalPodAutoscaler", "spec behavior scaleUp", [absent({"stabilizationWindowSeconds": 600}), absent({"policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]})]),
    ("real", "HorizontalPodAutoscaler", "spec behavior scaleDown stabilizationWindowSeconds", [absent(0)]),
    ("real", "HorizontalPodAutoscaler", "", [REMOVED]),
    ("real", "PriorityClass", "value", [instead(5), instead(1000), instead(100000)]),
    ("real", "PriorityClass", "preemptionPolicy", [absent("Never")]),
    ("real", "PriorityClass", "globalDefault", [absent(True)]),
    ("real", "Service", "spec selector app", [misspelt]),
    ("real", "Service", "spec sessionAffinity", [absent("ClientIP")]),
    ("real", "Service", "spec publishNotReadyAddresses", [absent(True)]),
    ("real", "Service", "", [REMOVED]),
    ("real", "Ingress", "spec rules 0 host", [misspelt]),
    ("real", "Ingress", "spec rules 0 http paths 0 path", [instead("/shop")]),
    ("real", "Ingress", "spec rules 0 http paths 0 backend service name", [misspelt]),
    ("real", "StorageClass", "volumeBindingMode", [instead("Immediate")]),
    ("real", "StorageClass", "allowedTopologies", [absent([{"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": ["z0"]}]}])]),
    ("refused", "Deployment StatefulSet", "spec replicas", [-1, "five"]),
    ("refused", "Deployment StatefulSet DaemonSet", "spec selector matchLabels app", [misspelt]),
    ("refused", "Deployment StatefulSet DaemonSet", "spec template metadata labels app", [misspelt]),
    ("refused", "CronJob", "spec schedule", ["every day"]),
    ("refused", "CronJob", "spec concurrencyPolicy", ["Never"]),
    ("refused", "PodDisruptionBudget", "spec maxUnavailable", [absent(1)]),
    ("refused", "PodDisruptionBudget", "spec minAvailable", [absent(2), instead("120")]),
    ("refused", "HorizontalPodAutoscaler", "spec maxReplicas", [0, 3]),
    ("refused", "PriorityClass", "value", [2000000000]),
    ("refused", "PriorityClass", "preemptionPolicy", [absent("Always")]),
    ("neutral", "ConfigMap", "data", [lambda old: {**old, "extra": "text"}]),
    ("neutral", "ConfigMap", "data feature", [instead("on")]),
    ("neutral", "ConfigMap", "immutable", [absent(True)]),
    ("neutral", "Secret", "stringData password", [instead("y")]),
    ("neutral", "PriorityClass", "description", [absent("of the shop")]),
    ("neutral", "Deployment", "spec revisionHistoryLimit", [absent(10)]),
    ("neutral", "Deployment", "spec progressDeadlineSeconds", [absent(600)]),
    ("neutral", "Deployment", "spec strategy type", [absent("RollingUpdate")]),
    ("neutral", "StatefulSet", "spec serviceName", [instead("db-internal")]),
    ("neutral", "StatefulSet", "spec persistentVolumeClaimRetentionPolicy", [absent({"whenDeleted": "Retain"})]),
    ("neutral", "StatefulSet", "spec podManagementPolicy", [absent("OrderedReady")]),
    ("neutral", "Service", "spec ports 0 name", [absent("main")]),
    ("neutral", "Service", "spec ipFamilyPolicy", [absent("SingleStack")]),
    ("neutral", "StorageClass", "reclaimPolicy", [absent("Retain")]),
    ("neutral", "StorageClass", "parameters", [absent({"type": "gp3"})]),
    ("neutral", "Ingress", "spec ingressClassName", [absent("nginx")]),
    ("neutral", "Ingress", "spec tls", [absent([{"hosts": ["shop.example"], "secretName": "tls"}])]),
    ("neutral", "NetworkPolicy", "spec ingress", [absent([{}])]),
    ("neutral", "ServiceMonitor", "spec endpoints 0 port", [instead("http")]),
    ("neutral", "PodDisruptionBudget HorizontalPodAutoscaler Deployment StatefulSet DaemonSet CronJob Service", "metadata annotations example.com/reviewed", [absent("yes")]),
    ("neutral", "PodDisruptionBudget HorizontalPodAutoscaler Deployment StatefulSet DaemonSet CronJob Service Ingress", "metadata labels app.kubernetes.io/version", [absent("7")]),
    ("neutral", "Deployment StatefulSet DaemonSet PodDisruptionBudget", "status", [absent({})]),
    ("neutral", "Deployment StatefulSet DaemonSet CronJob", "metadata creationTimestamp", [lambda old: "NULL"]),
]

NODES, GROUP, LAYERS = "cluster nodes 0", "cluster provider groups", "models images layers"
PLUGINS = "system scheduler plugins"
SCENARIO = [
    ("real", "scenario", f"{NODES} count", [times(0.5), 5, times(2)]),
    ("real", "scenario", f"{NODES} zone", [instead("z{index % 2}"), instead("z0")]),
    ("real", "scenario", f"{NODES} template allocatable cpu", [times(0.5), times(2), 3]),
    ("real", "scenario", f"{NODES} template allocatable memory", [times(0.5), "6Gi"]),
    ("real", "scenario", f"{NODES} template allocatable pods", [5, 8]),
    ("real", "scenario", f"{NODES} template price", [times(2), times(0.5)]),
    ("real", "scenario", f"{NODES} template taints", [absent([{"key": "team", "value": "shop", "effect": "NoSchedule"}])]),
    ("real", "scenario", "cluster provider boot", [instead("lognormal(15m, 0.2)"), instead("1s")]),
    ("real", "scenario", f"{GROUP} 0", [REMOVED]),
    ("real", "scenario", f"{GROUP} 1 max", [0, 1, 8]),
    ("real", "scenario", f"{GROUP} 2 zone", [instead("z0")]),
    ("real", "scenario", f"{GROUP} 0 min", [absent(2)]),
    ("real", "scenario", f"{GROUP} 1 price", [times(5), times(0.1)]),
    ("real", "scenario", f"{GROUP} 2 template allocatable cpu", [times(0.5), times(4)]),
    ("real", "scenario", f"{LAYERS} base", [times(10)]),
    ("real", "scenario", f"{LAYERS} web", [times(10), times(2)]),
    ("real", "scenario", f"{LAYERS} db", [times(10), times(0.1)]),
    ("real", "scenario", f"{LAYERS} report", [times(20)]),
    ("real", "scenario", "models images registryBandwidth", [times(0.1), times(0.01)]),
    ("real", "scenario", "models images nodeBandwidth", [times(0.1), times(0.05)]),
    ("real", "scenario", "models startup containerStart", [instead("lognormal(20s, 0.5)"), instead("lognormal(2s, 1.5)")]),
    ("real", "scenario", "models set", [REMOVED]),
    ("real", "scenario", "traffic 0 diurnal mean", [times(2), times(1.3), times(0.5)]),
    ("real", "scenario", "traffic 0 diurnal flashCrowds 0 times", [5, 3]),
    ("real", "scenario", "traffic 0 timeout", [instead("100ms")]),
    ("real", "scenario", "metrics minReadyPercent", [100, 50]),
    ("real", "scenario", f"{PLUGINS} NodeResourcesFit", [absent(FIT)]),
    ("real", "scenario", f"{PLUGINS} NodeResourcesFit weight", [absent(100)]),
    ("real", "scenario", f"{PLUGINS} PodTopologySpread", [absent("NULL")]),
    ("real", "scenario", f"{PLUGINS} InterPodAffinity", [absent("NULL")]),
    ("real", "scenario", f"{PLUGINS} ImageLocality weight", [absent(100)]),
    ("real", "scenario", f"{PLUGINS} NodeResourcesBalancedAllocation", [absent("NULL")]),
    ("real", "scenario", "system scheduler percentageOfNodesToScore", [absent(20)]),
    ("real", "scenario", "system autoscaling cluster scaleDown", [absent(False)]),
    ("real", "scenario", "system autoscaling cluster unneededTime", [absent("1m")]),
    ("real", "scenario", "system autoscaling cluster scanInterval", [absent("5m")]),
    ("real", "scenario", "system autoscaling", [REMOVED]),
    ("neutral", "scenario", "description", [absent("The shop and its crowds.")]),
    ("neutral", "scenario", f"{NODES} template allocatable memory", [same]),
    ("neutral", "scenario", f"{NODES} template allocatable cpu", [lambda old: f"{old}000m"]),
    ("neutral", "scenario", f"{NODES} template labels team", [absent("shop")]),
    ("neutral", "scenario", f"{GROUP} 0 template allocatable memory", [same]),
    ("neutral", "scenario", f"{GROUP} 1 min", [absent(0)]),
    ("neutral", "scenario", f"{LAYERS} web", [same]),
    ("neutral", "scenario", f"{LAYERS} spare", [absent("10M")]),
    ("neutral", "scenario", "models images registryBandwidth", [same]),
    ("neutral", "scenario", "traffic 0 diurnal period", [same_time]),
    ("neutral", "scenario", "traffic 0 timeout", [same_time]),
    ("neutral", "scenario", "stop at", [same_time]),
]

ROWS = PODS + KINDS + SCENARIO

NEW = [
    ("neutral", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "extra", "namespace": "shop"}, "data": {"a": "b"}}),
    ("neutral", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "extra", "namespace": "shop"}}),
    ("neutral", {"apiVersion": "shop.example/v1", "kind": "Tenant", "metadata": {"name": "blue", "namespace": "shop"}}),
    ("neutral", {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "spare"}, "value": 7}),
    ("real", {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small", "namespace": "shop"}, "spec": {"hard": {"pods": "12"}}}),
    ("real", {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "least", "namespace": "shop"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}),
    ("real", {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "db", "namespace": "shop"}, "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "db"}}}}),
    ("real", {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "batch", "namespace": "shop"}, "spec": {"replicas": 8, "selector": {"matchLabels": {"app": "batch"}}, "template": {"metadata": {"labels": {"app": "batch"}}, "spec": {"containers": [{"name": "batch", "image": "registry.example/api:3.0.0", "resources": {"requests": {"cpu": "2", "memory": "2Gi"}}}]}}}}),
]
