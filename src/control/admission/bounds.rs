//! Limit ranges and quotas as lists, for new pods of clusters that no store holds, such as those of dumps (spec:
//! kubernetes.md 2.10).

use cluster::Conflict;
use model::workload::ResourceQuota;
use model::{PodSpec, ResourceList};

pub use super::limits::{check_limits, fill_limits};

/// Checks that a pod states the resources that a quota obliges it to state.
///
/// # Errors
/// It leaves one out.
pub fn check_stated(quota: &ResourceQuota, spec: &PodSpec) -> Result<(), Conflict> {
    let unstated = quota.unstated(spec);
    if unstated.is_empty() {
        return Ok(());
    }
    Err(Conflict::Forbidden(format!(
        "failed quota: {}: must specify {}",
        quota.name,
        unstated.join(",")
    )))
}

/// Usage of a quota after a further charge.
///
/// # Errors
/// The charge exceeds what is left of the quota.
pub fn used_with(
    quota: &ResourceQuota,
    asked: &ResourceList,
    used: &ResourceList,
) -> Result<ResourceList, Conflict> {
    let mut now = used.clone();
    now.add(asked).map_err(Conflict::Quantity)?;
    match quota.exceeded(asked, used, &now) {
        Some(words) => Err(Conflict::Forbidden(words)),
        None => Ok(now),
    }
}
