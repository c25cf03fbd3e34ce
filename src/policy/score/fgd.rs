//! Fragmentation gradient descent (FGD, ATC'23; spec: published-results.md 1.6, 06-FGD): the node
//! and device where the pod adds least to the fragmented GPU of the target workload.
//!
//! points = trunc(100 × sigmoid((F before − F after) / 1000)), F as in
//! [`cluster::fragmentation`]. A pod that shares a device is tried on every device with
//! enough room; any other pod takes the tightest devices.
//!
//! F depends on a node's cpu left, its model and the rooms of its devices, and not on which device
//! has which room. Such states are numbered when a node changes; points are kept by class and
//! state, so that a decision reads two columns.

use std::cell::RefCell;
use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::devices::tightest::first_devices;
use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::fragmentation::TypicalPods;
use cluster::{GpuColumns, Nodes};
use model::DeviceSet;
use rng::math;
use scheduler::{ClassContext, Plugin, Points};
use units::{NodeId, Revision};

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "fgd",
    point: Point::Score,
    summary: "Prefers the node and device where the pod adds the least GPU fragmentation for the \
        target workload.",
    source: "published-results.md 1.6",
    parameters: &[],
    constructor: Constructor::Policy(|setup, _| {
        let target = setup.typical_pods.clone();
        Ok(PolicyInstance::Plugin(Box::new(Fgd {
            target,
            memo: RefCell::default(),
        })))
    }),
};

/// Rooms of a node's devices, in milli-GPU.
type Rooms = SmallVec<[u16; 8]>;

/// Node state that F depends on, with device rooms in ascending order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    cpu_milli: i64,
    model: u8,
    rooms: Rooms,
}

/// The score, with what it has calculated.
#[derive(Clone, Debug)]
pub struct Fgd {
    target: Arc<TypicalPods>,
    memo: RefCell<Memo>,
}

/// Points that were not calculated yet.
const UNKNOWN: u8 = u8::MAX;

/// Number of states kept: beyond, all are forgotten. A fill-up of 1,213 nodes sees some 10,000.
const MAX_STATES: usize = 1 << 16;

/// Number of points kept, a byte each, over all classes and states: beyond, all are forgotten.
const MAX_POINTS: usize = 1 << 26;

#[derive(Clone, Debug, Default)]
struct Memo {
    /// By node row: when its state was looked at, and the state's number.
    nodes: Vec<(Revision, u32)>,
    states: IndexSet<State, FxBuildHasher>,
    /// F by state.
    fragmented: Vec<f64>,
    /// Points by class, then by state.
    points: Vec<Vec<u8>>,
}

impl Memo {
    /// The number of a node's state.
    fn state(&mut self, target: &TypicalPods, nodes: &Nodes, node: NodeId) -> usize {
        if self.nodes.len() <= node.index() {
            self.nodes.resize(nodes.len(), (Revision::default(), 0));
        }
        let (seen, number) = self.nodes[node.index()];
        let changed = nodes.changed(node);
        if seen == changed {
            return number as usize;
        }
        let n_points = self.states.len() * self.points.len();
        if self.states.len() >= MAX_STATES || n_points >= MAX_POINTS {
            *self = Self::default();
            self.nodes.resize(nodes.len(), (Revision::default(), 0));
        }
        let mut rooms = Rooms::from_slice(nodes.gpu_room(node));
        rooms.sort_unstable();
        let state = State {
            cpu_milli: nodes.free().cpu_milli[node.index()],
            model: nodes.gpu_model(node),
            rooms,
        };
        let (number, new) = self.states.insert_full(state);
        if new {
            let state = &self.states[number];
            self.fragmented
                .push(fragmented(target, state, state.cpu_milli, &state.rooms));
        }
        self.nodes[node.index()] = (changed, number as u32);
        number
    }
}

fn fragmented(target: &TypicalPods, state: &State, cpu_milli: i64, rooms: &[u16]) -> f64 {
    target.fragments(cpu_milli, state.model, rooms).fragmented()
}

/// Points for a change of F.
fn points(before: f64, after: f64) -> u8 {
    (100.0 * math::sigmoid((before - after) / 1000.0)) as u8
}

/// A pod's part in the calculation.
struct Demand<'a> {
    target: &'a TypicalPods,
    cpu_milli: i64,
    gpu: GpuColumns,
}

impl Demand<'_> {
    /// Points of a node in a state with `before` fragmented.
    fn points(&self, state: &State, before: f64) -> u8 {
        if self.gpu.is_shared() {
            self.best_shared(state, before)
        } else {
            self.whole(state, before)
        }
    }

    /// The most points that any device gives; devices of equal room give equal points.
    fn best_shared(&self, state: &State, before: f64) -> u8 {
        let mut best = 0;
        let mut last = None;
        for (device, &room) in state.rooms.iter().enumerate() {
            if room >= self.gpu.milli_per_device && last != Some(room) {
                last = Some(room);
                best = best.max(self.shared(state, before, device));
            }
        }
        best
    }

    /// Points for sharing one device (a position in ascending order of room).
    fn shared(&self, state: &State, before: f64, device: usize) -> u8 {
        let mut rooms = state.rooms.clone();
        rooms[device] -= self.gpu.milli_per_device;
        let cpu_milli = state.cpu_milli - self.cpu_milli;
        points(before, fragmented(self.target, state, cpu_milli, &rooms))
    }

    /// Points for taking the tightest sufficient devices.
    fn whole(&self, state: &State, before: f64) -> u8 {
        let mut rooms = state.rooms.clone();
        let enough = rooms
            .iter_mut()
            .filter(|room| **room >= self.gpu.milli_per_device);
        for room in enough.take(usize::from(self.gpu.devices)) {
            *room -= self.gpu.milli_per_device;
        }
        let cpu_milli = state.cpu_milli - self.cpu_milli;
        points(before, fragmented(self.target, state, cpu_milli, &rooms))
    }
}

impl Fgd {
    fn demand(&self, ctx: &ClassContext<'_>) -> Demand<'_> {
        Demand {
            target: &self.target,
            cpu_milli: ctx.class.requests.cpu_milli,
            gpu: ctx.class.gpu,
        }
    }
}

impl Plugin for Fgd {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::SCORE.and(Points::DEVICES)
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        let mut memo = self.memo.borrow_mut();
        let memo = &mut *memo;
        let number = memo.state(&self.target, ctx.store.nodes(), node);
        if memo.points.len() <= ctx.id.index() {
            memo.points.resize_with(ctx.id.index() + 1, Vec::new);
        }
        let known = &mut memo.points[ctx.id.index()];
        if known.len() <= number {
            known.resize(memo.states.len(), UNKNOWN);
        }
        if known[number] == UNKNOWN {
            let before = memo.fragmented[number];
            known[number] = self.demand(ctx).points(&memo.states[number], before);
        }
        i64::from(known[number])
    }

    /// The first device, in order of index, that reaches the points the node was scored with.
    fn devices(&mut self, ctx: &ClassContext<'_>, node: NodeId) -> Option<DeviceSet> {
        let nodes = ctx.store.nodes();
        let (rooms, gpu) = (nodes.gpu_room(node), ctx.class.gpu);
        if !gpu.is_shared() {
            return first_devices(rooms, gpu);
        }
        let memo = self.memo.get_mut();
        let number = memo.state(&self.target, nodes, node);
        let (state, before) = (&memo.states[number], memo.fragmented[number]);
        let demand = Demand {
            target: &self.target,
            cpu_milli: ctx.class.requests.cpu_milli,
            gpu,
        };
        let best = demand.best_shared(state, before);
        let reaches = |room: u16| {
            room >= gpu.milli_per_device
                && state
                    .rooms
                    .binary_search(&room)
                    .is_ok_and(|device| demand.shared(state, before, device) == best)
        };
        rooms
            .iter()
            .position(|&room| reaches(room))
            .map(DeviceSet::of)
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, device_set, node, pod};
    use cluster::fragmentation::TypicalPod;

    /// Half of the pods want 500 milli-GPU, half two whole devices; each wants 1 core.
    fn fgd() -> Fgd {
        let typical = |devices, milli_per_device| TypicalPod {
            cpu_milli: 1_000,
            gpu: GpuColumns {
                devices,
                milli_per_device,
                models: u64::MAX,
            },
            weight: 0.5,
        };
        let target = TypicalPods {
            pods: vec![typical(1, 500), typical(2, 1000)],
        };
        Fgd {
            target: Arc::new(target),
            memo: RefCell::default(),
        }
    }

    #[test]
    fn prefers_what_fragments_least() {
        let mut world = World::default();
        let fresh = world.node(node("fresh", 8_000, 1_024, (2, "T4")));
        let used = world.node(node("used", 8_000, 1_024, (2, "T4")));
        let there = world.spec(pod(1_000, 1, (1, 400)));
        let shared = world.spec(pod(1_000, 1, (1, 600)));
        world.bind(there, used, &[1]);
        // Fresh: all 2,000 are usable before; after, 400 are lost to one half of the target and
        // 1,400 to the other: trunc(100 × sigmoid(-0.9)). Used: 1,600 are lost to the second half
        // before; on device 1, 1,000 are after: trunc(100 × sigmoid(0.3)).
        let mut fgd = fgd();
        for (node, points, device) in [(fresh, 28, 0), (used, 57, 1)] {
            let ctx = world.ctx(shared);
            assert_eq!(fgd.score(&ctx, node), points, "{node}");
            assert_eq!(
                fgd.devices(&ctx, node),
                Some(device_set(&[device])),
                "{node}"
            );
        }
        let whole = world.spec(pod(1_000, 1, (2, 1000)));
        assert_eq!(
            fgd.devices(&world.ctx(whole), fresh),
            Some(device_set(&[0, 1]))
        );
        assert_eq!(fgd.score(&world.ctx(whole), fresh), 50);
        // No pod can use the cpu that is left: all 2,000 are lost, trunc(100 × sigmoid(-2)).
        let cpu = world.spec(pod(7_500, 1, (0, 0)));
        assert_eq!(fgd.score(&world.ctx(cpu), fresh), 11);
    }

    #[test]
    fn kept_points_follow_the_node() {
        let mut world = World::default();
        let home = world.node(node("a", 8_000, 1_024, (2, "T4")));
        let shared = world.spec(pod(1_000, 1, (1, 300)));
        let kept = fgd();
        for device in [0, 1, 0, 1, 0, 1] {
            let scored = kept.score(&world.ctx(shared), home);
            assert_eq!(scored, fgd().score(&world.ctx(shared), home));
            world.bind(shared, home, &[device]);
        }
    }
}
