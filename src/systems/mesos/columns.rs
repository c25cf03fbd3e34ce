//! Resources of nodes and pods as the allocator's columns.

use cluster::{Class, Store};
use model::gpu::DEVICE_MILLI;
use units::{NodeId, ResourceId, Resources};

use super::fast::amounts::Amounts;
use super::section::MesosAmount;

/// Milli-cores.
pub const CPUS: usize = 0;
/// Bytes.
pub const MEM: usize = 1;
/// Bytes of local disk.
pub const DISK: usize = 2;
/// GPU devices; a device in part is a device.
pub const GPUS: usize = 3;
/// Pod slots of the node: a limit of the cluster file that Mesos itself does not have.
pub const PODS: usize = 4;
/// Columns that there always are; extended resources follow.
const FIXED: usize = 5;

/// Columns of a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    extended: usize,
}

impl Columns {
    /// The columns of a cluster: its nodes have been read.
    pub fn of(store: &Store) -> Self {
        Self {
            extended: store.extended().len(),
        }
    }

    /// Number of columns.
    pub const fn count(self) -> usize {
        FIXED + self.extended
    }

    /// The names of the columns, as Mesos calls them.
    pub fn names(self, store: &Store) -> Vec<String> {
        let fixed = ["cpus", "mem", "disk", "gpus", "pods"].map(str::to_owned);
        let extended = (0..self.extended).map(|index| store.extended().text(index).to_owned());
        fixed.into_iter().chain(extended).collect()
    }

    fn amounts(self, resources: &Resources, gpus: i64) -> Option<Amounts> {
        let mut all = Amounts::from_elem(0, self.count());
        all[CPUS] = resources.cpu_milli;
        all[MEM] = resources.memory_bytes;
        all[DISK] = resources.storage_bytes;
        all[GPUS] = gpus;
        all[PODS] = resources.pods;
        for &(id, amount) in &resources.extended {
            *all.get_mut(FIXED + id.index())? = amount;
        }
        Some(all)
    }

    /// Total resources of an agent.
    pub fn total(self, store: &Store, node: NodeId) -> Amounts {
        let resources = store.nodes().allocatable().row(node);
        let devices = store.nodes().gpu_room(node).len() as i64;
        // A resource that came with a later node is nobody's.
        let known = resources.extended.iter().copied();
        let known = known.filter(|(id, _)| id.index() < self.extended).collect();
        let resources = Resources {
            extended: known,
            ..resources
        };
        let amounts = self.amounts(&resources, devices);
        amounts.unwrap_or_else(|| Amounts::from_elem(0, self.count()))
    }

    /// Needs of a pod of a class; `None` if no agent can satisfy them.
    pub fn needs(self, class: &Class) -> Option<Amounts> {
        self.amounts(&class.requests, i64::from(class.gpu.devices))
    }

    /// Amounts as far as they are stated; the others are nothing.
    pub fn stated(self, amount: &MesosAmount) -> Amounts {
        let mut all = Amounts::from_elem(0, self.count());
        for (column, stated) in stated(amount) {
            all[column] = stated.unwrap_or(0);
        }
        all
    }

    /// Bounds as far as they are stated.
    pub fn bounds(self, amount: &MesosAmount) -> Vec<Option<i64>> {
        let mut all = vec![None; self.count()];
        for (column, stated) in stated(amount) {
            all[column] = stated;
        }
        all
    }

    /// Amounts as the store counts what is held.
    pub fn held(self, amounts: &Amounts) -> Resources {
        let extended = (FIXED..self.count()).filter(|&column| amounts[column] > 0);
        Resources {
            cpu_milli: amounts[CPUS],
            memory_bytes: amounts[MEM],
            storage_bytes: amounts[DISK],
            gpu_milli: amounts[GPUS] * i64::from(DEVICE_MILLI),
            pods: amounts[PODS],
            extended: extended
                .map(|column| (ResourceId::from_index(column - FIXED), amounts[column]))
                .collect(),
        }
    }
}

fn stated(amount: &MesosAmount) -> [(usize, Option<i64>); 3] {
    [
        (CPUS, amount.cpu_milli()),
        (MEM, amount.memory_bytes()),
        (GPUS, amount.gpus),
    ]
}
