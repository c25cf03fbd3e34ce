//! A dump of a made-up cluster, in the form that `kubectl get … -A -o json --show-managed-fields`
//! prints: nodes in zones, some tainted; pods of deployments and stateful sets, most of them on a
//! node that has the room, a few waiting, ended or on their way out; what else lies about in a
//! cluster. The shapes are our own; they resemble those of clusters of web services.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Value, json};

use rng::Stream;

/// A cluster to be made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DumpConfig {
    /// Number of nodes.
    pub nodes: u32,
    /// Number of pods.
    pub pods: u32,
    /// Seed of all random streams.
    pub seed: u64,
}

const ZONES: [&str; 3] = ["eu-1a", "eu-1b", "eu-1c"];
const NAMESPACES: [&str; 8] = [
    "shop",
    "search",
    "data",
    "payments",
    "batch",
    "edge",
    "mail",
    "kube-system",
];
/// Pods of one workload.
const REPLICAS: u32 = 25;
/// Every so many nodes one is for a team alone.
const DEDICATED_EVERY: u32 = 20;
/// Every so many workloads one is a stateful set with volumes.
const STATEFUL_EVERY: u32 = 10;
const NODE_CPU_MILLI: i64 = 31_500;
const NODE_MEMORY_MI: i64 = 120_000;
const NODE_PODS: i64 = 110;
const MOMENT: &str = "2025-05-20T11:45:00Z";

/// Room on a node: milli-cores, MiB, pods.
type Room = [i64; 3];

/// Writes the dump.
pub fn write_kubectl_dump(config: &DumpConfig, mut out: impl Write) -> io::Result<()> {
    let mut list = List::begin(&mut out)?;
    for index in 0..config.nodes {
        list.item(&node(config, index))?;
    }
    for (name, value) in [("critical", 1_000_000), ("standard", 1_000), ("spare", -10)] {
        list.item(&json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": metadata(name, None, &json!({})), "value": value,
        }))?;
    }
    list.item(&json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": metadata("zonal", None, &json!({})), "provisioner": "csi.example.com",
        "volumeBindingMode": "WaitForFirstConsumer", "reclaimPolicy": "Delete",
    }))?;
    let mut cluster = Cluster::new(config);
    for number in 0..config.pods.div_ceil(REPLICAS) {
        let workload = Workload::draw(config.seed, number);
        list.item(&workload.owner())?;
        list.item(&workload.service())?;
        if number.is_multiple_of(4) {
            list.item(&workload.budget())?;
        }
        if number.is_multiple_of(16) {
            list.item(&workload.secret())?;
        }
        let last = config.pods.min((number + 1) * REPLICAS);
        for pod in number * REPLICAS..last {
            let place = cluster.place(&workload, pod);
            if let Some((volume, claim)) = workload.volume(pod, place) {
                list.item(&volume)?;
                list.item(&claim)?;
            }
            list.item(&workload.pod(pod, place))?;
        }
    }
    list.end()
}

/// A list being written as `kubectl` writes it.
struct List<W: Write> {
    out: W,
    any: bool,
}

impl<W: Write> List<W> {
    fn begin(mut out: W) -> io::Result<Self> {
        out.write_all(b"{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n")?;
        Ok(Self { out, any: false })
    }

    fn item(&mut self, item: &Value) -> io::Result<()> {
        if std::mem::replace(&mut self.any, true) {
            self.out.write_all(b",\n")?;
        }
        let formatter = PrettyFormatter::with_indent(b"    ");
        let mut serializer = Serializer::with_formatter(&mut self.out, formatter);
        item.serialize(&mut serializer).map_err(io::Error::from)
    }

    fn end(mut self) -> io::Result<()> {
        self.out
            .write_all(b"\n    ],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"\"\n    }\n}\n")
    }
}

fn uid(seed: u64, kind: &str, number: u64) -> String {
    let mut stream = Stream::new(seed, kind, number);
    let mut part = |bits: u32| stream.below(1 << bits);
    let [first, second, third, fourth, last] = [32, 16, 12, 12, 48].map(&mut part);
    format!("{first:08x}-{second:04x}-4{third:03x}-8{fourth:03x}-{last:012x}")
}

fn metadata(name: &str, namespace: Option<&str>, labels: &Value) -> Value {
    let mut metadata = json!({
        "creationTimestamp": "2025-03-01T08:00:00Z", "labels": labels,
        "managedFields": [managed("helm", "f:metadata", 12)],
        "name": name, "resourceVersion": "1234567",
    });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    metadata
}

/// An entry of managed fields with so many fields.
fn managed(manager: &str, part: &str, fields: usize) -> Value {
    let fields: serde_json::Map<String, Value> = (0..fields)
        .map(|number| {
            let key = format!("f:field{number}");
            (key, json!({".": {}, "f:name": {}, "f:value": {}}))
        })
        .collect();
    json!({
        "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {part: fields},
        "manager": manager, "operation": "Update", "time": MOMENT,
    })
}

fn node_name(index: u32) -> String {
    format!("node-{index:05}")
}

fn zone(index: u32) -> &'static str {
    ZONES[index as usize % ZONES.len()]
}

const fn is_dedicated(index: u32) -> bool {
    index % DEDICATED_EVERY == DEDICATED_EVERY - 1
}

fn node(config: &DumpConfig, index: u32) -> Value {
    let name = node_name(index);
    let mut metadata = metadata(
        &name,
        None,
        &json!({
            "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux", "node.kubernetes.io/instance-type": "m32",
            "disk": if index.is_multiple_of(4) { "ssd" } else { "hdd" },
            "topology.kubernetes.io/region": "eu-1", "topology.kubernetes.io/zone": zone(index),
        }),
    );
    metadata["uid"] = uid(config.seed, "generate/kubectl-dump/node", u64::from(index)).into();
    metadata["managedFields"] = json!([managed("kubelet", "f:status", 40)]);
    let taints = if is_dedicated(index) {
        json!([{"effect": "NoSchedule", "key": "dedicated", "value": "data"}])
    } else {
        json!([])
    };
    let images: Vec<Value> = (0..20_u32)
        .map(|image| {
            let number = (index + image * 7) % 200;
            json!({"names": [format!("registry.example.com/app-{number}:1.0")],
                "sizeBytes": 20_000_000 + 1_000_000 * i64::from(number)})
        })
        .collect();
    let condition = |kind: &str, status: &str| {
        json!({"lastHeartbeatTime": MOMENT, "lastTransitionTime": MOMENT, "status": status,
            "message": "kubelet is posting its status", "reason": "Kubelet", "type": kind})
    };
    let amounts = json!({
        "cpu": format!("{NODE_CPU_MILLI}m"), "ephemeral-storage": "95551679124",
        "hugepages-2Mi": "0", "memory": format!("{NODE_MEMORY_MI}Mi"),
        "pods": NODE_PODS.to_string(),
    });
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": metadata,
        "spec": {"podCIDR": "10.0.0.0/24", "taints": taints, "unschedulable": index % 97 == 96},
        "status": {
            "allocatable": amounts, "capacity": amounts, "images": images,
            "conditions": [condition("MemoryPressure", "False"), condition("Ready", "True")],
            "nodeInfo": {"kubeletVersion": "v1.34.1", "osImage": "Linux"},
        },
    })
}

/// The nodes as they fill up.
struct Cluster {
    rooms: Vec<Room>,
    stream: Stream,
}

impl Cluster {
    fn new(config: &DumpConfig) -> Self {
        Self {
            rooms: vec![[NODE_CPU_MILLI, NODE_MEMORY_MI, NODE_PODS]; config.nodes as usize],
            stream: Stream::new(config.seed, "generate/kubectl-dump/places", 0),
        }
    }

    /// A node with room for the pod; `None` for one that waits.
    fn place(&mut self, workload: &Workload, pod: u32) -> Option<u32> {
        if self.rooms.is_empty() || pod % 50 == 49 {
            return None;
        }
        let first = self.stream.below(self.rooms.len() as u64) as u32;
        let count = self.rooms.len() as u32;
        let wanted = [workload.cpu_milli, workload.memory_mi, 1];
        for step in 0..count {
            let index = (first + step) % count;
            let room = &mut self.rooms[index as usize];
            let fits = room
                .iter()
                .zip(wanted)
                .all(|(room, wanted)| *room >= wanted);
            let admits = is_dedicated(index) == workload.is_dedicated
                && (!workload.wants_ssd || index.is_multiple_of(4));
            if fits && admits {
                for (room, wanted) in room.iter_mut().zip(wanted) {
                    *room -= wanted;
                }
                return Some(index);
            }
        }
        None
    }
}

/// Pods of one shape.
struct Workload {
    seed: u64,
    number: u32,
    name: String,
    namespace: &'static str,
    cpu_milli: i64,
    memory_mi: i64,
    is_stateful: bool,
    is_dedicated: bool,
    wants_ssd: bool,
}

impl Workload {
    fn draw(seed: u64, number: u32) -> Self {
        let mut stream = Stream::new(seed, "generate/kubectl-dump/workload", u64::from(number));
        let namespace = NAMESPACES[stream.below(NAMESPACES.len() as u64) as usize];
        let is_dedicated = number % DEDICATED_EVERY == 3;
        Self {
            seed,
            number,
            name: format!("app-{number}"),
            namespace,
            cpu_milli: 50 * (1 + stream.below(18) as i64),
            memory_mi: 128 * (1 + stream.below(20) as i64),
            is_stateful: number % STATEFUL_EVERY == 5,
            is_dedicated,
            wants_ssd: number % 13 == 6 && !is_dedicated,
        }
    }

    fn kind(&self) -> &'static str {
        if self.is_stateful {
            "StatefulSet"
        } else {
            "ReplicaSet"
        }
    }

    fn labels(&self) -> Value {
        json!({"app.kubernetes.io/name": self.name, "team": format!("team-{}", self.number % 12)})
    }

    fn selector(&self) -> Value {
        json!({"matchLabels": {"app.kubernetes.io/name": self.name}})
    }

    fn own(&self, name: &str) -> Value {
        metadata(name, Some(self.namespace), &self.labels())
    }

    fn owner(&self) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": self.kind(), "metadata": self.own(&self.name),
            "spec": {"replicas": REPLICAS, "selector": self.selector(),
                "template": {"spec": {"containers": [{"name": "app",
                    "env": [{"name": "TOKEN", "value": "literal-value"}]}]}}},
        })
    }

    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": self.own(&self.name),
            "spec": {"ports": [{"port": 80}], "selector": {"app.kubernetes.io/name": self.name}},
        })
    }

    fn budget(&self) -> Value {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": self.own(&self.name),
            "spec": {"maxUnavailable": 1, "selector": self.selector()},
            "status": {"disruptionsAllowed": 1},
        })
    }

    fn secret(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": self.own(&self.name),
            "type": "Opaque", "data": {"password": "bGl0ZXJhbC12YWx1ZQ=="},
        })
    }

    fn pod_name(&self, pod: u32) -> String {
        let ordinal = pod % REPLICAS;
        if self.is_stateful {
            format!("{}-{ordinal}", self.name)
        } else {
            format!("{}-7d9f{ordinal:02}", self.name)
        }
    }

    /// The volume and claim of a pod of a stateful set that is on a node.
    fn volume(&self, pod: u32, place: Option<u32>) -> Option<(Value, Value)> {
        let zone = zone(place.filter(|_| self.is_stateful)?);
        let claim = format!("data-{}", self.pod_name(pod));
        let volume = format!("pvc-{}-{pod}", self.number);
        let identity = uid(self.seed, "generate/kubectl-dump/claim", u64::from(pod));
        let mut metadata_of_claim = self.own(&claim);
        metadata_of_claim["uid"] = identity.as_str().into();
        metadata_of_claim["annotations"] = json!({"pv.kubernetes.io/bind-completed": "yes"});
        let shared = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "zonal",
            "volumeMode": "Filesystem"});
        let mut of_volume = shared.clone();
        of_volume["capacity"] = json!({"storage": "50Gi"});
        of_volume["claimRef"] =
            json!({"namespace": self.namespace, "name": claim, "uid": identity});
        of_volume["csi"] = json!({"driver": "csi.example.com", "volumeHandle": volume});
        of_volume["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": [{"matchExpressions":
            [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}]}]}});
        let mut of_claim = shared;
        of_claim["resources"] = json!({"requests": {"storage": "50Gi"}});
        of_claim["volumeName"] = volume.as_str().into();
        Some((
            json!({"apiVersion": "v1", "kind": "PersistentVolume", "spec": of_volume,
                "metadata": metadata(&volume, None, &json!({})), "status": {"phase": "Bound"}}),
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "spec": of_claim,
                "metadata": metadata_of_claim, "status": {"phase": "Bound"}}),
        ))
    }

    fn pod(&self, pod: u32, place: Option<u32>) -> Value {
        let has_ended = pod % 100 == 33;
        let phase = match place {
            None => "Pending",
            Some(_) if has_ended => "Succeeded",
            Some(_) => "Running",
        };
        let mut value = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": self.pod_metadata(pod),
            "spec": self.pod_spec(pod, place),
            "status": {"phase": phase, "qosClass": "Burstable"},
        });
        if place.is_some() {
            let requests = value["spec"]["containers"][0]["resources"]["requests"].clone();
            value["status"]["startTime"] = "2025-05-01T10:00:00Z".into();
            value["status"]["conditions"] = json!([
                {"lastTransitionTime": MOMENT, "status": "True", "type": "Ready"},
                {"lastTransitionTime": MOMENT, "status": "True", "type": "PodScheduled"},
            ]);
            value["status"]["containerStatuses"] = json!([{
                "allocatedResources": requests, "containerID": "containerd://0123456789abcdef",
                "name": "app", "ready": true, "resources": {"requests": requests},
                "restartCount": 0, "state": {"running": {"startedAt": MOMENT}},
            }]);
        }
        value
    }

    fn pod_metadata(&self, pod: u32) -> Value {
        let mut metadata = self.own(&self.pod_name(pod));
        metadata["uid"] = uid(self.seed, "generate/kubectl-dump/pod", u64::from(pod)).into();
        metadata["labels"]["pod-template-hash"] = format!("7d9f{}", self.number).into();
        metadata["annotations"] = json!({
            "kubectl.kubernetes.io/last-applied-configuration": "{\"kind\":\"Pod\",\"spec\":{}}",
            "prometheus.io/scrape": "true",
        });
        metadata["managedFields"] = json!([
            managed("kube-controller-manager", "f:spec", 25),
            managed("kubelet", "f:status", 25),
        ]);
        metadata["ownerReferences"] = json!([{"apiVersion": "apps/v1", "controller": true,
            "kind": self.kind(), "name": self.name, "blockOwnerDeletion": true}]);
        if pod % 200 == 77 {
            metadata["deletionTimestamp"] = MOMENT.into();
        }
        metadata
    }

    fn pod_spec(&self, pod: u32, place: Option<u32>) -> Value {
        let image = format!("registry.example.com/app-{}:1.0", self.number % 200);
        let mut spec = json!({
            "containers": [{
                "env": [{"name": "TOKEN", "value": "literal-value"}], "image": image,
                "imagePullPolicy": "IfNotPresent", "name": "app",
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "resources": {"requests": {
                    "cpu": format!("{}m", self.cpu_milli),
                    "memory": format!("{}Mi", self.memory_mi),
                }},
                "volumeMounts": [{"mountPath": "/var/run/secrets", "name": "token"}],
            }],
            "dnsPolicy": "ClusterFirst", "priority": 1000, "priorityClassName": "standard",
            "preemptionPolicy": "PreemptLowerPriority", "restartPolicy": "Always",
            "schedulerName": "default-scheduler", "serviceAccountName": "default",
            "tolerations": [
                {"effect": "NoExecute", "key": "node.kubernetes.io/not-ready",
                    "operator": "Exists", "tolerationSeconds": 300},
                {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable",
                    "operator": "Exists", "tolerationSeconds": 300},
            ],
            "volumes": [{"name": "token", "projected": {"sources": []}}],
        });
        self.add_wishes(&mut spec, pod);
        if let Some(index) = place {
            spec["nodeName"] = node_name(index).into();
        }
        spec
    }

    fn add_wishes(&self, spec: &mut Value, pod: u32) {
        if self.is_dedicated
            && let Some(tolerations) = spec["tolerations"].as_array_mut()
        {
            tolerations.push(json!({"effect": "NoSchedule", "key": "dedicated",
                "operator": "Equal", "value": "data"}));
        }
        if self.wants_ssd {
            spec["nodeSelector"] = json!({"disk": "ssd"});
        }
        if self.number.is_multiple_of(3) {
            spec["topologySpreadConstraints"] = json!([{"labelSelector": self.selector(),
                "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway"}]);
        }
        if self.number % 5 == 1 {
            spec["affinity"] = json!({"podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100,
                    "podAffinityTerm": {"labelSelector": self.selector(),
                        "topologyKey": "kubernetes.io/hostname"}}]}});
        }
        if self.is_stateful
            && let Some(volumes) = spec["volumes"].as_array_mut()
        {
            let claim = format!("data-{}", self.pod_name(pod));
            volumes.push(json!({"name": "data", "persistentVolumeClaim": {"claimName": claim}}));
        }
    }
}
