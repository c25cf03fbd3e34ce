//! Jobs of Microsoft's Philly clusters of 2017, in Pacific local time: the log itself, and a table that
//! was derived of it. A job is a gang of pods of one GPU each. Format: `traces.md`, section 7.

pub mod log;
pub mod table;

use crate::calendar::Zone;
use crate::gather::Demand;
use model::gpu::DEVICE_MILLI;
use model::{GpuRequest, PodSpec, ResourceList};

/// The zone of the trace's dates.
fn zone() -> Zone {
    Zone::named("America/Los_Angeles")
}

/// A demand of so many GPUs.
fn gang(gpus: i64) -> Demand {
    Demand {
        members: gpus as u32,
        spec: PodSpec {
            gpu: GpuRequest {
                devices: 1,
                milli_per_device: DEVICE_MILLI,
                models: Vec::new(),
            },
            ..PodSpec::with_requests(ResourceList::default())
        },
        ..Demand::default()
    }
}
