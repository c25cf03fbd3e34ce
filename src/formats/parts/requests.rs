//! Requests of pods by the amounts that rows state.

use crate::prelude::*;
use model::GpuRequest;
use model::gpu::DEVICE_MILLI;
use model::resource_list::{CPU, MEMORY};

/// Requests of processors (1/1000 core) and memory (bytes); what is `None` is not requested.
pub(crate) fn requests(cpu_milli: Option<i64>, memory: Option<i64>) -> ResourceList {
    let mut list = ResourceList::default();
    if let Some(milli) = cpu_milli {
        list.set(CPU, Quantity::from_milli(milli));
    }
    if let Some(bytes) = memory {
        list.set(MEMORY, Quantity::from_units(bytes));
    }
    list
}

/// Whole devices, of this model if one is stated.
pub(crate) fn whole_gpus(devices: i64, model: &str) -> GpuRequest {
    let is_any = devices == 0 || model.is_empty();
    GpuRequest {
        devices: devices as u8,
        milli_per_device: if devices == 0 { 0 } else { DEVICE_MILLI },
        models: if is_any {
            Vec::new()
        } else {
            vec![model.into()]
        },
    }
}

/// A job that is spread evenly over machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spread {
    /// The machines, which are the gang size.
    pub(crate) members: i64,
    /// The GPUs on each.
    pub(crate) gpus: i64,
    /// The 1/1000 cores on each.
    pub(crate) cpu_milli: i64,
    /// Whether an amount was rounded up.
    pub(crate) is_rounded: bool,
}

/// Spreads GPUs and cores of a job over its machines, rounded up; `None` if no machine has as many GPUs.
pub(crate) fn spread(gpus: i64, cores: i64, machines: i64) -> Option<Spread> {
    let members = machines.max(1);
    let milli = cores.checked_mul(1_000)?;
    let up = |amount: i64| amount / members + i64::from(amount % members > 0);
    let own = Spread {
        members,
        gpus: up(gpus),
        cpu_milli: up(milli),
        is_rounded: gpus % members > 0 || milli % members > 0,
    };
    (own.gpus <= MAX_DEVICES as i64).then_some(own)
}
