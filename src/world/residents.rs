//! Pods that manifests bind to a node: they are there when the run begins, and stay.

use std::sync::Arc;

use k8s::ManifestPod;
use model::gpu::DEVICE_MILLI;
use model::{DeviceSet, Found, GpuRequest, Node, PodName, PodPhase, Text};
use sim::Resident;
use units::{Duration, Instant, NodeId, SortedMap, plural};

use super::{Adoption, Remarks};

/// Number of names that a remark lists; it counts the others.
const NAMES_TOLD: usize = 3;

/// Finds the nodes and devices of pods that are on nodes already.
pub(super) struct Settling {
    by_name: SortedMap<Text, NodeId>,
    /// The room of every device in milli-GPU, by node.
    rooms: Vec<Vec<u16>>,
    residents: Vec<Resident>,
    adoption: Arc<Adoption>,
}

impl Settling {
    pub(super) fn new(nodes: &[Arc<Node>], adoption: Arc<Adoption>) -> Self {
        let named = nodes.iter().enumerate();
        let devices = |node: &Arc<Node>| node.gpu.as_ref().map_or(0, |gpu| gpu.devices);
        Self {
            by_name: named
                .map(|(index, node)| (node.name.clone(), NodeId::from_index(index)))
                .collect(),
            rooms: nodes
                .iter()
                .map(|node| vec![DEVICE_MILLI; usize::from(devices(node))])
                .collect(),
            residents: Vec::new(),
            adoption,
        }
    }

    /// Settles the bound pods of a file; those whose node or devices are not there are named.
    pub(super) fn add(&mut self, file: &str, pods: &[ManifestPod], remarks: &mut Remarks) {
        let known = pods.iter().flat_map(|pod| {
            let told_to_end = pod.deleted_unix_secs.and_then(|(told, _)| told);
            let times = [pod.created_unix_secs, pod.started_unix_secs, told_to_end];
            times.into_iter().flatten()
        });
        // The run's zero is when the dump was taken, as far as the dump tells.
        let zero = known.max().unwrap_or_default();
        let (mut homeless, mut without_devices) = (Vec::new(), Vec::new());
        for pod in pods.iter().filter(|pod| !pod.phase.is_final()) {
            let Some(name) = &pod.node_name else { continue };
            let told = || format!("`{}/{}` on `{name}`", pod.namespace(), pod.name);
            let Some(&node) = self.by_name.get(name) else {
                homeless.push(told());
                continue;
            };
            let Some(devices) = take_devices(&mut self.rooms[node.index()], &pod.spec.gpu) else {
                without_devices.push(told());
                continue;
            };
            let mut resident = resident(pod, node, devices, zero);
            if let Some(adopted) = self.adoption.pod(pod) {
                resident.owner = Some(adopted.owner);
                if let Some(spec) = &adopted.spec {
                    resident.spec = Arc::clone(spec);
                }
            }
            self.residents.push(resident);
        }
        for (list, what) in [
            (homeless, "bound to a node that does not exist"),
            (
                without_devices,
                "bound to a node without room on its GPU devices",
            ),
        ] {
            if !list.is_empty() {
                remarks.note(format!("{file}: {}", left_out(&list, what)));
            }
        }
    }

    pub(super) fn finish(self) -> Vec<Resident> {
        self.residents
    }
}

fn left_out(list: &[String], what: &str) -> String {
    let told = list[..list.len().min(NAMES_TOLD)].join(", ");
    let more = match list.len().saturating_sub(NAMES_TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let pods = plural::count(list.len(), "pod");
    let are = plural::either(list.len(), "is", "are");
    format!("{pods} {are} {what} and left out: {told}{more}")
}

fn resident(pod: &ManifestPod, node: NodeId, devices: DeviceSet, zero: i64) -> Resident {
    let started = pod.started_unix_secs.map(|secs| (secs - zero).min(0));
    let started = started.and_then(Duration::checked_from_secs);
    // One that should have ended before the dump was taken is held back by something unknown.
    let end = pod.deleted_unix_secs.map(|(_, end)| end - zero);
    let end = end.filter(|&end| end >= 0);
    Resident {
        run_time: end.and_then(Duration::checked_from_secs),
        name: PodName::Text(pod.name.clone()),
        // What its node accounts for is what it takes.
        spec: pod.accounted.as_ref().unwrap_or(&pod.spec).clone(),
        time_limit: pod.time_limit,
        devices,
        is_running: pod.phase == PodPhase::Running,
        found: Found {
            node,
            started: started.map(|before| Instant::ZERO.saturating_add(before)),
            is_terminating: pod.is_terminating,
        },
        owner: None,
    }
}

/// Takes the first devices that have the room; `None` if there are too few.
fn take_devices(rooms: &mut [u16], request: &GpuRequest) -> Option<DeviceSet> {
    let mut devices = DeviceSet::EMPTY;
    let fitting = rooms.iter().enumerate();
    for (index, _) in fitting
        .filter(|(_, room)| **room >= request.milli_per_device)
        .take(usize::from(request.devices))
    {
        devices.insert(index);
    }
    if devices.len() < usize::from(request.devices) {
        return None;
    }
    for index in devices.iter() {
        rooms[index] -= request.milli_per_device;
    }
    Some(devices)
}
