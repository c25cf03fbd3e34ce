//! Shapes of pods prepared for being tried on every node that changes: what [`mix::fits`] and
//! [`mix::fit_count`] say, without a division and with a node's devices looked at once.
//!
//! [`mix::fits`]: crate::record::setup::mix::fits
//! [`mix::fit_count`]: crate::record::setup::mix::fit_count

use smallvec::SmallVec;

use cluster::GpuColumns;
use cluster::nodes::NO_MODEL;
use model::gpu::MAX_DEVICES;

use crate::record::setup::mix::{MixShape, gpu_fit_count};
use crate::record::state::{Amounts, Devices, NodeRow, RESOURCES, Resource, Row};

/// A positive integer to divide by many times.
#[derive(Clone, Copy, Debug)]
struct Divisor {
    by: i64,
    inverse: f64,
}

/// Below this a floating-point quotient is off by one at most.
const EXACT: i64 = 1 << 52;

impl Divisor {
    fn new(by: i64) -> Self {
        Self {
            by,
            inverse: 1.0 / by as f64,
        }
    }

    /// `amount / by`.
    #[inline]
    fn divide(self, amount: i64) -> i64 {
        if !(0..EXACT).contains(&amount) {
            return amount / self.by;
        }
        let near = (amount as f64 * self.inverse) as i64;
        let rest = amount - near * self.by;
        near + i64::from(rest >= self.by) - i64::from(rest < 0)
    }
}

/// A shape that is counted: how many pods of it fit.
#[derive(Clone, Debug)]
pub struct FitShape {
    /// Divisor by the request of each resource; `None` where nothing is requested.
    requests: [Option<Divisor>; RESOURCES],
    gpu: GpuColumns,
}

impl FitShape {
    /// A shape of these requests.
    pub fn new(requests: Row, gpu: GpuColumns) -> Self {
        let divisor = |request: i64| (request > 0).then(|| Divisor::new(request));
        Self {
            requests: requests.map(divisor),
            gpu,
        }
    }

    /// Number of pods that would fit a node together, by resources and GPU devices alone.
    pub fn count(&self, row: &NodeRow, devices: Devices<'_>) -> i64 {
        if !row.schedulable || self.gpu.devices > 0 && devices.rooms.is_empty() {
            return 0;
        }
        let mut count = i64::MAX;
        for (index, &free) in row.free.iter().enumerate() {
            if let Some(request) = self.requests[index]
                && index != Resource::Gpu as usize
            {
                count = count.min(request.divide(free.max(0)));
            }
        }
        if count == 0 || self.gpu.devices == 0 {
            return count;
        }
        count.min(gpu_fit_count(devices, self.gpu))
    }

    /// The count, but no more than the sum of GPUs left allows: extended resources may take devices
    /// that are free.
    pub fn within_gpus_left(&self, count: i64, row: &NodeRow) -> i64 {
        let gpu = Resource::Gpu as usize;
        let most = self.requests[gpu].map(|request| request.divide(row.free[gpu].max(0)));
        most.map_or(count, |most| count.min(most))
    }

    /// Number of pods that would fit if these amounts lay together; `row` holds them where they
    /// are row-sized, which all but huge clusters are.
    #[inline]
    pub fn together(&self, free: &Amounts, row: Option<&Row>) -> i128 {
        let Some(row) = row else {
            return self.together_of_huge(free);
        };
        let mut together: Option<i64> = None;
        for (index, &free) in row.iter().enumerate() {
            if let Some(request) = self.requests[index] {
                let fit = request.divide(free);
                together = Some(together.map_or(fit, |least| least.min(fit)));
            }
        }
        together.map_or(i128::MAX, i128::from)
    }

    #[cold]
    fn together_of_huge(&self, free: &Amounts) -> i128 {
        let pairs = free.0.iter().zip(&self.requests);
        let fits = pairs.filter_map(|(&free, request)| Some(free / i128::from((*request)?.by)));
        fits.min().unwrap_or(i128::MAX)
    }
}

/// A shape of a mix.
#[derive(Clone, Copy, Debug)]
struct ShapeRow {
    cpu: i64,
    memory: i64,
    pods: i64,
    /// One bit per admissible model; all of them without devices.
    models: u64,
    milli_per_device: i32,
    devices: u8,
    count: i64,
}

/// The shapes of a mix.
#[derive(Clone, Debug, Default)]
pub struct FitTable {
    shapes: Vec<ShapeRow>,
    /// Pods of all shapes.
    pods: i64,
}

impl FitTable {
    /// A table of these shapes.
    pub fn new<'a>(shapes: impl IntoIterator<Item = &'a MixShape>) -> Self {
        let tried = |shape: &MixShape| {
            let [cpu, memory, _, pods] = shape.requests;
            let gpu = shape.gpu;
            let models = if gpu.devices == 0 {
                u64::MAX
            } else {
                gpu.models
            };
            ShapeRow {
                cpu,
                memory,
                pods,
                models,
                milli_per_device: i32::from(gpu.milli_per_device),
                devices: gpu.devices,
                count: shape.count as i64,
            }
        };
        let shapes: Vec<ShapeRow> = shapes.into_iter().map(tried).collect();
        Self {
            pods: shapes.iter().map(|shape| shape.count).sum(),
            shapes,
        }
    }

    /// Number of pods of shapes of which none would fit a node, by resources and GPU devices alone.
    pub fn misfits(&self, row: &NodeRow, devices: Devices<'_>) -> i64 {
        if !row.schedulable {
            return self.pods;
        }
        let [cpu, memory, _, pods] = row.room();
        let Devices { model, rooms } = devices;
        // The least room of as many devices as one asks for, of those with the most of it.
        let mut least = [-1_i32; MAX_DEVICES + 1];
        least[0] = i32::MAX;
        if model != NO_MODEL {
            let mut sorted: SmallVec<[u16; 8]> = rooms.into();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            for (least, &room) in least[1..].iter_mut().zip(&sorted) {
                *least = i32::from(room);
            }
        }
        let bit = 1_u64 << model.min(63);
        let misfit = |shape: &ShapeRow| {
            let least = least.get(usize::from(shape.devices)).copied().unwrap_or(-1);
            let fits = shape.cpu <= cpu
                && shape.memory <= memory
                && shape.pods <= pods
                && shape.milli_per_device <= least
                && shape.models & bit != 0;
            if fits { 0 } else { shape.count }
        };
        self.shapes.iter().map(misfit).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::setup::mix::{fit_count, fits};
    use crate::tests::fixture;
    use cluster::{GpuColumns, Store};
    use model::{Event, GpuRequest};
    use proptest::prelude::*;
    use units::NodeId;

    /// A store with a node of so many devices, of which pods take so many milli each.
    fn store(devices: u8, taken: &[u16]) -> Store {
        let mut store = Store::new();
        let apply = |store: &mut Store, event: Event| {
            store
                .apply(units::Instant::ZERO, event)
                .expect("it applies");
        };
        let added = store.node_added(fixture::node("a", 64_000, 1 << 40, devices));
        apply(&mut store, added);
        for (device, &milli) in taken.iter().enumerate().take(usize::from(devices)) {
            let gpu = GpuRequest {
                devices: 1,
                milli_per_device: milli,
                ..GpuRequest::default()
            };
            let spec = fixture::spec(1, 1, gpu);
            if let Some(added) = store.class_added(&spec) {
                apply(&mut store, added);
            }
            let pod = store.pods().next();
            let created = model::PodCreated {
                pod,
                class: store.class_of(&spec).expect("just added"),
                name: model::PodName::Job(u64::from(pod.id.0)),
                tenant: units::TenantId(0),
                gang: None,
                time_limit: None,
                estimate: None,
                found: None,
                owner: None,
            };
            apply(&mut store, Event::PodCreated(created));
            let devices = model::DeviceSet(1 << device);
            let node = NodeId(0);
            apply(&mut store, Event::PodBound { pod, node, devices });
        }
        store
    }

    fn shape() -> impl Strategy<Value = MixShape> {
        let requests = (0_i64..6, 0_i64..6, 0_i64..3);
        (requests, 0_u8..5, 1_u16..=1_000, any::<bool>(), 1_u64..9).prop_map(
            |((cpu, memory, pods), devices, milli, admits, count)| MixShape {
                requests: [cpu, memory, i64::from(devices) * i64::from(milli), pods],
                gpu: GpuColumns {
                    devices,
                    milli_per_device: if devices == 0 { 0 } else { milli },
                    models: if admits { u64::MAX } else { 0 },
                },
                count,
            },
        )
    }

    proptest! {
        #[test]
        fn quotients_equal_a_division(amount in any::<i64>(), by in 1_i64.., shifts in any::<[u8; 2]>()) {
            let amount = amount >> (shifts[0] % 64);
            let by = (by >> (shifts[1] % 63)).max(1);
            let near = amount / by * by;
            let around = [near.saturating_sub(1), near, near.saturating_add(1)];
            for amount in around.into_iter().chain([amount]) {
                prop_assert_eq!(Divisor::new(by).divide(amount), amount / by);
            }
        }

        #[test]
        fn tables_and_counts_equal_trying_each_shape(
            shapes in prop::collection::vec(shape(), 0..9),
            free in [-2_i64..40, -2..40, 0..9, -1..20],
            schedulable in prop::bool::weighted(0.9),
            devices in 0_u8..5,
            taken in any::<[u16; 4]>(),
        ) {
            let store = store(devices, &taken.map(|milli| milli % 1_000 + 1));
            let row = NodeRow { schedulable, free, ..NodeRow::default() };
            let node = NodeId(0);
            let misfit = |shape: &&MixShape| !fits(node, &row, shape, &store);
            let plain: u64 = shapes.iter().filter(misfit).map(|shape| shape.count).sum();
            let found = FitTable::new(&shapes).misfits(&row, Devices::of(&store, node));
            prop_assert_eq!(found, plain as i64);
            for shape in &shapes {
                let plain = fit_count(node, &row, &shape.requests, shape.gpu, &store);
                let fit = FitShape::new(shape.requests, shape.gpu);
                prop_assert_eq!(fit.count(&row, Devices::of(&store, node)), plain);
                let together = shape.requests.iter().zip(free).filter(|(unit, _)| **unit > 0);
                let together = together.map(|(unit, free)| i128::from(free / unit)).min();
                let amounts = Amounts(free.map(i128::from));
                let together = together.unwrap_or(i128::MAX);
                prop_assert_eq!(fit.together(&amounts, None), together);
                prop_assert_eq!(fit.together(&amounts, amounts.as_row().as_ref()), together);
            }
        }
    }
}
