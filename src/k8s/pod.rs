//! A Pod manifest as a pod class of the model, with the API server's defaults applied: requests
//! default to limits, host ports of a pod in the host's network to its container ports, the
//! namespace to `default` (spec: kubernetes.md 1.5, 1.6).

use super::field::{Path, Problem, Texts, unix_secs};
use super::server::{POD_BELOW_CONTAINERS, is_of_pods};
use super::{Ctx, Maker, affinity, gpu, keys, raw};
use model::volume::EphemeralVolume;
use model::{
    Container, DEFAULT_SCHEDULER, HostPort, IndexFailures, Owner, PodSpec, PodVolume, ResourceList,
    Text,
};
use units::{Duration, Quantity};

/// The class of a pod.
pub(super) fn pod_spec(
    metadata: &raw::Metadata,
    raw: &raw::PodSpec,
    ctx: &mut Ctx,
) -> Result<PodSpec, Problem> {
    let texts = &mut ctx.texts;
    let path = Path::root("spec");
    let policy_path = path.field("preemptionPolicy");
    let metadata_path = Path::root("metadata");
    let scheduler_name = raw.scheduler_name.as_deref().unwrap_or_default();
    let mut spec = PodSpec {
        namespace: texts.share(namespace(metadata)),
        labels: texts.labels(&metadata.labels, &metadata_path.field("labels"))?,
        // The model has the default scheduler as the empty name.
        scheduler_name: match scheduler_name {
            DEFAULT_SCHEDULER => Text::default(),
            name => texts.share(name),
        },
        priority: raw.priority.unwrap_or(0),
        preempts: preempts(raw.preemption_policy.as_deref(), &policy_path)?,
        containers: Vec::with_capacity(raw.containers.len()),
        init_containers: Vec::with_capacity(raw.init_containers.len()),
        overhead: texts.amounts(&raw.overhead, &path.field("overhead"))?,
        node_selector: texts.labels(&raw.node_selector, &path.field("nodeSelector"))?,
        scheduling_gates: raw
            .scheduling_gates
            .iter()
            .map(|gate| texts.share(&gate.name))
            .collect(),
        volumes: volumes(&raw.volumes, &path.field("volumes"), texts)?,
        owner: owner(metadata, texts),
        server: super::services::server(metadata, &mut |text| texts.share(text))?,
        device_claims: super::dra::pod_claims(&raw.resource_claims, &path)?,
        ..PodSpec::default()
    };
    if let Some(affinity) = &raw.affinity {
        spec.affinity = affinity::affinity(affinity, &path.field("affinity"), texts)?;
        spec.affinity.merge_label_keys(&spec.labels);
    }
    let spread_path = path.field("topologySpreadConstraints");
    for (index, raw) in raw.topology_spread_constraints.iter().enumerate() {
        let rule = affinity::topology_spread(raw, &spread_path.index(index), texts)?;
        spec.topology_spread.push(rule);
    }
    let containers_path = path.field("containers");
    if raw.containers.is_empty() {
        return Err(containers_path.missing("at least one container"));
    }
    for (index, own) in raw.containers.iter().enumerate() {
        let reader = ContainerReader {
            path: &containers_path.index(index),
            is_on_host_network: raw.host_network,
            is_init: false,
        };
        let resources = containers_path.index(index);
        let resources = resources.field("resources");
        super::dra::check_uses(&spec.device_claims, &own.resources.claims, &resources)?;
        spec.containers.push(reader.read(own, texts)?);
    }
    let init_path = path.field("initContainers");
    for (index, own) in raw.init_containers.iter().enumerate() {
        let reader = ContainerReader {
            path: &init_path.index(index),
            is_on_host_network: raw.host_network,
            is_init: true,
        };
        let resources = init_path.index(index);
        let resources = resources.field("resources");
        super::dra::check_uses(&spec.device_claims, &own.resources.claims, &resources)?;
        spec.init_containers.push(reader.read(own, texts)?);
    }
    spec.gpu = gpu::take_request(metadata, &mut spec.containers, &containers_path)?;
    if let Some(resources) = &raw.resources {
        spec.pod_requests = pod_requests(&spec, resources, &path.field("resources"), texts)?;
    }
    Ok(spec)
}

/// The object that controls another one, as its owner references say.
pub(super) fn owner(metadata: &raw::Metadata, texts: &mut Texts) -> Option<Owner> {
    let mut owners = metadata.owner_references.iter();
    let controller = owners.find(|owner| owner.controller);
    controller.map(|own| Owner {
        kind: texts.share(&own.kind),
        name: texts.share(&own.name),
    })
}

/// Time at which a pod was asked to end, and the time by which it is to have ended: the API has the
/// latter, and the time in between.
pub(super) fn deleted(metadata: &raw::Metadata) -> Result<Option<(Option<i64>, i64)>, Problem> {
    let Some(text) = metadata.deletion_timestamp.as_deref() else {
        return Ok(None);
    };
    let path = Path::root("metadata");
    let end = unix_secs(text, &path.field("deletionTimestamp"))?;
    let grace = metadata.deletion_grace_period_seconds;
    let told = grace.map(|grace| end.saturating_sub(grace.max(0)));
    Ok(Some((told, end)))
}

/// Earlier failures of the index of a job's pod.
pub(super) fn index_failures(metadata: &raw::Metadata) -> IndexFailures {
    let count = |key: &str| -> i32 {
        let text = metadata.annotations.get(key);
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    IndexFailures {
        counted: count(keys::INDEX_FAILURES),
        ignored: count(keys::IGNORED_INDEX_FAILURES),
    }
}

/// Whether a pod is one that its job has yet to count.
pub(super) fn is_tracked(metadata: &raw::Metadata) -> bool {
    let mut finalizers = metadata.finalizers.iter();
    finalizers.any(|finalizer| finalizer == keys::JOB_TRACKING)
}

/// Maker of a pod, which makes a new one if it is lost. What a node runs by itself shows in the API
/// as a mirror pod.
pub(super) fn maker(metadata: &raw::Metadata) -> Maker {
    let controller = metadata
        .owner_references
        .iter()
        .find(|reference| reference.controller);
    match controller.map(|own| own.kind.as_str()) {
        _ if metadata.annotations.get(keys::MIRROR).is_some() => Maker::Node,
        Some("Node" | "DaemonSet") => Maker::Node,
        Some(_) => Maker::Controller,
        None => Maker::Nobody,
    }
}

fn volumes(
    raw: &[raw::Volume],
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<Vec<PodVolume>, Problem> {
    let mut volumes = Vec::new();
    for own in raw {
        if let Some(claim) = &own.persistent_volume_claim {
            volumes.push(PodVolume::Claim(texts.share(&claim.claim_name)));
        } else if let Some(ephemeral) = &own.ephemeral {
            let claim = &ephemeral.volume_claim_template.spec;
            let requests = texts.amounts(&claim.resources.requests, path)?;
            let class = claim.storage_class_name.as_deref();
            volumes.push(PodVolume::Ephemeral(EphemeralVolume {
                name: texts.share(&own.name),
                class: texts.share(class.unwrap_or_default()),
                request: requests.get("storage"),
                is_of_set: false,
            }));
        } else if let Some(disk) = &own.gce_persistent_disk {
            volumes.push(PodVolume::GceDisk {
                disk: texts.share(&disk.pd_name),
                read_only: disk.read_only,
            });
        } else if let Some(disk) = &own.aws_elastic_block_store {
            volumes.push(PodVolume::EbsVolume(texts.share(&disk.volume_id)));
        } else if let Some(disk) = &own.iscsi {
            volumes.push(PodVolume::Iscsi {
                name: texts.share(&disk.iqn),
                read_only: disk.read_only,
            });
        } else if let Some(disk) = &own.rbd {
            volumes.push(PodVolume::Rbd {
                monitors: texts.share_all(&disk.monitors),
                pool: texts.share(disk.pool.as_deref().unwrap_or("rbd")),
                image: texts.share(&disk.image),
                read_only: disk.read_only,
            });
        }
    }
    Ok(volumes)
}

/// The namespace of a pod.
pub(super) fn namespace(metadata: &raw::Metadata) -> &str {
    match metadata.namespace.as_deref() {
        None | Some("") => "default",
        Some(namespace) => namespace,
    }
}

/// Longest time that a pod may run: `activeDeadlineSeconds`.
pub(super) fn time_limit(spec: &raw::PodSpec) -> Result<Option<Duration>, Problem> {
    let Some(seconds) = spec.active_deadline_seconds else {
        return Ok(None);
    };
    let path = Path::root("spec");
    Duration::checked_from_secs(seconds)
        .filter(|&limit| limit > Duration::ZERO)
        .map(Some)
        .ok_or_else(|| {
            let path = path.field("activeDeadlineSeconds");
            path.problem("1 second or more, less than 292 years", seconds)
        })
}

/// Whether pods with a policy preempt others (`ValidatePreemptionPolicy`, pkg/apis/core/validation/validation.go).
pub(super) fn preempts(policy: Option<&str>, path: &Path<'_>) -> Result<bool, Problem> {
    match policy {
        None | Some("" | "PreemptLowerPriority") => Ok(true),
        Some("Never") => Ok(false),
        Some(other) => Err(path.problem("`PreemptLowerPriority` or `Never`", other)),
    }
}

/// Context that the reading of a container depends on.
struct ContainerReader<'a> {
    path: &'a Path<'a>,
    is_on_host_network: bool,
    is_init: bool,
}

impl ContainerReader<'_> {
    fn read(&self, raw: &raw::Container, texts: &mut Texts) -> Result<Container, Problem> {
        let restartable = self.is_init && raw.restart_policy.as_deref() == Some("Always");
        let resources = self.path.field("resources");
        let limits = texts.amounts(&raw.resources.limits, &resources.field("limits"))?;
        let mut requests = texts.amounts(&raw.resources.requests, &resources.field("requests"))?;
        for (name, limit) in limits.named() {
            requests.insert_if_absent(name, limit);
        }
        // Ports of plain init containers are never counted on a node.
        let host_ports = if self.is_init && !restartable {
            Vec::new()
        } else {
            self.host_ports(&raw.ports, texts)?
        };
        Ok(Container {
            name: texts.share(&raw.name),
            image: texts.share(&raw.image),
            requests,
            limits,
            host_ports,
            restartable,
        })
    }

    fn host_ports(&self, raw: &[raw::Port], texts: &mut Texts) -> Result<Vec<HostPort>, Problem> {
        let ports_path = self.path.field("ports");
        let mut ports = Vec::new();
        for (index, raw) in raw.iter().enumerate() {
            let path = ports_path.index(index);
            let (field, port) = match raw.host_port {
                Some(port) if port != 0 => ("hostPort", port),
                _ if self.is_on_host_network => ("containerPort", raw.container_port.unwrap_or(0)),
                _ => continue,
            };
            let path_of_port = path.field(field);
            let port = u16::try_from(port)
                .ok()
                .filter(|&port| port > 0)
                .ok_or_else(|| path_of_port.problem("a port from 1 to 65535", port))?;
            let protocol = raw.protocol.as_deref().filter(|own| !own.is_empty());
            let protocol = protocol.unwrap_or("TCP");
            ports.push(HostPort {
                host_ip: match raw.host_ip.as_deref() {
                    None | Some("0.0.0.0") => Text::default(),
                    Some(address) => texts.share(address),
                },
                protocol: texts.share(protocol),
                port,
            });
        }
        Ok(ports)
    }
}

/// The requests stated for the pod as a whole, defaulted as the API server does it: what the
/// containers ask for of a resource, or else the pod's limit of it.
fn pod_requests(
    spec: &PodSpec,
    raw: &raw::Resources,
    path: &Path<'_>,
    texts: &mut Texts,
) -> Result<ResourceList, Problem> {
    let limits = texts.amounts(&raw.limits, &path.field("limits"))?;
    let mut requests = texts.amounts(&raw.requests, &path.field("requests"))?;
    if requests.is_empty() && limits.is_empty() {
        return Ok(requests);
    }
    let of_containers = PodSpec {
        overhead: ResourceList::default(),
        ..spec.clone()
    };
    let of_containers = of_containers
        .requests()
        .map_err(|error| path.broken(error))?;
    let path = path.field("requests");
    for (name, amount) in of_containers.named().filter(|(name, _)| is_of_pods(name)) {
        if let Some(own) = requests.stated(name).filter(|own| *own < amount) {
            return Err(POD_BELOW_CONTAINERS.problem(&path.key(name), &[&amount], &own));
        }
    }
    for list in [&of_containers, &limits] {
        for (name, amount) in list.named().filter(|(name, _)| is_of_pods(name)) {
            requests.insert_if_absent(name, amount);
        }
    }
    Ok(requests)
}

/// Whether the sum of all requests can be expressed; a class whose sum can't is refused here, at
/// its file, and not in the middle of a run.
pub(super) fn check_sums(spec: &PodSpec) -> Result<(), Problem> {
    let path = Path::root("spec");
    let path = path.field("containers");
    let requests = spec.requests().map_err(|error| path.broken(error))?;
    for (name, amount) in requests.iter() {
        let fits = match name {
            "cpu" => amount.milli_ceil().is_ok(),
            _ => amount.units_ceil().is_ok(),
        };
        if !fits {
            let most = Quantity::from_units(i64::MAX);
            return Err(path.problem(
                &format!("at most {most} of {name} over all containers"),
                amount,
            ));
        }
    }
    Ok(())
}
