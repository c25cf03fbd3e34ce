//! Objects of manifests that schedulers other than kube-scheduler do not look at.

use model::objects::ClusterObjects;
use units::plural;

/// Lines about objects that were read and that the scheduler ignores; services count where it does not place pods by
/// them.
pub(super) fn ignored_objects(
    objects: &ClusterObjects,
    by_services: bool,
) -> impl Iterator<Item = String> {
    let services = if by_services {
        0
    } else {
        objects.services.len()
    };
    let counts = [
        ("disruption budget", objects.budgets.len()),
        ("service", services),
        ("workload", objects.workloads.len()),
        ("persistent volume", objects.volumes.len()),
        ("volume claim", objects.claims.len()),
        ("queueing object", objects.queueing.len()),
        ("object of device allocation", objects.devices.len()),
        ("storage class", objects.storage_classes.len()),
        (
            "CSI object",
            objects.csi_nodes.len() + objects.csi_drivers.len(),
        ),
    ];
    counts
        .into_iter()
        .filter(|&(_, count)| count > 0)
        .map(|(what, count)| {
            let objects = plural::count(count, what);
            let are = plural::either(count, "is", "are");
            format!("{objects} {are} read, but ignored when pods are placed")
        })
}
