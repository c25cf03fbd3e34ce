//! GPU devices in manifests, in the notation of the openb GPU-cluster traces and their simulator:
//! nodes list `alibabacloud.com/gpu-count` (devices) and `alibabacloud.com/gpu-milli`, with the
//! label `alibabacloud.com/gpu-card-model`; pods state `gpu-count`, `gpu-milli` (of each device)
//! and `gpu-card-model` (`|` between admissible models) as annotations, or the first two as
//! requests of one container.
//!
//! `nvidia.com/gpu` and the like stay what they are in Kubernetes: extended resources, counted
//! and not told apart by device; beside annotations that state as many devices, they are these.

use super::field::{Path, Problem, quantity};
use super::raw::Metadata;
use model::gpu::{DEVICE_MILLI, GPU_RESOURCES, MAX_DEVICES};
use model::{Container, GpuInventory, GpuRequest, Node, ResourceList, Text};
use units::{Quantity, plural};

const COUNT: &str = "alibabacloud.com/gpu-count";
const MILLI: &str = "alibabacloud.com/gpu-milli";
const MODEL: &str = "alibabacloud.com/gpu-card-model";
/// The devices that a bound pod holds.
pub(super) const INDEX: &str = "alibabacloud.com/gpu-index";

/// Moves the device resources of a node from its lists into an inventory.
pub(super) fn take_inventory(
    node: &mut Node,
    path: &Path<'_>,
) -> Result<Option<GpuInventory>, Problem> {
    let (count, milli) = take_both(&mut node.allocatable);
    take_both(&mut node.capacity);
    let devices = devices(count.unwrap_or_default(), &path.key(COUNT))?;
    let one_device = Quantity::from_units(i64::from(DEVICE_MILLI));
    if let Some(milli) = milli.filter(|&milli| milli != one_device) {
        let expected = i64::from(devices) * i64::from(DEVICE_MILLI);
        if milli != Quantity::from_units(expected) {
            let rule = format!(
                "1000 or, for {}, {expected}",
                plural::count(devices, "device")
            );
            return Err(path.key(MILLI).problem(&rule, milli));
        }
    }
    Ok((devices > 0).then(|| GpuInventory {
        devices,
        model: node.labels.get(MODEL).cloned().unwrap_or_default(),
    }))
}

/// Moves the device requests of a pod from its annotations and containers into one request.
pub(super) fn take_request(
    metadata: &Metadata,
    containers: &mut [Container],
    path: &Path<'_>,
) -> Result<GpuRequest, Problem> {
    let annotations = Path::root("metadata");
    let annotations = annotations.field("annotations");
    let annotated = |key: &str| -> Result<Option<Quantity>, Problem> {
        let text = metadata.annotations.get(key);
        text.map(|text| quantity(text, &annotations.key(key)))
            .transpose()
    };
    let mut count = annotated(COUNT)?;
    let mut milli = annotated(MILLI)?;
    let is_annotated = count.is_some() || milli.is_some();
    for (index, container) in containers.iter_mut().enumerate() {
        take_both(&mut container.limits);
        let (own_count, own_milli) = take_both(&mut container.requests);
        if is_annotated || (own_count.is_none() && own_milli.is_none()) {
            continue;
        }
        if count.is_some() || milli.is_some() {
            let expected = "GPU devices requested by only one container of the pod";
            return Err(path
                .index(index)
                .field("resources")
                .problem(expected, "a second one"));
        }
        (count, milli) = (own_count, own_milli);
    }
    if is_annotated && let Some(count) = count {
        take_the_same(containers, count);
    }
    let (count, milli) = match (count, milli) {
        (None, None) => return Ok(GpuRequest::default()),
        (count, milli) => (
            count.unwrap_or(Quantity::from_units(1)),
            milli.unwrap_or(Quantity::from_units(i64::from(DEVICE_MILLI))),
        ),
    };
    if count == Quantity::ZERO || milli == Quantity::ZERO {
        return Ok(GpuRequest::default());
    }
    let path = Path::root("pod");
    let devices = devices(count, &path.key(COUNT))?;
    let milli_per_device = whole_number(milli)
        .and_then(|milli| u16::try_from(milli).ok())
        .filter(|&milli| milli <= DEVICE_MILLI)
        .ok_or_else(|| {
            path.key(MILLI)
                .problem("a whole number from 0 to 1000", milli)
        })?;
    if milli_per_device < DEVICE_MILLI && devices > 1 {
        let expected = "1000 with more than one device (a part is taken of one device only)";
        return Err(path.key(MILLI).problem(expected, milli));
    }
    Ok(GpuRequest {
        devices,
        milli_per_device,
        models: models(metadata.annotations.get(MODEL).unwrap_or_default()),
    })
}

fn models(text: &str) -> Vec<Text> {
    let mut models: Vec<Text> = text
        .split('|')
        .map(str::trim)
        .filter(|model| !model.is_empty())
        .map(Into::into)
        .collect();
    models.sort_unstable();
    models.dedup();
    models
}

/// Takes out the extended resources of containers that ask for the devices which annotations state.
fn take_the_same(containers: &mut [Container], count: Quantity) {
    for container in containers {
        for resource in GPU_RESOURCES {
            for list in [&mut container.requests, &mut container.limits] {
                if list.stated(resource) == Some(count) {
                    list.remove(resource);
                }
            }
        }
    }
}

fn take_both(list: &mut ResourceList) -> (Option<Quantity>, Option<Quantity>) {
    (list.remove(COUNT), list.remove(MILLI))
}

fn devices(count: Quantity, path: &Path<'_>) -> Result<u8, Problem> {
    whole_number(count)
        .filter(|&devices| devices <= MAX_DEVICES as i64)
        .and_then(|devices| u8::try_from(devices).ok())
        .ok_or_else(|| path.problem("a whole number of devices from 0 to 64", count))
}

fn whole_number(amount: Quantity) -> Option<i64> {
    let units = amount.units_ceil().ok()?;
    (Quantity::from_units(units) == amount).then_some(units)
}
