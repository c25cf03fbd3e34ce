//! GPU devices as the device plugins of vendors hand them out: whole. A pod that asks for a part of a
//! device gets one that no other pod is on, and no other pod gets it meanwhile (kubelet, device manager).

use crate::devices::tightest::first_devices;
use crate::{Constructor, Entry, Point, PolicyInstance};
use cluster::GpuColumns;
use model::DeviceSet;
use model::gpu::DEVICE_MILLI;
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points, Reason};
use units::NodeId;

/// The registry's entry.
pub const ENTRY: Entry = Entry {
    name: "whole-devices",
    point: Point::Filter,
    summary: "Rejects nodes without enough GPU devices that no pod is on: a share takes a whole device.",
    source: "kubernetes.md 1.7",
    parameters: &[],
    constructor: Constructor::Policy(|_, _| Ok(PolicyInstance::Plugin(Box::new(WholeDevices)))),
};

/// The filter and choice.
#[derive(Clone, Copy, Debug)]
pub struct WholeDevices;

/// The devices that a pod gets where all of them are whole.
fn whole(rooms: &[u16], gpu: GpuColumns) -> Option<DeviceSet> {
    let milli_per_device = DEVICE_MILLI;
    let whole = GpuColumns {
        milli_per_device,
        ..gpu
    };
    first_devices(rooms, whole)
}

impl Plugin for WholeDevices {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::FILTER).and(Points::DEVICES)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        if ctx.class.gpu.devices == 0 {
            PreFilter::Skip
        } else {
            PreFilter::Run
        }
    }

    fn filter(&self, ctx: &ClassContext<'_>, node: NodeId) -> Result<(), Reason> {
        let (nodes, gpu) = (ctx.store.nodes(), ctx.class.gpu);
        if nodes.has_gpu_room(node, gpu) && whole(nodes.gpu_room(node), gpu).is_some() {
            return Ok(());
        }
        Err(Reason::Text("Insufficient gpu"))
    }

    fn devices(&mut self, ctx: &ClassContext<'_>, node: NodeId) -> Option<DeviceSet> {
        whole(ctx.store.nodes().gpu_room(node), ctx.class.gpu)
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
    fn a_share_takes_a_device_that_no_pod_is_on() {
        let rooms = [400, 1000, 0, 1000];
        for ((devices, milli), expected) in [
            ((1, 250), Some(&[1][..])),
            ((1, 1000), Some(&[1])),
            ((2, 1000), Some(&[1, 3])),
            ((3, 1000), None),
        ] {
            let gpu = GpuColumns {
                devices,
                milli_per_device: milli,
                models: u64::MAX,
            };
            let found = whole(&rooms, gpu);
            assert_eq!(found, expected.map(device_set), "{devices} {milli}");
        }
        let shared = GpuColumns {
            devices: 1,
            milli_per_device: 300,
            models: u64::MAX,
        };
        assert_eq!(whole(&[400, 999], shared), None);
    }
}
