//! GPUs as metrics count them: one notion for devices (`gpu`) and for extended resources whose units
//! are devices (`nvidia.com/gpu` and the like).
//!
//! Schedulers tell the two apart: a device may be shared, an extended resource is a count. A node may
//! state both for the same devices, so what it has is the larger of the two, and a pod takes the
//! larger of what it asks for.

use cluster::Store;
use cluster::nodes::Columns;
use model::gpu::DEVICE_MILLI;
use units::{NodeId, ResourceId, Resources};

/// Milli-GPU that a pod reserves.
#[inline]
pub fn requested(store: &Store, requests: &Resources) -> i64 {
    let ids = store.gpu_resources();
    if ids.is_empty() {
        return requests.gpu_milli;
    }
    let counted = total(ids, |id| requests.extended_amount(id));
    requests.gpu_milli.max(counted)
}

/// Milli-GPU that a node offers.
#[inline]
pub fn allocatable(store: &Store, node: NodeId) -> i64 {
    let columns = store.nodes().allocatable();
    let devices = columns.gpu_milli[node.index()];
    devices.max(counted(store, columns, node))
}

/// Milli-GPU that a node has left: what it offers, less the devices and the counts that are taken.
#[inline]
pub fn free(store: &Store, node: NodeId) -> i64 {
    let (offered, left) = (store.nodes().allocatable(), store.nodes().free());
    let devices = left.gpu_milli[node.index()];
    if store.gpu_resources().is_empty() {
        return devices;
    }
    let offered_devices = offered.gpu_milli[node.index()];
    let offered_counted = counted(store, offered, node);
    let taken_devices = offered_devices - devices;
    let taken_counted = offered_counted.saturating_sub(counted(store, left, node));
    offered_devices
        .max(offered_counted)
        .saturating_sub(taken_devices)
        .saturating_sub(taken_counted)
}

fn counted(store: &Store, columns: &Columns, node: NodeId) -> i64 {
    total(store.gpu_resources(), |id| {
        columns.extended_amount(id, node)
    })
}

fn total(ids: &[ResourceId], amount: impl Fn(ResourceId) -> i64) -> i64 {
    let sum = ids
        .iter()
        .fold(0_i64, |sum, &id| sum.saturating_add(amount(id)));
    sum.saturating_mul(i64::from(DEVICE_MILLI))
}
