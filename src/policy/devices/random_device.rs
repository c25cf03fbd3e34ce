//! A random device: a pod that shares a device takes any that has enough room, each equally likely;
//! a pod that wants whole devices takes the first free ones (spec: published-results.md 1.6,
//! 01-Random).

use super::tightest::first_devices;
use crate::{Constructor, Entry, Point, PolicyInstance};
use model::DeviceSet;
use rng::Stream;
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "random-device",
    point: Point::Devices,
    summary: "Shares a random device with enough room; whole devices are the first free ones.",
    source: "published-results.md 1.6",
    parameters: &[],
    constructor: Constructor::Policy(|setup, _| {
        let stream = setup.stream(ENTRY.name);
        Ok(PolicyInstance::Plugin(Box::new(RandomDevice { stream })))
    }),
};

/// The choice, with its random stream.
#[derive(Clone, Debug)]
pub struct RandomDevice {
    stream: Stream,
}

impl Plugin for RandomDevice {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::DEVICES
    }

    fn devices(&mut self, ctx: &ClassContext<'_>, node: NodeId) -> Option<DeviceSet> {
        let (rooms, gpu) = (ctx.store.nodes().gpu_room(node), ctx.class.gpu);
        if !gpu.is_shared() {
            return first_devices(rooms, gpu);
        }
        let mut enough = (0..rooms.len()).filter(|&device| rooms[device] >= gpu.milli_per_device);
        let count = enough.clone().count();
        if count == 0 {
            return None;
        }
        let drawn = self.stream.below(count as u64) as usize;
        enough.nth(drawn).map(DeviceSet::of)
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Setup;
    use crate::testing::{World, device_set, node, pod};

    #[test]
    fn shares_any_device_with_room() {
        let mut world = World::default();
        let home = world.node(node("a", 64_000, 1024, (4, "T4")));
        let most = world.spec(pod(1, 1, (1, 900)));
        let shared = world.spec(pod(1, 1, (1, 200)));
        let whole = world.spec(pod(1, 1, (2, 1000)));
        world.bind(most, home, &[1]);
        let mut random = RandomDevice {
            stream: Setup::default().stream(ENTRY.name),
        };
        let mut counts = [0; 4];
        for _ in 0..3_000 {
            let set = random
                .devices(&world.ctx(shared), home)
                .expect("there is room");
            counts[set.iter().next().expect("one device")] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(
            counts
                .iter()
                .filter(|count| (880..1_120).contains(*count))
                .count()
                == 3,
            "{counts:?}"
        );
        // What is left of the device that is shared is just enough.
        let rest = world.spec(pod(1, 1, (1, 100)));
        let mut drawn = (0..1_000).map(|_| {
            let set = random.devices(&world.ctx(rest), home);
            set.expect("there is room")
        });
        assert!(drawn.any(|set| set == device_set(&[1])));
        assert_eq!(
            random.devices(&world.ctx(whole), home),
            Some(device_set(&[0, 2]))
        );
    }
}
