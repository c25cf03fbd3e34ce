//! A node with what is on it, as the scheduler keeps it.

use std::sync::Arc;

use super::{Amounts, PodInfo};
use model::gpu::DEVICE_MILLI;
use model::volume::PodVolume;
use model::{DeviceSet, GpuRequest, HostPort, Node, Text};
use units::{QuantityError, SortedSet};

/// An identity folded to half of its bits.
const fn key_of(uid: u64) -> u32 {
    (uid ^ uid >> 32) as u32
}

/// Requests of pods as counted in scores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NonZero {
    /// Milli-cores.
    pub cpu_milli: i64,
    /// Bytes.
    pub memory: i64,
}

/// A node and its pods.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// The node as declared.
    pub object: Arc<Node>,
    /// The node's place in tables over all nodes, below [`super::Cache::slot_count`].
    pub slot: usize,
    /// Resources that pods may use.
    pub allocatable: Arc<Amounts>,
    /// The node's pods in order of addition; a removal moves the last one into the gap.
    pub pods: Vec<Arc<PodInfo>>,
    /// Their identities folded, in the same order: most that differ differ here.
    keys: Vec<u32>,
    /// Total requests of the node's pods.
    pub requested: Amounts,
    /// Total requests of the node's pods as counted in scores.
    pub non_zero: NonZero,
    /// Number of claims that the pods' volumes state: no more volumes are attached for them.
    pub claims: usize,
    /// The ports taken. A set, as in the original: of two pods with one port the first to leave
    /// frees it.
    pub ports: SortedSet<HostPort>,
    /// Milli-GPU left of every device.
    pub gpu_room: Box<[u16]>,
    /// Whether the machine is down: nothing can start on it.
    pub is_down: bool,
}

impl NodeInfo {
    /// An empty node.
    ///
    /// # Errors
    /// If an amount does not fit.
    pub fn new(object: Arc<Node>) -> Result<Self, QuantityError> {
        let devices = object
            .gpu
            .as_ref()
            .map_or(0, |gpu| usize::from(gpu.devices));
        let gpu_room = vec![DEVICE_MILLI; devices].into_boxed_slice();
        Ok(Self {
            allocatable: Arc::new(Amounts::of(&object.allocatable)?),
            object,
            slot: 0,
            pods: Vec::new(),
            keys: Vec::new(),
            requested: Amounts::default(),
            non_zero: NonZero::default(),
            claims: 0,
            ports: SortedSet::new(),
            gpu_room,
            is_down: false,
        })
    }

    /// The node's name.
    pub fn name(&self) -> &Text {
        &self.object.name
    }

    /// The value of a label.
    pub fn label(&self, key: &str) -> Option<&Text> {
        self.object.labels.get(key)
    }

    /// Adds a pod.
    pub fn add_pod(&mut self, pod: Arc<PodInfo>) {
        self.account(&pod, 1);
        self.ports.extend(pod.class.host_ports.iter().cloned());
        self.keys.push(key_of(pod.uid));
        self.pods.push(pod);
    }

    /// Position of a pod among the node's pods. The newest is looked for most often.
    fn position_of(&self, pod: &PodInfo) -> Option<usize> {
        let key = key_of(pod.uid);
        let mut places = self.keys.iter().zip(&self.pods);
        let found = places.rposition(|(&own, known)| own == key && known.uid == pod.uid);
        found
            .filter(|_| pod.uid != 0)
            .or_else(|| self.pods.iter().position(|known| known.is(pod)))
    }

    /// Removes a pod, if it is there.
    pub fn remove_pod(&mut self, pod: &PodInfo) -> Option<Arc<PodInfo>> {
        let position = self.position_of(pod)?;
        self.keys.swap_remove(position);
        let removed = self.pods.swap_remove(position);
        self.account(&removed, -1);
        for port in &removed.class.host_ports {
            self.ports.remove(port);
        }
        Some(removed)
    }

    /// Puts a newer declaration of one of its pods in the place of the older, which comes back.
    pub fn replace_pod(&mut self, pod: &Arc<PodInfo>) -> Option<Arc<PodInfo>> {
        let position = self.position_of(pod)?;
        let before = std::mem::replace(&mut self.pods[position], pod.clone());
        self.account(&before, -1);
        self.account(pod, 1);
        Some(before)
    }

    /// The devices that a pod would take: of those with room for a part the tightest, of whole ones
    /// the first; `None` if there are too few.
    pub fn devices_for(&self, request: &GpuRequest) -> Option<DeviceSet> {
        if request.devices == 0 {
            return Some(DeviceSet::EMPTY);
        }
        let model = &self.object.gpu.as_ref()?.model;
        if !request.models.is_empty() && !request.models.contains(model) {
            return None;
        }
        let rooms = self.gpu_room.iter().enumerate();
        let open = rooms.filter(|&(_, &room)| room >= request.milli_per_device);
        if request.is_shared() {
            let (device, _) = open.min_by_key(|&(_, &room)| room)?;
            return Some(DeviceSet::of(device));
        }
        let mut devices = DeviceSet::EMPTY;
        open.take(usize::from(request.devices))
            .for_each(|(device, _)| devices.insert(device));
        (devices.len() == usize::from(request.devices)).then_some(devices)
    }

    fn account(&mut self, pod: &PodInfo, sign: i64) {
        let class = pod.counted_class();
        self.requested.change(&class.requests, sign);
        let non_zero = &class.non_zero;
        let add = |total: i64, amount: i64| total.saturating_add(sign.saturating_mul(amount));
        self.non_zero.cpu_milli = add(self.non_zero.cpu_milli, non_zero.cpu_milli);
        self.non_zero.memory = add(self.non_zero.memory, non_zero.memory);
        let volumes = pod.spec().volumes.iter();
        let claims = volumes
            .filter(|own| matches!(own, PodVolume::Claim(_) | PodVolume::Ephemeral(_)))
            .count();
        self.claims = match sign {
            1.. => self.claims + claims,
            _ => self.claims.saturating_sub(claims),
        };
        let milli = pod.spec().gpu.milli_per_device;
        for device in pod.devices().iter() {
            if let Some(room) = self.gpu_room.get_mut(device) {
                *room = if sign > 0 {
                    room.saturating_sub(milli)
                } else {
                    room.saturating_add(milli).min(DEVICE_MILLI)
                };
            }
        }
    }
}
