//! Amounts of nodes in columns: one vector per resource.

use model::rules::room::fits;
use units::{NodeId, ResourceId, Resources};

/// Amounts of every resource, one vector per resource, one entry per node.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    /// Milli-cores.
    pub cpu_milli: Vec<i64>,
    /// Bytes.
    pub memory_bytes: Vec<i64>,
    /// Bytes.
    pub storage_bytes: Vec<i64>,
    /// Milli-GPU over all devices.
    pub gpu_milli: Vec<i64>,
    /// Pod slots.
    pub pods: Vec<i64>,
    /// Extended resources by [`ResourceId`], then by node.
    pub extended: Vec<Vec<i64>>,
}

impl Columns {
    pub(super) fn push_row(&mut self) {
        self.cpu_milli.push(0);
        self.memory_bytes.push(0);
        self.storage_bytes.push(0);
        self.gpu_milli.push(0);
        self.pods.push(0);
        for column in &mut self.extended {
            column.push(0);
        }
    }

    #[inline]
    pub(super) fn add(&mut self, row: usize, amounts: &Resources, sign: i64) {
        self.cpu_milli[row] += sign * amounts.cpu_milli;
        self.memory_bytes[row] += sign * amounts.memory_bytes;
        self.storage_bytes[row] += sign * amounts.storage_bytes;
        self.gpu_milli[row] += sign * amounts.gpu_milli;
        self.pods[row] += sign * amounts.pods;
        let rows = self.cpu_milli.len();
        for &(id, amount) in &amounts.extended {
            while self.extended.len() <= id.index() {
                self.extended.push(vec![0; rows]);
            }
            self.extended[id.index()][row] += sign * amount;
        }
    }

    /// The amounts of one node.
    pub fn row(&self, node: NodeId) -> Resources {
        let row = node.index();
        Resources {
            cpu_milli: self.cpu_milli[row],
            memory_bytes: self.memory_bytes[row],
            storage_bytes: self.storage_bytes[row],
            gpu_milli: self.gpu_milli[row],
            pods: self.pods[row],
            extended: (0..self.extended.len())
                .map(|index| (ResourceId::from_index(index), self.extended[index][row]))
                .filter(|&(_, amount)| amount != 0)
                .collect(),
        }
    }

    /// The amount of an extended resource on a node.
    #[inline]
    pub fn extended_amount(&self, id: ResourceId, node: NodeId) -> i64 {
        self.extended
            .get(id.index())
            .map_or(0, |column| column[node.index()])
    }

    #[inline]
    pub(super) fn has_room(&self, row: usize, amounts: &Resources) -> bool {
        fits(amounts.cpu_milli, self.cpu_milli[row])
            && fits(amounts.memory_bytes, self.memory_bytes[row])
            && fits(amounts.storage_bytes, self.storage_bytes[row])
            && fits(amounts.pods, self.pods[row])
            && amounts.extended.iter().all(|&(id, amount)| {
                fits(amount, self.extended_amount(id, NodeId::from_index(row)))
            })
    }
}
