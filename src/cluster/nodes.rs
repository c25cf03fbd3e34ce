//! Nodes in columns: one row per node, one vector per resource, so that a decision reads only what
//! it needs and in order.

use std::sync::Arc;

use model::gpu::DEVICE_MILLI;
use model::{DeviceSet, Node, NodeContact, Text};
use units::{Instant, NodeId, PodSlot, Resources, Revision, SortedMap};

pub use super::columns::Columns;
use super::conflict::Conflict;
use super::{GpuColumns, Interner, class};

/// The model column of a node without GPU.
pub const NO_MODEL: u8 = u8::MAX;

/// The most of one resource that all nodes offer, and that one node owes: sums of two of them are
/// still integers.
const MOST_TOGETHER: i64 = 1 << 62;

/// All nodes of a cell, by [`NodeId`].
#[derive(Clone, Debug, Default)]
pub struct Nodes {
    /// Nodes as declared; `None` once removed.
    objects: Vec<Option<Arc<Node>>>,
    /// Whether a node is up.
    ready: Vec<bool>,
    /// Silent nodes, and when each was last heard of.
    silent: SortedMap<NodeId, Instant>,
    /// Whether a node takes new pods: present, up, not cordoned.
    schedulable: Vec<bool>,
    /// Allocatable amounts per resource.
    allocatable: Columns,
    /// Amounts left per resource; negative where overcommitted.
    free: Columns,
    /// Allocatable amounts of all nodes together.
    offered: Resources,
    gpu_model: Vec<u8>,
    gpu_first: Vec<u32>,
    gpu_devices: Vec<u8>,
    /// Room of every device of every node, in milli-GPU; a node's devices lie together.
    gpu_room: Vec<u16>,
    /// Pods that hold a part of a node, in order of addition (a removal moves the last one up).
    pods: Vec<Vec<PodSlot>>,
    /// Revision of the last change to a node's state or declaration.
    changed: Vec<Revision>,
    /// Number of nodes with a taint.
    tainted: usize,
    /// Revision of the last change to any declaration.
    declared: Revision,
    by_name: Interner,
    id_by_name: Vec<NodeId>,
    names: Vec<Text>,
}

impl Nodes {
    /// Rows ever used, removed nodes included.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether no node was ever added.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Every row, removed nodes included, in order.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.objects.len()).map(NodeId::from_index)
    }

    /// The nodes that are there, in order of row.
    pub fn present(&self) -> impl Iterator<Item = NodeId> {
        self.ids().filter(|&node| self.object(node).is_some())
    }

    /// A node as declared; `None` once it was removed.
    #[inline]
    pub fn object(&self, node: NodeId) -> Option<&Arc<Node>> {
        self.objects.get(node.index())?.as_ref()
    }

    /// The node of a name.
    pub fn by_name(&self, name: &str) -> Option<NodeId> {
        let node = self.id_by_name[self.by_name.get(name)?];
        self.object(node)
            .is_some_and(|object| *object.name == *name)
            .then_some(node)
    }

    /// A node's name; of a removed node, the name it had.
    pub fn name(&self, node: NodeId) -> &str {
        &self.names[node.index()]
    }

    /// Whether a node is up.
    #[inline]
    pub fn is_ready(&self, node: NodeId) -> bool {
        self.ready[node.index()]
    }

    /// Instant of the last heartbeat of a silent node; `None` of one that is not silent.
    pub fn silent_since(&self, node: NodeId) -> Option<Instant> {
        self.silent.get(&node).copied()
    }

    /// Whether nodes take new pods (present, up, not cordoned), by row.
    #[inline]
    pub fn schedulable(&self) -> &[bool] {
        &self.schedulable
    }

    /// Allocatable amounts of the nodes.
    #[inline]
    pub fn allocatable(&self) -> &Columns {
        &self.allocatable
    }

    /// Free amounts of the nodes.
    #[inline]
    pub fn free(&self) -> &Columns {
        &self.free
    }

    /// The GPU model index of a node, or [`NO_MODEL`].
    #[inline]
    pub fn gpu_model(&self, node: NodeId) -> u8 {
        self.gpu_model[node.index()]
    }

    /// The room of a node's devices in milli-GPU, by device index; empty without GPU.
    #[inline]
    pub fn gpu_room(&self, node: NodeId) -> &[u16] {
        let first = self.gpu_first[node.index()] as usize;
        &self.gpu_room[first..first + usize::from(self.gpu_devices[node.index()])]
    }

    /// The pods that hold a part of a node, in order of addition.
    #[inline]
    pub fn pods(&self, node: NodeId) -> &[PodSlot] {
        &self.pods[node.index()]
    }

    /// Revision of the last change to a node.
    #[inline]
    pub fn changed(&self, node: NodeId) -> Revision {
        self.changed[node.index()]
    }

    /// Revision of the last change to any node's declaration or readiness.
    #[inline]
    pub fn declared(&self) -> Revision {
        self.declared
    }

    /// Whether any node has a taint.
    pub fn any_tainted(&self) -> bool {
        self.tainted > 0
    }

    /// Whether the integer resources of a class fit what is left on a node (GPU devices aside).
    #[inline]
    pub fn has_room(&self, node: NodeId, requests: &Resources) -> bool {
        self.free.has_room(node.index(), requests)
    }

    /// Whether what is left of a node can still be counted once it has promised this much more.
    pub(super) fn is_countable(&self, node: NodeId, requests: &Resources) -> bool {
        let row = node.index();
        let (free, least) = (&self.free, -MOST_TOGETHER);
        let plain = [
            free.cpu_milli[row] - requests.cpu_milli,
            free.memory_bytes[row] - requests.memory_bytes,
            free.storage_bytes[row] - requests.storage_bytes,
        ];
        let extended = requests.extended.iter();
        let mut left = plain
            .into_iter()
            .chain(extended.map(|&(id, amount)| free.extended_amount(id, node) - amount));
        left.all(|left| left >= least)
    }

    /// Whether more is promised of a node than it has.
    #[inline]
    pub fn is_overcommitted(&self, node: NodeId) -> bool {
        let row = node.index();
        let plain = [
            &self.free.cpu_milli,
            &self.free.memory_bytes,
            &self.free.storage_bytes,
            &self.free.pods,
        ];
        let mut columns = plain.into_iter().chain(&self.free.extended);
        columns.any(|column| column[row] < 0)
    }

    /// Whether a GPU request fits the devices of a node: the model is admissible, and either one
    /// device has the room asked for, or enough devices have it each.
    #[inline]
    pub fn has_gpu_room(&self, node: NodeId, gpu: GpuColumns) -> bool {
        if gpu.devices == 0 {
            return true;
        }
        let model = self.gpu_model(node);
        model != NO_MODEL
            && gpu.admits(model)
            && self
                .gpu_room(node)
                .iter()
                .filter(|&&room| room >= gpu.milli_per_device)
                .count()
                >= usize::from(gpu.devices)
    }
}

/// Changes; only the store makes them.
impl Nodes {
    pub(super) fn add(
        &mut self,
        node: NodeId,
        object: Arc<Node>,
        extended: &mut Interner,
        models: &mut Interner,
        at: Revision,
    ) -> Result<(), Conflict> {
        if node.index() != self.objects.len() {
            return Err(Conflict::UnknownNode);
        }
        let (allocatable, model, devices) = derive(&object, extended, models)?;
        let offered = sum(&self.offered, &allocatable)?;
        let name = self.by_name.intern(&object.name);
        if name < self.id_by_name.len() {
            if self.by_name(&object.name).is_some() {
                return Err(Conflict::DuplicateNode(object.name.to_string()));
            }
            self.id_by_name[name] = node;
        } else {
            self.id_by_name.push(node);
        }
        self.offered = offered;
        self.tainted += usize::from(!object.taints.is_empty());
        self.ready.push(true);
        self.schedulable.push(!object.unschedulable);
        self.allocatable.push_row();
        self.allocatable.add(node.index(), &allocatable, 1);
        self.free.push_row();
        self.free.add(node.index(), &allocatable, 1);
        self.gpu_model.push(model);
        self.gpu_first
            .push(u32::try_from(self.gpu_room.len()).expect("invariant: < 2^32 devices"));
        self.gpu_devices.push(devices);
        self.gpu_room
            .extend(std::iter::repeat_n(DEVICE_MILLI, usize::from(devices)));
        self.pods.push(Vec::new());
        self.names.push(object.name.clone());
        self.objects.push(Some(object));
        self.changed.push(at);
        self.declared = at;
        Ok(())
    }

    pub(super) fn update(
        &mut self,
        node: NodeId,
        object: Arc<Node>,
        extended: &mut Interner,
        models: &mut Interner,
        at: Revision,
    ) -> Result<(), Conflict> {
        let row = node.index();
        let known = self.object(node).ok_or(Conflict::UnknownNode)?.clone();
        let (allocatable, model, devices) = derive(&object, extended, models)?;
        if known.name != object.name || devices != self.gpu_devices[row] {
            return Err(Conflict::NodeIdentity);
        }
        let before = self.allocatable.row(node);
        let mut others = self.offered.clone();
        others.subtract(&before);
        self.offered = sum(&others, &allocatable)?;
        for columns in [&mut self.allocatable, &mut self.free] {
            columns.add(row, &before, -1);
            columns.add(row, &allocatable, 1);
        }
        self.gpu_model[row] = model;
        self.tainted += usize::from(!object.taints.is_empty());
        self.tainted -= usize::from(!known.taints.is_empty());
        self.schedulable[row] = self.ready[row] && !object.unschedulable;
        self.objects[row] = Some(object);
        self.touch(node, at);
        self.declared = at;
        Ok(())
    }

    pub(super) fn set_ready(
        &mut self,
        node: NodeId,
        ready: bool,
        at: Revision,
    ) -> Result<(), Conflict> {
        let object = self.object(node).ok_or(Conflict::UnknownNode)?;
        let schedulable = ready && !object.unschedulable;
        self.ready[node.index()] = ready;
        self.schedulable[node.index()] = schedulable;
        self.touch(node, at);
        self.declared = at;
        Ok(())
    }

    pub(super) fn set_contact(
        &mut self,
        node: NodeId,
        contact: NodeContact,
    ) -> Result<(), Conflict> {
        self.object(node).ok_or(Conflict::UnknownNode)?;
        match contact {
            NodeContact::Silent { last_heartbeat } => {
                self.silent.insert(node, last_heartbeat);
            }
            NodeContact::Steady | NodeContact::Heard => {
                self.silent.remove(&node);
            }
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, node: NodeId, at: Revision) -> Result<(), Conflict> {
        let object = self.object(node).ok_or(Conflict::UnknownNode)?;
        self.tainted -= usize::from(!object.taints.is_empty());
        let allocatable = self.allocatable.row(node);
        self.offered.subtract(&allocatable);
        self.allocatable.add(node.index(), &allocatable, -1);
        self.free.add(node.index(), &allocatable, -1);
        self.objects[node.index()] = None;
        self.ready[node.index()] = false;
        self.schedulable[node.index()] = false;
        self.silent.remove(&node);
        self.touch(node, at);
        self.declared = at;
        Ok(())
    }

    /// Takes resources of a node.
    #[inline]
    pub(super) fn take(&mut self, node: NodeId, taken: &Consumption<'_>, at: Revision) {
        self.change(node, taken, -1, at);
    }

    /// Gives resources back to a node.
    #[inline]
    pub(super) fn give_back(&mut self, node: NodeId, taken: &Consumption<'_>, at: Revision) {
        self.change(node, taken, 1, at);
    }

    #[inline]
    pub(super) fn push_pod(&mut self, node: NodeId, pod: PodSlot) {
        self.pods[node.index()].push(pod);
    }

    #[inline]
    pub(super) fn drop_pod(&mut self, node: NodeId, pod: PodSlot) {
        let pods = &mut self.pods[node.index()];
        if let Some(position) = pods.iter().position(|&known| known == pod) {
            pods.swap_remove(position);
        }
    }

    /// Whether every device of the set has this much room.
    #[inline]
    pub(super) fn devices_have_room(&self, node: NodeId, devices: DeviceSet, milli: u16) -> bool {
        let rooms = self.gpu_room(node);
        devices
            .iter()
            .all(|device| rooms.get(device).is_some_and(|&room| room >= milli))
    }

    fn change(&mut self, node: NodeId, taken: &Consumption<'_>, sign: i64, at: Revision) {
        self.free.add(node.index(), taken.resources, sign);
        let first = self.gpu_first[node.index()] as usize;
        for device in taken.devices.iter() {
            let room = &mut self.gpu_room[first + device];
            *room = if sign < 0 {
                room.checked_sub(taken.milli_per_device)
            } else {
                room.checked_add(taken.milli_per_device)
                    .filter(|&room| room <= DEVICE_MILLI)
            }
            .expect("invariant: a device holds between 0 and 1,000 milli-GPU");
        }
        self.touch(node, at);
    }

    #[inline]
    fn touch(&mut self, node: NodeId, at: Revision) {
        self.changed[node.index()] = at;
    }
}

/// Sum of what nodes offer together with one more, if that can be counted.
fn sum(known: &Resources, more: &Resources) -> Result<Resources, Conflict> {
    let mut sum = known.clone();
    // Neither is beyond 2^62.
    sum.add(more);
    let plain = [sum.cpu_milli, sum.memory_bytes, sum.storage_bytes, sum.pods];
    let extended = sum.extended.iter().map(|&(_, amount)| amount);
    let is_countable = plain
        .into_iter()
        .chain(extended)
        .all(|amount| amount <= MOST_TOGETHER);
    is_countable.then_some(sum).ok_or(Conflict::TooMuchTogether)
}

/// Amounts that a pod or a hold takes from a node.
pub(super) struct Consumption<'a> {
    pub(super) resources: &'a Resources,
    pub(super) devices: DeviceSet,
    pub(super) milli_per_device: u16,
}

fn derive(
    object: &Node,
    extended: &mut Interner,
    models: &mut Interner,
) -> Result<(Resources, u8, u8), Conflict> {
    let mut allocatable = class::columns(&object.allocatable, extended)?;
    let Some(gpu) = &object.gpu else {
        return Ok((allocatable, NO_MODEL, 0));
    };
    if usize::from(gpu.devices) > model::gpu::MAX_DEVICES {
        return Err(Conflict::TooManyDevices);
    }
    allocatable.gpu_milli = i64::from(gpu.devices) * i64::from(DEVICE_MILLI);
    Ok((
        allocatable,
        class::model_index(&gpu.model, models)?,
        gpu.devices,
    ))
}
