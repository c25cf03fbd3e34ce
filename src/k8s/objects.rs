//! Manifests of the objects beside nodes and pods that placements look at: namespaces, budgets,
//! services and owners, storage, groups of pods (spec: kubernetes.md 1.9–1.13).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Ctx;
use super::affinity::{node_term, optional_selector};
use super::field::{Path, Problem, Texts, quantity};
use super::keys::{BETA_CLASS, BIND_COMPLETED, DEFAULT_CLASS, SELECTED_NODE};
use super::parts::Parts;
use super::queueing;
use super::raw::{self, AmountText, Amounts, TextMap, nullable, texts};
use super::{budgets, dra, node_pools};
use model::objects::{DisruptionBudget, PodGroup, Service, Workload};
use model::volume::{
    ClaimReference, CsiDriver, CsiNode, CsiStorageCapacity, PersistentVolume,
    PersistentVolumeClaim, StorageClass, VolumeAttachment, VolumeMode,
};
use model::{ClusterObjects, NodeSelector, Text};
use units::{Duration, Quantity};

/// Adds an object.
pub(super) fn add(
    parts: &Parts,
    objects: &mut ClusterObjects,
    ctx: &mut Ctx,
) -> Result<(), Problem> {
    let kind = parts.kind.as_deref().unwrap_or_default();
    if queueing::add(kind, parts, &mut objects.queueing)?
        || dra::add(kind, parts, &mut objects.devices, ctx)?
        || node_pools::add(kind, parts, &mut objects.node_pools, &mut ctx.texts)?
    {
        return Ok(());
    }
    let texts = &mut ctx.texts;
    let name = texts.share(parts.metadata.name.as_deref().unwrap_or_default());
    match kind {
        "Namespace" => {
            let path = Path::root("metadata");
            let mut labels = texts.labels(&parts.metadata.labels, &path.field("labels"))?;
            // The API server adds this label to every namespace.
            labels.insert(model::NAMESPACE_NAME_LABEL.into(), name.clone());
            objects.namespaces.insert(name, labels);
        }
        "Service" => objects.services.push(service(parts, texts)?),
        "ReplicationController" | "ReplicaSet" | "StatefulSet" => {
            objects.workloads.push(workload(kind, parts, texts)?);
        }
        "PodDisruptionBudget" => objects.budgets.push(budget(parts, texts)?),
        "PersistentVolume" => {
            objects.volumes.insert(name, volume(parts, texts)?);
        }
        "PersistentVolumeClaim" => {
            let claim = claim(parts, texts)?;
            objects
                .claims
                .insert((claim.namespace.clone(), claim.name.clone()), claim);
        }
        "StorageClass" => {
            objects
                .storage_classes
                .insert(name, storage_class(parts, texts)?);
        }
        "CSINode" => {
            objects.csi_nodes.insert(name, csi_node(parts, texts)?);
        }
        "CSIDriver" => {
            let spec: RawDriver = part(parts.late_spec.as_ref(), "spec")?;
            let driver = CsiDriver {
                name: name.clone(),
                publishes_capacity: spec.storage_capacity,
            };
            objects.csi_drivers.insert(name, driver);
        }
        "VolumeAttachment" => objects.attachments.extend(attachment(parts, texts)?),
        "PodGroup" => {
            let namespace = namespace(parts, texts);
            objects.groups.insert((namespace, name), pod_group(parts)?);
        }
        _ => objects.capacities.push(capacity(parts, texts)?),
    }
    Ok(())
}

fn part<T: Default + DeserializeOwned>(value: Option<&Value>, name: &str) -> Result<T, Problem> {
    match value {
        None | Some(Value::Null) => Ok(T::default()),
        Some(value) => T::deserialize(value).map_err(|error| Path::root(name).broken(error)),
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawPodGroup {
    min_member: Option<i64>,
    schedule_timeout_seconds: Option<i64>,
}

fn pod_group(parts: &Parts) -> Result<PodGroup, Problem> {
    let raw: RawPodGroup = part(parts.late_spec.as_ref(), "spec")?;
    let path = Path::root("spec");
    let least = raw.min_member.unwrap_or(1);
    let timeout = raw.schedule_timeout_seconds;
    if let Some(timeout) = timeout.filter(|timeout| !(0..=1_000_000_000).contains(timeout)) {
        let path = path.field("scheduleTimeoutSeconds");
        return Err(path.problem("seconds from 0 to 1000000000", timeout));
    }
    Ok(PodGroup {
        least: usize::try_from(least).map_err(|_| {
            path.field("minMember")
                .problem("a number of pods, 0 or more", least)
        })?,
        timeout: timeout.and_then(Duration::checked_from_secs),
    })
}

fn namespace(parts: &Parts, texts: &mut Texts) -> Text {
    texts.share(super::pod::namespace(&parts.metadata))
}

fn name(parts: &Parts, texts: &mut Texts) -> Text {
    texts.share(parts.metadata.name.as_deref().unwrap_or_default())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawMapSelected {
    #[serde(deserialize_with = "texts")]
    selector: TextMap,
}

fn service(parts: &Parts, texts: &mut Texts) -> Result<Service, Problem> {
    let spec: RawMapSelected = part(parts.late_spec.as_ref(), "spec")?;
    let path = Path::root("spec");
    Ok(Service {
        namespace: namespace(parts, texts),
        selector: texts.labels(&spec.selector, &path.field("selector"))?,
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawSelected {
    selector: Option<raw::LabelSelector>,
}

fn workload(kind: &str, parts: &Parts, texts: &mut Texts) -> Result<Workload, Problem> {
    let path = Path::root("spec");
    let path = path.field("selector");
    let selector = if kind == "ReplicationController" {
        let spec: RawMapSelected = part(parts.late_spec.as_ref(), "spec")?;
        Some(raw::LabelSelector {
            match_labels: spec.selector,
            ..raw::LabelSelector::default()
        })
    } else {
        part::<RawSelected>(parts.late_spec.as_ref(), "spec")?.selector
    };
    Ok(Workload {
        kind: texts.share(kind),
        namespace: namespace(parts, texts),
        name: name(parts, texts),
        selector: optional_selector(selector.as_ref(), &path, texts)?,
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawBudgetStatus {
    #[serde(deserialize_with = "nullable")]
    disruptions_allowed: i64,
    #[serde(deserialize_with = "texts")]
    disrupted_pods: TextMap,
}

fn budget(parts: &Parts, texts: &mut Texts) -> Result<DisruptionBudget, Problem> {
    budgets::check_limits(parts.late_spec.as_ref())?;
    let spec: RawSelected = part(parts.late_spec.as_ref(), "spec")?;
    let status: RawBudgetStatus = part(parts.late_status.as_ref(), "status")?;
    let path = Path::root("spec");
    let path = path.field("selector");
    let disrupted = status.disrupted_pods.keys();
    Ok(DisruptionBudget {
        namespace: namespace(parts, texts),
        name: name(parts, texts),
        selector: optional_selector(spec.selector.as_ref(), &path, texts)?,
        allowed: status.disruptions_allowed,
        disrupted: disrupted.map(|pod| texts.share(pod)).collect(),
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawVolume {
    #[serde(deserialize_with = "nullable")]
    capacity: Amounts,
    #[serde(deserialize_with = "nullable")]
    access_modes: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    storage_class_name: String,
    volume_mode: Option<String>,
    #[serde(deserialize_with = "nullable")]
    volume_attributes_class_name: String,
    claim_ref: Option<RawReference>,
    #[serde(deserialize_with = "nullable")]
    node_affinity: RawVolumeAffinity,
    csi: Option<RawCsi>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawReference {
    #[serde(deserialize_with = "nullable")]
    namespace: String,
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawVolumeAffinity {
    required: Option<raw::NodeSelector>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawCsi {
    #[serde(deserialize_with = "nullable")]
    driver: String,
    #[serde(deserialize_with = "nullable")]
    volume_handle: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawPhase {
    #[serde(deserialize_with = "nullable")]
    phase: String,
}

const STORAGE: &str = "storage";

fn storage_amount(amounts: &Amounts, path: &Path<'_>) -> Result<Quantity, Problem> {
    let amount = amounts.get(STORAGE);
    amount.map_or(Ok(Quantity::ZERO), |amount| {
        quantity(&amount.0, &path.key(STORAGE))
    })
}

fn volume_mode(stated: Option<&str>) -> VolumeMode {
    match stated {
        Some("Block") => VolumeMode::Block,
        _ => VolumeMode::Filesystem,
    }
}

fn class_of(parts: &Parts, stated: &str, texts: &mut Texts) -> Text {
    texts.share(parts.metadata.annotations.get(BETA_CLASS).unwrap_or(stated))
}

fn volume(parts: &Parts, texts: &mut Texts) -> Result<PersistentVolume, Problem> {
    let spec: RawVolume = part(parts.late_spec.as_ref(), "spec")?;
    let status: RawPhase = part(parts.late_status.as_ref(), "status")?;
    let path = Path::root("spec");
    let terms_path = path.field("nodeAffinity");
    let metadata_path = Path::root("metadata");
    let mut node_affinity = None;
    if let Some(required) = &spec.node_affinity.required {
        let mut terms = Vec::new();
        for (index, term) in required.node_selector_terms.iter().enumerate() {
            terms.push(node_term(term, &terms_path.index(index), texts)?);
        }
        node_affinity = Some(NodeSelector { terms });
    }
    let labels_path = metadata_path.field("labels");
    Ok(PersistentVolume {
        name: name(parts, texts),
        labels: texts.labels(&parts.metadata.labels, &labels_path)?,
        capacity: storage_amount(&spec.capacity, &path.field("capacity"))?,
        access_modes: texts.share_all(&spec.access_modes),
        class: class_of(parts, &spec.storage_class_name, texts),
        mode: volume_mode(spec.volume_mode.as_deref()),
        attributes_class: texts.share(&spec.volume_attributes_class_name),
        claim: spec.claim_ref.as_ref().map(|claim| ClaimReference {
            namespace: texts.share(&claim.namespace),
            name: texts.share(&claim.name),
            uid: texts.share(&claim.uid),
        }),
        // The volume controller makes one available that has no phase yet.
        is_available: matches!(&*status.phase, "" | "Available"),
        is_deleting: parts.metadata.deletion_timestamp.is_some(),
        node_affinity,
        csi: spec
            .csi
            .as_ref()
            .map(|csi| (texts.share(&csi.driver), texts.share(&csi.volume_handle))),
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawClaim {
    #[serde(deserialize_with = "nullable")]
    access_modes: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    resources: raw::Resources,
    #[serde(deserialize_with = "nullable")]
    storage_class_name: String,
    volume_mode: Option<String>,
    #[serde(deserialize_with = "nullable")]
    volume_attributes_class_name: String,
    selector: Option<raw::LabelSelector>,
    #[serde(deserialize_with = "nullable")]
    volume_name: String,
}

fn claim(parts: &Parts, texts: &mut Texts) -> Result<PersistentVolumeClaim, Problem> {
    let spec: RawClaim = part(parts.late_spec.as_ref(), "spec")?;
    let status: RawPhase = part(parts.late_status.as_ref(), "status")?;
    let path = Path::root("spec");
    let annotations = &parts.metadata.annotations;
    let selector_path = path.field("selector");
    let requests_path = path.field("resources.requests");
    Ok(PersistentVolumeClaim {
        namespace: namespace(parts, texts),
        name: name(parts, texts),
        uid: texts.share(parts.metadata.uid.as_deref().unwrap_or_default()),
        request: storage_amount(&spec.resources.requests, &requests_path)?,
        access_modes: texts.share_all(&spec.access_modes),
        class: class_of(parts, &spec.storage_class_name, texts),
        mode: volume_mode(spec.volume_mode.as_deref()),
        attributes_class: texts.share(&spec.volume_attributes_class_name),
        selector: optional_selector(spec.selector.as_ref(), &selector_path, texts)?,
        volume: texts.share(&spec.volume_name),
        is_bound: annotations.get(BIND_COMPLETED).is_some(),
        selected_node: annotations.get(SELECTED_NODE).map(|node| texts.share(node)),
        is_lost: status.phase == "Lost",
        is_deleting: parts.metadata.deletion_timestamp.is_some(),
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawTopology {
    #[serde(deserialize_with = "nullable")]
    match_label_expressions: Vec<raw::Expression>,
}

fn storage_class(parts: &Parts, texts: &mut Texts) -> Result<StorageClass, Problem> {
    let beside = |key: &str| parts.beside.get(key);
    let provisioner: Option<String> = part(beside("provisioner"), "provisioner")?;
    let mode: Option<String> = part(beside("volumeBindingMode"), "volumeBindingMode")?;
    let topologies: Vec<RawTopology> = part(beside("allowedTopologies"), "allowedTopologies")?;
    let mut condition = |raw: &raw::Expression| {
        let key = raw.key.as_deref().unwrap_or_default();
        (texts.share(key), texts.share_all(&raw.values))
    };
    let allowed_topologies = topologies
        .iter()
        .map(|term| {
            let conditions = term.match_label_expressions.iter();
            conditions.map(&mut condition).collect()
        })
        .collect();
    Ok(StorageClass {
        name: name(parts, texts),
        provisioner: texts.share(&provisioner.unwrap_or_default()),
        waits_for_consumer: mode.as_deref() == Some("WaitForFirstConsumer"),
        is_default: parts.metadata.annotations.get(DEFAULT_CLASS) == Some("true"),
        allowed_topologies,
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawDriver {
    #[serde(deserialize_with = "nullable")]
    storage_capacity: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCsiNode {
    #[serde(deserialize_with = "nullable")]
    drivers: Vec<RawNodeDriver>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawNodeDriver {
    #[serde(deserialize_with = "nullable")]
    name: String,
    #[serde(deserialize_with = "nullable")]
    allocatable: RawCount,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawCount {
    count: Option<i64>,
}

fn csi_node(parts: &Parts, texts: &mut Texts) -> Result<CsiNode, Problem> {
    let spec: RawCsiNode = part(parts.late_spec.as_ref(), "spec")?;
    let drivers = spec.drivers.iter();
    Ok(CsiNode {
        name: name(parts, texts),
        drivers: drivers
            .map(|own| (texts.share(&own.name), own.allocatable.count))
            .collect(),
    })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawAttachment {
    #[serde(deserialize_with = "nullable")]
    attacher: String,
    #[serde(deserialize_with = "nullable")]
    node_name: String,
    #[serde(deserialize_with = "nullable")]
    source: RawAttached,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawAttached {
    persistent_volume_name: Option<String>,
}

/// An attachment of a volume that has an object; others don't count.
fn attachment(parts: &Parts, texts: &mut Texts) -> Result<Option<VolumeAttachment>, Problem> {
    let spec: RawAttachment = part(parts.late_spec.as_ref(), "spec")?;
    let volume = spec.source.persistent_volume_name;
    Ok(volume.map(|volume| VolumeAttachment {
        driver: texts.share(&spec.attacher),
        node: texts.share(&spec.node_name),
        volume: texts.share(&volume),
    }))
}

fn capacity(parts: &Parts, texts: &mut Texts) -> Result<CsiStorageCapacity, Problem> {
    let class: Option<String> = part(parts.beside.get("storageClassName"), "storageClassName")?;
    let topology: Option<raw::LabelSelector> =
        part(parts.beside.get("nodeTopology"), "nodeTopology")?;
    let amount = |key: &str| -> Result<Option<Quantity>, Problem> {
        let stated: Option<AmountText> = part(parts.beside.get(key), key)?;
        stated
            .map(|stated| quantity(&stated.0, &Path::root(key)))
            .transpose()
    };
    Ok(CsiStorageCapacity {
        class: texts.share(&class.unwrap_or_default()),
        node_topology: optional_selector(topology.as_ref(), &Path::root("nodeTopology"), texts)?,
        capacity: amount("capacity")?,
        maximum_volume: amount("maximumVolumeSize")?,
    })
}
