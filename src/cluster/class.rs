//! Equivalence classes of pods: what the integer columns of a placement decision need, derived
//! once per class.

use std::sync::Arc;

use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY, PODS};
use model::rules::ports;
use model::rules::unschedulable::tolerates_cordon;
use model::{GpuRequest, PodSpec, ResourceList};
use units::{NodeId, Quantity, QuantityError, ResourceId, Resources};

use super::conflict::Conflict;
use super::{Interner, Store};

/// The most GPU models a cell may know: a set of them is one machine word.
pub const MAX_GPU_MODELS: usize = 64;

/// The largest amount of one resource on one object: 9,007,199,254,740,992, which is 8 PiB of memory
/// or nine trillion cores. Beyond it a float is no longer exact.
pub const MAX_AMOUNT: i64 = 1 << 53;

/// An interned pod spec with the columns derived from it.
#[derive(Clone, Debug)]
pub struct Class {
    /// The spec itself.
    pub spec: Arc<PodSpec>,
    /// Resources that a pod of the class reserves: milli-cores and bytes rounded up, one pod slot,
    /// milli-GPU over all devices.
    pub requests: Resources,
    /// GPU devices that the pod requests.
    pub gpu: GpuColumns,
    /// Whether a node's name or labels matter to it (selector or required node affinity).
    pub selects_nodes: bool,
    /// `true` if pods of the class may go to cordoned nodes.
    pub tolerates_cordon: bool,
    /// `true` if pods of the class take ports on their node.
    pub takes_ports: bool,
}

/// A GPU request with its models as a set of dense indexes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GpuColumns {
    /// Number of devices; 0 asks for none.
    pub devices: u8,
    /// Milli-GPU of each device.
    pub milli_per_device: u16,
    /// Admissible models, one bit per model index; all bits set admits every model.
    pub models: u64,
}

impl GpuColumns {
    /// Whether part of one device is asked for.
    pub const fn is_shared(self) -> bool {
        self.devices == 1 && self.milli_per_device < model::gpu::DEVICE_MILLI
    }

    /// Milli-GPU over all devices.
    pub const fn total_milli(self) -> i64 {
        self.devices as i64 * self.milli_per_device as i64
    }

    /// Whether a model is admissible.
    pub const fn admits(self, model: u8) -> bool {
        self.models & (1 << model) != 0
    }
}

/// The columns of a GPU request.
pub(super) fn gpu_columns(
    request: &GpuRequest,
    models: &mut Interner,
) -> Result<GpuColumns, Conflict> {
    let mut set = 0_u64;
    for model in &request.models {
        set |= 1 << model_index(model, models)?;
    }
    Ok(GpuColumns {
        devices: request.devices,
        milli_per_device: request.milli_per_device,
        models: if request.models.is_empty() {
            u64::MAX
        } else {
            set
        },
    })
}

/// The index of a GPU model.
pub(super) fn model_index(model: &str, models: &mut Interner) -> Result<u8, Conflict> {
    let index = models.intern(model);
    if index >= MAX_GPU_MODELS {
        Err(Conflict::TooManyGpuModels)
    } else {
        Ok(index as u8)
    }
}

impl Class {
    /// Derives the columns of a spec.
    pub(super) fn derive(
        spec: Arc<PodSpec>,
        extended: &mut Interner,
        models: &mut Interner,
    ) -> Result<Self, Conflict> {
        let list = spec.requests().map_err(Conflict::Quantity)?;
        let mut requests = columns(&list, extended)?;
        requests.pods = 1;
        let gpu = gpu_columns(&spec.gpu, models)?;
        requests.gpu_milli = gpu.total_milli();
        let selects_nodes = !spec.node_selector.is_empty() || spec.affinity.node.required.is_some();
        let tolerates_cordon = tolerates_cordon(&spec);
        let takes_ports = spec.host_ports().next().is_some();
        Ok(Self {
            spec,
            requests,
            gpu,
            selects_nodes,
            tolerates_cordon,
            takes_ports,
        })
    }

    /// Whether members of one job stand on a node of their own each.
    pub fn is_one_per_node(&self) -> bool {
        self.spec.is_one_per_node()
    }

    /// Whether a pod of a node has taken a host port that pods of this class need. Looks through the
    /// pods of the node, and only for a class that takes ports.
    pub fn lacks_ports(&self, store: &Store, node: NodeId) -> bool {
        if !self.takes_ports {
            return false;
        }
        let pods = store.nodes().pods(node).iter();
        let classes = pods.filter_map(|&slot| Some(store.class(store.pods().at(slot)?.class)));
        let taken = classes
            .filter(|class| class.takes_ports)
            .flat_map(|class| class.spec.host_ports());
        ports::is_any_taken(&self.spec.host_ports(), taken)
    }
}

/// The integer columns of a list: cpu in milli-cores, everything else in whole units, each rounded
/// up once.
pub(super) fn columns(list: &ResourceList, extended: &mut Interner) -> Result<Resources, Conflict> {
    let bounded = |amount: Result<i64, QuantityError>| match amount {
        Ok(amount) if amount.abs() <= MAX_AMOUNT => Ok(amount),
        Ok(_) => Err(Conflict::TooMuch),
        Err(error) => Err(Conflict::Quantity(error)),
    };
    let units = |amount: Quantity| bounded(amount.units_ceil());
    let mut resources = Resources::default();
    for (name, amount) in list.iter() {
        match name {
            CPU => resources.cpu_milli = bounded(amount.milli_ceil())?,
            MEMORY => resources.memory_bytes = units(amount)?,
            EPHEMERAL_STORAGE => resources.storage_bytes = units(amount)?,
            PODS => resources.pods = units(amount)?,
            other => {
                let id = ResourceId::from_index(extended.intern(other));
                resources.extended.push((id, units(amount)?));
            }
        }
    }
    resources.extended.sort_unstable();
    resources.extended.retain(|&mut (_, amount)| amount != 0);
    Ok(resources)
}
