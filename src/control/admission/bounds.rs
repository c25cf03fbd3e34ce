//! Limit ranges and quotas as lists, for new pods of clusters that no store holds, such as those of dumps (spec:
//! kubernetes.md 2.10).

use cluster::Conflict;
use model::workload::{LimitRange, ResourceQuota};
use model::{PodSpec, ResourceList};

use super::limits;

/// Holds a pod to the limit ranges of its namespace once they have filled it in. A default may have given it a limit
/// below its request, which the API server refuses before it asks whether a range allows it.
///
/// # Errors
/// It breaks one of them.
pub fn check_limits<'r>(
    spec: &PodSpec,
    ranges: impl Iterator<Item = &'r LimitRange>,
) -> Result<(), Conflict> {
    let mut ranges = ranges.peekable();
    if ranges.peek().is_some() {
        check_order(spec)?;
    }
    for range in ranges {
        limits::check(spec, range)?;
    }
    Ok(())
}

/// Checks that no container requests more than its limit (`validateContainerResourceRequirements`).
fn check_order(spec: &PodSpec) -> Result<(), Conflict> {
    let lists = [
        ("initContainers", &spec.init_containers),
        ("containers", &spec.containers),
    ];
    for (field, list) in lists {
        for (place, container) in list.iter().enumerate() {
            for (name, limit) in container.limits.named() {
                let request = container.requests.stated(name);
                if let Some(request) = request.filter(|request| *request > limit) {
                    return Err(Conflict::Invalid(format!(
                        "spec.{field}[{place}].resources.requests: Invalid value: \"{request}\": must be less \
                         than or equal to {name} limit of {limit}"
                    )));
                }
            }
        }
    }
    Ok(())
}

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

/// Usage of a quota once so much more of it is used.
///
/// # Errors
/// It has not so much left.
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
