//! The cluster and the waiting jobs as columns, for programs in the same process: kept up to date from the
//! changes that questions state.

use control::exchange::question::{Amounts, ClassState, JobState, NodeState, Request};
use units::SortedMap;

/// Number of resources that have a column, in the order of [`Amounts::NAMES`].
pub(crate) const RESOURCES: usize = Amounts::NAMES.len();

/// Nodes as columns, whose rows are the numbers of nodes. A row whose node is gone has zeros.
///
/// Columns of resources lie one after the other, each of [`NodeColumns::stride`] items: resource `r` of
/// node `n` is item `r · stride + n`.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeColumns {
    count: usize,
    stride: usize,
    free: Vec<i64>,
    allocatable: Vec<i64>,
    ready: Vec<u8>,
    schedulable: Vec<u8>,
    devices: Vec<i64>,
    device_stride: usize,
    device_free: Vec<i64>,
    changed: Vec<i64>,
    candidates: Vec<i64>,
}

/// A class of pods as a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClassRow {
    /// Number of the class.
    pub(crate) id: i64,
    /// Priority.
    pub(crate) priority: i64,
    /// Number of GPU devices that a pod asks for.
    pub(crate) gpu_devices: i64,
    /// Amounts that a pod asks for, in the order of [`Amounts::NAMES`].
    pub(crate) requests: [i64; RESOURCES],
    /// The whole description as JSON, with a zero byte at its end.
    pub(crate) json: Vec<u8>,
}

impl ClassRow {
    /// The row of a class that is described; `None` for one that isn't.
    pub(crate) fn of(class: &ClassState) -> Option<Self> {
        let described = class.described.as_ref()?;
        let mut json = serde_json::to_vec(class).unwrap_or_default();
        json.push(0);
        Some(Self {
            id: i64::from(class.id),
            priority: i64::from(described.priority),
            gpu_devices: i64::from(described.gpu_devices),
            requests: described.requests.columns(),
            json,
        })
    }
}

impl NodeColumns {
    /// Takes over what a question states.
    pub(crate) fn advance(&mut self, request: &Request) {
        self.changed.clear();
        for &gone in &request.gone {
            let row = gone as usize;
            if row < self.count {
                self.clear(row);
                self.changed.push(i64::from(gone));
            }
        }
        for node in &request.nodes {
            self.change(node);
            self.changed.push(i64::from(node.id));
        }
        self.candidates.clear();
        let candidates = request.candidates.iter();
        self.candidates
            .extend(candidates.map(|&own| i64::from(own)));
    }

    fn clear(&mut self, row: usize) {
        for resource in 0..RESOURCES {
            self.free[resource * self.stride + row] = 0;
            self.allocatable[resource * self.stride + row] = 0;
        }
        (self.ready[row], self.schedulable[row]) = (0, 0);
        self.devices[row] = 0;
        let first = row * self.device_stride;
        self.device_free[first..first + self.device_stride].fill(0);
    }

    fn change(&mut self, node: &NodeState) {
        let row = node.id as usize;
        self.reserve(row + 1, node.gpu_free.len());
        for (resource, amount) in node.free.columns().into_iter().enumerate() {
            self.free[resource * self.stride + row] = amount;
        }
        if let Some(declared) = &node.declared {
            for (resource, amount) in declared.allocatable.columns().into_iter().enumerate() {
                self.allocatable[resource * self.stride + row] = amount;
            }
        }
        self.ready[row] = u8::from(node.ready);
        self.schedulable[row] = u8::from(node.schedulable);
        self.devices[row] = node.gpu_free.len() as i64;
        let first = row * self.device_stride;
        let devices = &mut self.device_free[first..first + self.device_stride];
        devices.fill(0);
        for (device, &free) in devices.iter_mut().zip(&node.gpu_free) {
            *device = i64::from(free);
        }
    }

    /// Makes room for rows and for devices of a node.
    fn reserve(&mut self, rows: usize, devices: usize) {
        if rows > self.stride || devices > self.device_stride {
            let stride = if rows > self.stride {
                rows.next_power_of_two().max(64)
            } else {
                self.stride
            };
            let device_stride = devices.max(self.device_stride);
            let moved = |own: &[i64]| {
                let mut columns = vec![0; RESOURCES * stride];
                for resource in 0..RESOURCES {
                    let column = &own[resource * self.stride..][..self.count];
                    columns[resource * stride..][..self.count].copy_from_slice(column);
                }
                columns
            };
            (self.free, self.allocatable) = (moved(&self.free), moved(&self.allocatable));
            let mut device_free = vec![0; stride * device_stride];
            for row in 0..self.count {
                let own = &self.device_free[row * self.device_stride..][..self.device_stride];
                device_free[row * device_stride..][..own.len()].copy_from_slice(own);
            }
            self.device_free = device_free;
            self.ready.resize(stride, 0);
            self.schedulable.resize(stride, 0);
            self.devices.resize(stride, 0);
            (self.stride, self.device_stride) = (stride, device_stride);
        }
        self.count = self.count.max(rows);
    }

    /// Number of rows.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Number of items from one resource's column to the next one's.
    pub(crate) const fn stride(&self) -> usize {
        self.stride
    }

    /// Amounts that no pod holds.
    pub(crate) fn free(&self) -> &[i64] {
        &self.free
    }

    /// Amounts that nodes offer.
    pub(crate) fn allocatable(&self) -> &[i64] {
        &self.allocatable
    }

    /// Whether each node is ready: 1 or 0.
    pub(crate) fn ready(&self) -> &[u8] {
        &self.ready
    }

    /// Whether each node takes new pods: 1 or 0.
    pub(crate) fn schedulable(&self) -> &[u8] {
        &self.schedulable
    }

    /// Number of GPU devices of each node.
    pub(crate) fn devices(&self) -> &[i64] {
        &self.devices
    }

    /// Number of items from the devices of one node to those of the next.
    pub(crate) const fn device_stride(&self) -> usize {
        self.device_stride
    }

    /// Milli-GPU left of each device: device `d` of node `n` is item `n · device_stride + d`.
    pub(crate) fn device_free(&self) -> &[i64] {
        &self.device_free
    }

    /// Rows that are new, changed or gone since the question before.
    pub(crate) fn changed(&self) -> &[i64] {
        &self.changed
    }

    /// Rows in question.
    pub(crate) fn candidates(&self) -> &[i64] {
        &self.candidates
    }
}

/// Waiting jobs as columns, in the order of the question.
#[derive(Clone, Debug, Default)]
pub(crate) struct JobColumns {
    /// Jobs as they were described, by number.
    described: SortedMap<u64, [i64; JobColumns::COUNT]>,
    columns: [Vec<i64>; JobColumns::COUNT],
}

impl JobColumns {
    /// Number of columns: number of the job, `submitted`, `requested` (−1 where it asks for none),
    /// `members`, `tenant`, `priority`, `cpu_milli`, `memory_bytes`, `gpu_milli`.
    pub(crate) const COUNT: usize = 9;

    /// Takes over the jobs of a question.
    pub(crate) fn advance(&mut self, jobs: &[JobState]) {
        for column in &mut self.columns {
            column.clear();
        }
        for job in jobs {
            if let Some(own) = &job.described {
                let row = [
                    job.id.cast_signed(),
                    own.submitted,
                    own.requested.unwrap_or(-1),
                    i64::from(own.members),
                    i64::from(own.tenant),
                    i64::from(own.priority),
                    own.cpu_milli,
                    own.memory_bytes,
                    own.gpu_milli,
                ];
                self.described.insert(job.id, row);
            }
            let row = self.described.get(&job.id).copied().unwrap_or_default();
            for (column, value) in self.columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
    }

    /// Columns, each with an item for each job.
    pub(crate) const fn columns(&self) -> &[Vec<i64>; Self::COUNT] {
        &self.columns
    }
}

#[cfg(test)]
mod tests {
    use control::exchange::question::NodeDeclaration;

    use super::*;

    fn node(id: u32, cpu_milli: i64, gpu_free: Vec<u16>) -> NodeState {
        let free = Amounts {
            cpu_milli,
            pods: i64::from(id),
            ..Amounts::default()
        };
        NodeState {
            id,
            ready: true,
            schedulable: id.is_multiple_of(2),
            declared: Some(NodeDeclaration {
                name: "n".into(),
                labels: model::Labels::default(),
                taints: vec![],
                allocatable: free.clone(),
                gpu_model: None,
            }),
            free,
            gpu_free,
        }
    }

    fn request(nodes: Vec<NodeState>, gone: Vec<u32>) -> Request {
        Request {
            now: 0,
            class: ClassState {
                id: 0,
                described: None,
            },
            nodes,
            gone,
            candidates: vec![1],
            waiting: 0,
        }
    }

    /// Columns hold what was stated last, also once they have moved to make room.
    #[test]
    fn columns_follow_the_questions() {
        let mut columns = NodeColumns::default();
        columns.advance(&request(
            vec![node(0, 10, vec![]), node(1, 11, vec![7, 8])],
            vec![],
        ));
        columns.advance(&request(vec![node(200, 9, vec![1, 2, 3])], vec![0]));
        let free = |resource: usize, row: usize| columns.free()[resource * columns.stride() + row];
        assert_eq!([free(0, 0), free(0, 1), free(0, 200)], [0, 11, 9]);
        assert_eq!([free(4, 1), free(4, 200)], [1, 200]);
        let devices = |row: usize| &columns.device_free()[row * columns.device_stride()..][..3];
        assert_eq!([devices(1), devices(200)], [&[7, 8, 0][..], &[1, 2, 3]]);
        assert_eq!((columns.ready()[0], columns.ready()[1]), (0, 1));
        assert_eq!((columns.changed(), columns.count()), (&[0, 200][..], 201));
    }
}
