//! Limit ranges at work: what new pods state, and whether they may (spec: kubernetes.md 2.10).

use std::sync::Arc;

use cluster::{Conflict, Store};
use model::workload::resource_quota;
use model::workload::{LimitItem, LimitRange, LimitedKind};
use model::{Object, PodSpec, ResourceList, Text};
use units::{Quantity, QuantityError};

/// The limit ranges of a namespace.
pub(super) fn of_namespace<'a>(
    store: &'a Store,
    namespace: &Text,
) -> impl Iterator<Item = &'a LimitRange> {
    let objects = store.objects().of_kind("LimitRange", namespace);
    objects.filter_map(|(_, row)| match &row.object {
        Object::LimitRange(range) => Some(&**range),
        _ => None,
    })
}

/// A pod with what the limit ranges of its namespace fill in; `None` if they change nothing.
pub(super) fn filled(store: &Store, spec: &Arc<PodSpec>) -> Option<Arc<PodSpec>> {
    fill_limits(spec, of_namespace(store, &spec.namespace))
}

/// A pod with what these limit ranges of its namespace fill in; `None` if they change nothing.
pub fn fill_limits<'r>(
    spec: &PodSpec,
    ranges: impl Iterator<Item = &'r LimitRange>,
) -> Option<Arc<PodSpec>> {
    let mut ranges = ranges.peekable();
    ranges.peek()?;
    let mut filled = spec.clone();
    for range in ranges {
        range.fill_in(&mut filled);
    }
    (filled != *spec).then(|| Arc::new(filled))
}

/// Holds a pod to the limit ranges of its namespace.
///
/// # Errors
/// It breaks one of them.
pub(super) fn checked(store: &Store, spec: &PodSpec) -> Result<(), Conflict> {
    check_limits(spec, of_namespace(store, &spec.namespace))
}

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
        check(spec, range)?;
    }
    Ok(())
}

/// Checks that no container requests more than its limit (`validateContainerResourceRequirements`).
fn check_order(spec: &PodSpec) -> Result<(), Conflict> {
    for (field, list) in spec.container_lists() {
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

/// Holds a pod to a limit range.
///
/// # Errors
/// It breaks a rule of it.
fn check(spec: &PodSpec, range: &LimitRange) -> Result<(), Conflict> {
    let broken = |why: String| Conflict::Forbidden(format!("limit range {}: {why}", range.name));
    for item in &range.limits {
        match item.of {
            LimitedKind::Container => {
                for container in spec.all_containers() {
                    check_amounts("Container", item, &container.requests, &container.limits)
                        .map_err(broken)?;
                }
            }
            LimitedKind::Pod => {
                let sums =
                    |sum: Result<ResourceList, QuantityError>| sum.map_err(Conflict::Quantity);
                let (requests, limits) =
                    (sums(spec.requests())?, sums(resource_quota::limits(spec))?);
                check_amounts("Pod", item, &requests, &limits).map_err(broken)?;
            }
        }
    }
    Ok(())
}

/// The first rule that is broken, in words.
fn check_amounts(
    of: &str,
    item: &LimitItem,
    requests: &ResourceList,
    limits: &ResourceList,
) -> Result<(), String> {
    let stated = |list: &ResourceList, name: &Text| list.stated(name);
    for (name, least) in item.min.named() {
        let (request, limit) = (stated(requests, name), stated(limits, name));
        let (what, found) = match (request, limit) {
            (None, _) => ("no request is specified", None),
            (Some(request), _) if request < least => ("request is", Some(request)),
            (_, Some(limit)) if limit < least => ("limit is", Some(limit)),
            _ => continue,
        };
        return Err(format!(
            "minimum {name} usage per {of} is {least}, but {}",
            told(what, found)
        ));
    }
    for (name, most) in item.max.named() {
        let (request, limit) = (stated(requests, name), stated(limits, name));
        let (what, found) = match (request, limit) {
            (_, None) => ("no limit is specified", None),
            (_, Some(limit)) if limit > most => ("limit is", Some(limit)),
            (Some(request), _) if request > most => ("request is", Some(request)),
            _ => continue,
        };
        return Err(format!(
            "maximum {name} usage per {of} is {most}, but {}",
            told(what, found)
        ));
    }
    for (name, most) in item.max_ratio.named() {
        let positive = |amount: Option<Quantity>| amount.filter(|amount| *amount > Quantity::ZERO);
        let (request, limit) = (
            positive(stated(requests, name)),
            positive(stated(limits, name)),
        );
        let (Some(request), Some(limit)) = (request, limit) else {
            let what = if request.is_none() {
                "request"
            } else {
                "limit"
            };
            return Err(format!(
                "{name} max limit to request ratio per {of} is {most}, but no {what} is specified \
                 or it is 0"
            ));
        };
        // The original divides floats, too.
        let ratio = limit.nanos() as f64 / request.nanos() as f64;
        if ratio > most.nanos() as f64 / 1e9 {
            return Err(format!(
                "{name} max limit to request ratio per {of} is {most}, but provided ratio is {ratio}"
            ));
        }
    }
    Ok(())
}

fn told(what: &str, found: Option<Quantity>) -> String {
    found.map_or_else(|| what.to_owned(), |found| format!("{what} {found}"))
}
