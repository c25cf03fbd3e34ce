//! GPU packing (spec: published-results.md 1.6, 04-GpuPacking): first devices that are in use, then
//! free devices of nodes in use, then empty nodes.
//!
//! With f free devices: an empty node gets max(33 − f, f). Else the pod would take the tightest
//! sufficient devices; u of them free: if u > 0, max(50 − u, 33); else max(100 − Σ(room × 100 /
//! 1000) / 10, 50), in integers. A pod without GPU gives every node 0.

use smallvec::SmallVec;

use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::GpuColumns;
use model::gpu::DEVICE_MILLI;
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "gpu-packing",
    point: Point::Score,
    summary: "Prefers devices in use, then free devices of nodes in use, then empty nodes.",
    source: "published-results.md 1.6",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(GpuPacking)))),
};

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct GpuPacking;

/// Points of a node whose devices have these rooms.
pub fn points(rooms: &[u16], gpu: GpuColumns) -> i64 {
    if gpu.devices == 0 {
        return 0;
    }
    let free = rooms.iter().filter(|&&room| room == DEVICE_MILLI).count();
    if free == rooms.len() {
        let free = free as i64;
        return (33 - free).max(free);
    }
    let mut enough: SmallVec<[u16; 8]> = rooms
        .iter()
        .copied()
        .filter(|&room| room >= gpu.milli_per_device)
        .collect();
    enough.sort_unstable();
    enough.truncate(usize::from(gpu.devices));
    let newly_used = enough.iter().filter(|&&room| room == DEVICE_MILLI).count() as i64;
    if newly_used > 0 {
        return (50 - newly_used).max(33);
    }
    let percent_left: i64 = enough
        .iter()
        .map(|&room| i64::from(room) * 100 / 1000)
        .sum();
    (100 - percent_left / 10).max(50)
}

impl Plugin for GpuPacking {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        points(ctx.store.nodes().gpu_room(node), ctx.class.gpu)
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefers_devices_in_use() {
        for (rooms, (devices, milli), expected) in [
            (&[1000, 1000][..], (0, 0), 0),
            (&[1000, 1000], (1, 500), 31),
            (&[1000; 32], (1, 500), 32),
            (&[1000, 300], (1, 500), 49),
            (&[1000, 300, 1000], (2, 1000), 48),
            (&[1000, 600], (1, 500), 94),
            (&[600, 455, 700], (1, 500), 94),
            (&[1000, 0], (1, 1000), 49),
        ] {
            let gpu = GpuColumns {
                devices,
                milli_per_device: milli,
                models: u64::MAX,
            };
            assert_eq!(points(rooms, gpu), expected, "{rooms:?} {devices} {milli}");
        }
    }
}
