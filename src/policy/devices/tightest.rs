//! The tightest device: a pod that shares a device takes the one with the least room that is enough,
//! the lowest index on ties; a pod that wants whole devices takes the first free ones
//! (spec: published-results.md 1.6, device choice "best").

use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::GpuColumns;
use model::DeviceSet;
use scheduler::{ClassContext, Plugin, Points};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "tightest",
    point: Point::Devices,
    summary: "Shares the device with the least room that suffices; whole devices are the first \
        free ones.",
    source: "published-results.md 1.6",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(Tightest)))),
};

/// The choice.
#[derive(Clone, Copy, Debug)]
pub struct Tightest;

/// The first devices with the room asked for, as many as are asked for; `None` if there are fewer.
pub(crate) fn first_devices(rooms: &[u16], gpu: GpuColumns) -> Option<DeviceSet> {
    let mut set = DeviceSet::EMPTY;
    for (device, &room) in rooms.iter().enumerate() {
        if set.len() == usize::from(gpu.devices) {
            break;
        }
        if room >= gpu.milli_per_device {
            set.insert(device);
        }
    }
    (set.len() == usize::from(gpu.devices)).then_some(set)
}

fn tightest(rooms: &[u16], gpu: GpuColumns) -> Option<DeviceSet> {
    if !gpu.is_shared() {
        return first_devices(rooms, gpu);
    }
    let enough = rooms
        .iter()
        .enumerate()
        .filter(|&(_, &room)| room >= gpu.milli_per_device);
    let (device, _) = enough.min_by_key(|&(_, &room)| room)?;
    Some(DeviceSet::of(device))
}

impl Plugin for Tightest {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::DEVICES
    }

    fn devices(&mut self, ctx: &ClassContext<'_>, node: NodeId) -> Option<DeviceSet> {
        tightest(ctx.store.nodes().gpu_room(node), ctx.class.gpu)
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(*self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::device_set;

    #[test]
    fn chooses_by_room() {
        let rooms = [1000, 400, 1000, 300, 400, 1000];
        for ((devices, milli), expected) in [
            ((1, 250), Some(&[3][..])),
            ((1, 350), Some(&[1])),
            ((1, 500), Some(&[0])),
            ((1, 1000), Some(&[0])),
            ((2, 1000), Some(&[0, 2])),
            ((3, 1000), Some(&[0, 2, 5])),
            ((4, 1000), None),
        ] {
            let gpu = GpuColumns {
                devices,
                milli_per_device: milli,
                models: u64::MAX,
            };
            assert_eq!(
                tightest(&rooms, gpu),
                expected.map(device_set),
                "{devices} {milli}"
            );
        }
    }
}
