//! The used part of the manifest format, field for field as the Kubernetes API names it. What
//! these types don't name is skipped while reading; `null` stands for an absent field, as the API
//! has it.

#![expect(
    clippy::struct_field_names,
    reason = "fields are called as the Kubernetes API calls them"
)]

mod affinity;
mod annotations;
mod jobs;
mod life;
mod metrics;

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, Visitor};
use serde::{Deserialize, de};

pub(super) use affinity::{
    Affinity, Expression, LabelSelector, NodeAffinity, NodeSelector, NodeTerm, PodAffinity,
    PodTerm, TopologySpread,
};
pub(super) use annotations::{AUTOSCALER_ANNOTATIONS, Annotations};
pub(super) use jobs::{ExitCodes, FailureRule, Job, PodCondition, Rules, SuccessRule};
pub(super) use life::{Lifecycle, Probe};
pub(super) use metrics::{Identifier, MetricManifest, Reference, TargetManifest};
use units::SortedMap;

/// A missing or `null` field is the default one.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Texts by key; a `null` is the empty text, as in `node-role.kubernetes.io/control-plane:`.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TextMap, D::Error> {
    let map: Option<SortedMap<String, Option<String>>> = Option::deserialize(deserializer)?;
    let pairs = map.unwrap_or_default().into_iter();
    Ok(pairs
        .map(|(key, text)| (key, text.unwrap_or_default()))
        .collect())
}

/// Texts by key, in order of key.
pub(super) type TextMap = SortedMap<String, String>;

/// Amounts by resource name.
pub(super) type Amounts = SortedMap<String, AmountText>;

/// A quantity as it stands in the file: a text, or a plain number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AmountText(pub(super) String);

impl<'de> Deserialize<'de> for AmountText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = TextOrNumber("a quantity such as `500m`, `2` or `1.5Gi`");
        text.deserialize(deserializer).map(Self)
    }
}

/// A text, or a plain number as the text that was written; with the words for what was expected.
struct TextOrNumber(&'static str);

impl<'de> DeserializeSeed<'de> for TextOrNumber {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for TextOrNumber {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    // The shortest text that reads back as the same number is what was written.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) name: Option<String>,
    pub(super) generate_name: Option<String>,
    pub(super) namespace: Option<String>,
    #[serde(deserialize_with = "texts")]
    pub(super) labels: TextMap,
    #[serde(deserialize_with = "nullable")]
    pub(super) annotations: Annotations,
    pub(super) creation_timestamp: Option<String>,
    pub(super) deletion_timestamp: Option<String>,
    pub(super) deletion_grace_period_seconds: Option<i64>,
    pub(super) uid: Option<String>,
    pub(super) resource_version: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) owner_references: Vec<OwnerReference>,
    #[serde(deserialize_with = "nullable")]
    pub(super) finalizers: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct OwnerReference {
    #[serde(rename = "apiVersion", deserialize_with = "nullable")]
    pub(super) api_version: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) controller: bool,
}

/// Pods that a workload wants.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplicaFields {
    pub(super) replicas: Option<i64>,
    pub(super) parallelism: Option<i64>,
    pub(super) completions: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct NodeSpec {
    #[serde(deserialize_with = "nullable")]
    pub(super) taints: Vec<Taint>,
    #[serde(deserialize_with = "nullable")]
    pub(super) unschedulable: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Taint {
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
    pub(super) effect: Option<String>,
    #[serde(rename = "timeAdded")]
    pub(super) time_added: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeStatus {
    #[serde(deserialize_with = "nullable")]
    pub(super) allocatable: Amounts,
    #[serde(deserialize_with = "nullable")]
    pub(super) capacity: Amounts,
    #[serde(deserialize_with = "nullable")]
    pub(super) images: Vec<Image>,
    #[serde(deserialize_with = "nullable")]
    pub(super) conditions: Vec<Condition>,
    #[serde(rename = "nodeInfo", deserialize_with = "nullable")]
    pub(super) info: NodeInfo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeInfo {
    #[serde(rename = "kubeletVersion")]
    pub(super) kubelet_version: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Image {
    #[serde(deserialize_with = "nullable")]
    pub(super) names: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) size_bytes: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type", deserialize_with = "nullable")]
    pub(super) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) status: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) reason: String,
    #[serde(rename = "lastTransitionTime")]
    pub(super) last_transition_time: Option<String>,
    #[serde(rename = "lastHeartbeatTime")]
    pub(super) last_heartbeat_time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSpec {
    pub(super) node_name: Option<String>,
    pub(super) scheduler_name: Option<String>,
    pub(super) priority: Option<i32>,
    pub(super) priority_class_name: Option<String>,
    pub(super) preemption_policy: Option<String>,
    pub(super) active_deadline_seconds: Option<i64>,
    pub(super) restart_policy: Option<String>,
    pub(super) termination_grace_period_seconds: Option<i64>,
    #[serde(deserialize_with = "nullable")]
    pub(super) host_network: bool,
    #[serde(deserialize_with = "nullable")]
    pub(super) containers: Vec<Container>,
    #[serde(deserialize_with = "nullable")]
    pub(super) init_containers: Vec<Container>,
    #[serde(deserialize_with = "nullable")]
    pub(super) overhead: Amounts,
    pub(super) resources: Option<Resources>,
    #[serde(deserialize_with = "texts")]
    pub(super) node_selector: TextMap,
    pub(super) affinity: Option<Affinity>,
    #[serde(deserialize_with = "nullable")]
    pub(super) tolerations: Vec<Toleration>,
    #[serde(deserialize_with = "nullable")]
    pub(super) topology_spread_constraints: Vec<TopologySpread>,
    #[serde(deserialize_with = "nullable")]
    pub(super) scheduling_gates: Vec<NameReference>,
    #[serde(deserialize_with = "nullable")]
    pub(super) volumes: Vec<Volume>,
    #[serde(deserialize_with = "nullable")]
    pub(super) resource_claims: Vec<PodClaim>,
    pub(super) runtime_class_name: Option<String>,
    pub(super) workload_ref: Option<IgnoredAny>,
    pub(super) scheduling_group: Option<IgnoredAny>,
}

/// A claim of a pod; `source` is where older versions have what it names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodClaim {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) resource_claim_name: Option<String>,
    pub(super) resource_claim_template_name: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) source: ClaimNames,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClaimNames {
    pub(super) resource_claim_name: Option<String>,
    pub(super) resource_claim_template_name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NameReference {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Container {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) image: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) resources: Resources,
    #[serde(deserialize_with = "nullable")]
    pub(super) ports: Vec<Port>,
    pub(super) restart_policy: Option<String>,
    pub(super) image_pull_policy: Option<String>,
    pub(super) startup_probe: Option<Probe>,
    pub(super) liveness_probe: Option<Probe>,
    pub(super) readiness_probe: Option<Probe>,
    #[serde(deserialize_with = "nullable")]
    pub(super) lifecycle: Lifecycle,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources {
    #[serde(deserialize_with = "nullable")]
    pub(super) requests: Amounts,
    #[serde(deserialize_with = "nullable")]
    pub(super) limits: Amounts,
    #[serde(deserialize_with = "nullable")]
    pub(super) claims: Vec<NameReference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Port {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) container_port: Option<i64>,
    pub(super) host_port: Option<i64>,
    #[serde(rename = "hostIP")]
    pub(super) host_ip: Option<String>,
    pub(super) protocol: Option<String>,
}

/// A volume: only the kinds that bear on the place of a pod.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Volume {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    pub(super) persistent_volume_claim: Option<ClaimVolume>,
    pub(super) ephemeral: Option<Ephemeral>,
    pub(super) csi: Option<IgnoredAny>,
    pub(super) gce_persistent_disk: Option<Disk>,
    #[serde(rename = "awsElasticBlockStore")]
    pub(super) aws_elastic_block_store: Option<Disk>,
    pub(super) azure_disk: Option<IgnoredAny>,
    pub(super) cinder: Option<IgnoredAny>,
    pub(super) iscsi: Option<Disk>,
    pub(super) rbd: Option<Disk>,
    pub(super) empty_dir: Option<EmptyDir>,
    pub(super) host_path: Option<IgnoredAny>,
}

/// A volume whose claim is made for its pod.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Ephemeral {
    #[serde(deserialize_with = "nullable")]
    pub(super) volume_claim_template: ClaimTemplate,
}

/// The template of claims.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaimTemplate {
    #[serde(deserialize_with = "nullable")]
    pub(super) metadata: ClaimName,
    #[serde(deserialize_with = "nullable")]
    pub(super) spec: ClaimSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ClaimName {
    pub(super) name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClaimSpec {
    pub(super) access_modes: Vec<String>,
    pub(super) storage_class_name: Option<String>,
    pub(super) resources: Resources,
}

impl ClaimTemplate {
    /// True if one node at a time has the volume of a claim.
    pub(super) fn is_exclusive(&self) -> bool {
        let mut modes = self.spec.access_modes.iter();
        !modes.any(|mode| matches!(mode.as_str(), "ReadWriteMany" | "ReadOnlyMany"))
    }
}

impl Volume {
    /// `true` if the volume is a part of its node.
    pub(super) const fn is_local(&self) -> bool {
        self.empty_dir.is_some() || self.host_path.is_some()
    }
}

/// A directory on the disk of the node, or in its memory.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EmptyDir {
    #[serde(deserialize_with = "nullable")]
    pub(super) medium: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ClaimVolume {
    #[serde(deserialize_with = "nullable")]
    pub(super) claim_name: String,
}

/// A disk named in the pod itself, with the fields of all kinds of disks.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Disk {
    #[serde(deserialize_with = "nullable")]
    pub(super) pd_name: String,
    #[serde(rename = "volumeID", deserialize_with = "nullable")]
    pub(super) volume_id: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) iqn: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) monitors: Vec<String>,
    pub(super) pool: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) image: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) read_only: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Toleration {
    pub(super) key: Option<String>,
    pub(super) operator: Option<String>,
    pub(super) value: Option<String>,
    pub(super) effect: Option<String>,
    pub(super) toleration_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    pub(super) phase: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) nominated_node_name: Option<String>,
    pub(super) start_time: Option<String>,
    /// Time of the last change of readiness, in a snapshot.
    pub(super) ready_since: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "nullable")]
    pub(super) container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "nullable")]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    #[serde(deserialize_with = "nullable")]
    pub(super) name: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) allocated_resources: Amounts,
    pub(super) resources: Option<Resources>,
    pub(super) ready: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(super) restart_count: i64,
    #[serde(deserialize_with = "nullable")]
    pub(super) state: ContainerState,
    #[serde(deserialize_with = "nullable")]
    pub(super) last_state: ContainerState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<ContainerStateWaiting>,
    pub(super) running: Option<ContainerStateRunning>,
    pub(super) terminated: Option<ContainerStateTerminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerStateWaiting {
    pub(super) reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStateRunning {
    pub(super) started_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStateTerminated {
    #[serde(deserialize_with = "nullable")]
    pub(super) exit_code: i32,
    pub(super) started_at: Option<String>,
    pub(super) finished_at: Option<String>,
}
