//! Whole devices of nodes, for systems that give out no parts of them.

use cluster::Store;
use model::DeviceSet;
use model::gpu::DEVICE_MILLI;
use units::NodeId;

/// Whole free devices of a node, `count` of them, but for some.
pub fn whole_devices(store: &Store, node: NodeId, but: DeviceSet, count: i64) -> DeviceSet {
    let rooms = store.nodes().gpu_room(node).iter().enumerate();
    let whole = rooms.filter(|&(device, &room)| room == DEVICE_MILLI && !but.contains(device));
    let mut devices = DeviceSet::EMPTY;
    for (device, _) in whole.take(usize::try_from(count).unwrap_or(0)) {
        devices.insert(device);
    }
    devices
}
