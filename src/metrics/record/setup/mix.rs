//! The shapes of a workload: what "fits", "stranded" and "fragmented" are measured against
//! (metrics.md 5.1). Grouped by what pods reserve; the most frequent shapes stand for all.

use cluster::{GpuColumns, Store};
use model::rules::room;
use units::{NodeId, SortedMap, plural};

use crate::record::state::{Devices, NodeRow, Resource, Row};

/// Greatest number of shapes kept.
pub const SHAPES_KEPT: usize = 64;

/// Requests below the smallest of these per cent of the pods are too small to count on.
const SMALLEST_PER_CENT: u64 = 5;

/// A shape and how many pods have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MixShape {
    /// Requests of a pod.
    pub requests: Row,
    /// GPU devices that the pod requests.
    pub gpu: GpuColumns,
    /// Number of pods of the shape.
    pub count: u64,
}

/// The shapes of a workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadMix {
    /// The most frequent shapes, at most [`SHAPES_KEPT`], most frequent first.
    pub shapes: Vec<MixShape>,
    /// Number of pods of the kept shapes.
    pub kept: u64,
    /// Number of pods of the workload.
    pub pods: u64,
    /// Smallest request of each resource such that at least 5 % of the pods ask for no more.
    pub smallest: Row,
    /// The shape that asks for most: of processor, then memory, then GPU.
    pub largest: Option<MixShape>,
}

impl WorkloadMix {
    /// The mix of so many pods of each of these shapes.
    pub fn of(pods: impl IntoIterator<Item = (Row, GpuColumns, u64)>) -> Self {
        let mut counts: SortedMap<(Row, GpuColumns), u64> = SortedMap::new();
        for (requests, gpu, count) in pods {
            *counts.entry((requests, gpu)).or_default() += count;
        }
        let mut shapes: Vec<MixShape> = counts
            .into_iter()
            .filter(|&(_, count)| count > 0)
            .map(|((requests, gpu), count)| MixShape {
                requests,
                gpu,
                count,
            })
            .collect();
        let pods = shapes.iter().map(|shape| shape.count).sum();
        let mut smallest = Row::default();
        for (index, least) in smallest.iter_mut().enumerate() {
            *least = smallest_of(&shapes, pods, index);
        }
        let largest = shapes.last().copied();
        shapes.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| b.cmp(a)));
        shapes.truncate(SHAPES_KEPT);
        Self {
            kept: shapes.iter().map(|shape| shape.count).sum(),
            shapes,
            pods,
            smallest,
            largest,
        }
    }

    /// Remark on the mix beside a value.
    pub fn remark(&self) -> String {
        format!(
            "{}, {} of {}; resources and GPU devices only",
            plural::count(self.shapes.len(), "most frequent shape"),
            self.kept,
            plural::count(self.pods, "pod")
        )
    }
}

/// The smallest request of a resource that, with all below it, at least 5 % of the pods make.
fn smallest_of(shapes: &[MixShape], pods: u64, index: usize) -> i64 {
    let mut by_size: Vec<(i64, u64)> = shapes
        .iter()
        .map(|shape| (shape.requests[index], shape.count))
        .collect();
    by_size.sort_unstable();
    let mut passed = 0;
    by_size
        .iter()
        .find(|&&(_, count)| {
            passed += count;
            u128::from(passed) * 100 >= u128::from(pods) * u128::from(SMALLEST_PER_CENT)
        })
        .map_or(0, |&(size, _)| size)
}

/// Number of pods of a shape that would fit a node together, by resources and GPU devices alone.
pub fn fit_count(
    node: NodeId,
    row: &NodeRow,
    requests: &Row,
    gpu: GpuColumns,
    store: &Store,
) -> i64 {
    if !row.schedulable {
        return 0;
    }
    let mut count = i64::MAX;
    for (index, (&request, &free)) in requests.iter().zip(&row.free).enumerate() {
        if index != Resource::Gpu as usize
            && let Some(times) = room::times(request, free)
        {
            count = count.min(times);
        }
    }
    if count == 0 || gpu.devices == 0 {
        return count;
    }
    count.min(gpu_fit_count(Devices::of(store, node), gpu))
}

/// Number of pods with a GPU request that would fit the devices of a node together.
pub(crate) fn gpu_fit_count(devices: Devices<'_>, gpu: GpuColumns) -> i64 {
    let demand = gpu.milli_per_device.max(1);
    if devices.model == cluster::nodes::NO_MODEL || !gpu.admits(devices.model) {
        return 0;
    }
    let rooms = devices.rooms.iter();
    if gpu.devices == 1 {
        rooms.map(|&room| i64::from(room / demand)).sum()
    } else {
        let free = rooms.filter(|&&room| room >= demand).count() as i64;
        free / i64::from(gpu.devices)
    }
}

/// Whether a pod of a shape would fit a node, by resources and GPU devices alone.
pub fn fits(node: NodeId, row: &NodeRow, shape: &MixShape, store: &Store) -> bool {
    let [cpu, memory, _, pods] = shape.requests;
    row.schedulable
        && room::fits(cpu, row.free[0])
        && room::fits(memory, row.free[1])
        && room::fits(pods, row.free[3])
        && (shape.gpu.devices == 0 || store.nodes().has_gpu_room(node, shape.gpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_grouped_and_the_smallest_are_those_of_five_per_cent() {
        let none = GpuColumns::default();
        let row = |cpu, memory| [cpu, memory, 0, 1];
        let mix = WorkloadMix::of([
            (row(500, 10), none, 4),
            (row(1_000, 30), none, 60),
            (row(4_000, 20), none, 30),
            (row(1_000, 30), none, 6),
            (row(9_000, 1), none, 0),
        ]);
        let counts: Vec<u64> = mix.shapes.iter().map(|shape| shape.count).collect();
        assert_eq!(counts, [66, 30, 4]);
        // Four of 100 are less than 5 %.
        assert_eq!(mix.smallest, [1_000, 20, 0, 1]);
        assert_eq!(mix.largest.map(|shape| shape.requests[0]), Some(4_000));
        assert_eq!((mix.kept, mix.pods), (100, 100));
        assert_eq!(WorkloadMix::of([]), WorkloadMix::default());
    }
}
