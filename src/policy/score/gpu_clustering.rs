//! GPU clustering (spec: published-results.md 1.6, 03-GpuClustering): pods of one kind of GPU
//! demand together. The kinds: a shared device, or k whole devices for each k.
//!
//! Base points are 25 × (G − g) / G in integers, with GPU g left on the node and the largest
//! node's GPU G. Added are 75 if the node's GPU pods are all of the pod's kind, 50 if some are, 25
//! if it has none, 0 if they are all of other kinds. A pod without GPU gives every node 0.

use super::gpu_best_fit::GPU_SCALE;
use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::{GpuColumns, Store};
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "gpu-clustering",
    point: Point::Score,
    summary: "Prefers nodes whose GPU pods have the same kind of GPU demand.",
    source: "published-results.md 1.6",
    parameters: &[GPU_SCALE],
    constructor: Constructor::Policy(|_, arguments| {
        let scale = GPU_SCALE.integer(arguments)?;
        Ok(PolicyInstance::Plugin(Box::new(GpuClustering { scale })))
    }),
};

/// The score.
#[derive(Clone, Copy, Debug)]
pub struct GpuClustering {
    /// Milli-GPU of the largest node.
    scale: i64,
}

/// The kind of a GPU demand as one bit: 0 shares a device, k takes k whole ones.
fn kind(gpu: GpuColumns) -> u128 {
    if gpu.is_shared() {
        1
    } else {
        1 << gpu.devices.min(127)
    }
}

/// The kinds of the GPU pods on a node.
fn kinds_on(store: &Store, node: NodeId) -> u128 {
    let pods = store.nodes().pods(node).iter();
    pods.filter_map(|&slot| store.pods().at(slot))
        .map(|pod| store.class(pod.class).gpu)
        .filter(|gpu| gpu.devices > 0)
        .fold(0, |kinds, gpu| kinds | kind(gpu))
}

impl Plugin for GpuClustering {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let gpu = ctx.class.gpu;
        if gpu.devices == 0 {
            return 0;
        }
        let used = self.scale - ctx.store.nodes().free().gpu_milli[node.index()];
        let base = (i128::from(used) * 25 / i128::from(self.scale)) as i64;
        let (own, there) = (kind(gpu), kinds_on(ctx.store, node));
        base + if there == 0 {
            25
        } else if there == own {
            75
        } else if there & own != 0 {
            50
        } else {
            0
        }
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};

    #[test]
    fn like_goes_with_like() {
        let mut world = World::default();
        let home = world.node(node("a", 128_000, 1_024, (8, "G2")));
        let none = world.spec(pod(1, 1, (0, 0)));
        let shared = world.spec(pod(1, 1, (1, 500)));
        let whole = world.spec(pod(1, 1, (1, 1000)));
        let double = world.spec(pod(1, 1, (2, 1000)));
        let score = GpuClustering { scale: 8_000 };
        let check = |world: &World, expected: [i64; 4]| {
            let found =
                [none, shared, whole, double].map(|spec| score.score(&world.ctx(spec), home));
            assert_eq!(found, expected);
        };
        check(&world, [0, 25, 25, 25]);
        world.bind(none, home, &[]);
        check(&world, [0, 25, 25, 25]);
        let first = world.bind(whole, home, &[0]);
        check(&world, [0, 3, 78, 3]);
        world.bind(shared, home, &[1]);
        check(&world, [0, 54, 54, 4]);
        world.end(first);
        check(&world, [0, 76, 1, 1]);
    }
}
