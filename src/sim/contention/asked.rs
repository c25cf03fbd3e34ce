//! What processes ask for and want of a node.

use model::resource_list::{CPU, MEMORY};
use model::usage::Curve;
use model::{Container, PodRef, PodSpec};
use units::{Duration, Instant, NodeId};

use super::super::cell::Cell;
use super::WHOLE;

/// How often usage is looked at that changes by itself.
pub(super) const LOOK: Duration = Duration::from_secs(60);

/// What a process asks for: one container, or all that run beside each other.
pub(super) struct Asked {
    pub(super) cpu_request: i64,
    pub(super) cpu_limit: Option<i64>,
    pub(super) memory_request: i64,
    pub(super) memory_limit: Option<i64>,
}

fn amount(container: &Container, name: &str, of_limits: bool) -> i64 {
    let list = if of_limits {
        &container.limits
    } else {
        &container.requests
    };
    let amount = list.get(name);
    let whole = match name {
        CPU => amount.milli_ceil(),
        _ => amount.units_ceil(),
    };
    whole.unwrap_or(i64::MAX)
}

impl Asked {
    pub(super) fn of(spec: &PodSpec, container: u16) -> Self {
        let all: Vec<&Container> = match container {
            WHOLE => spec.containers.iter().collect(),
            number => spec
                .all_containers()
                .skip(usize::from(number))
                .take(1)
                .collect(),
        };
        let sum = |name| {
            let amounts = all.iter().map(|own| amount(own, name, false));
            amounts.fold(0, i64::saturating_add)
        };
        let limit = |name| {
            let limits = all
                .iter()
                .map(|own| Some(amount(own, name, true)).filter(|&n| n > 0));
            let limits: Option<Vec<i64>> = limits.collect();
            limits.map(|limits| limits.into_iter().fold(0, i64::saturating_add))
        };
        Self {
            cpu_request: sum(CPU),
            cpu_limit: limit(CPU),
            memory_request: sum(MEMORY),
            memory_limit: limit(MEMORY),
        }
    }
}

/// The part of a pod's use that is one process's: as its request is of the pod's, or all.
pub(super) fn part(whole: i64, (own, all): (i64, i64), container: u16, containers: usize) -> i64 {
    if container == WHOLE {
        return whole;
    }
    let (own, all) = if all > 0 {
        (own, all)
    } else {
        (1, containers.max(1) as i64)
    };
    let part = i128::from(whole) * i128::from(own) / i128::from(all);
    i64::try_from(part).unwrap_or(i64::MAX)
}

/// The first point of a grid of periods at or after an instant.
pub(super) fn on_grid(at: Instant, period: Duration) -> Instant {
    let period = period.as_nanos();
    let whole = at.as_nanos().saturating_add(period - 1) / period;
    Instant::from_nanos(whole.saturating_mul(period))
}

/// What a node has of a resource.
pub(super) fn capacity(cell: &Cell, node: NodeId, name: &str) -> i64 {
    let Some(object) = cell.store.nodes().object(node) else {
        return 0;
    };
    let list = if object.capacity.is_empty() {
        &object.allocatable
    } else {
        &object.capacity
    };
    let amount = match name {
        CPU => list.get(name).milli_ceil(),
        _ => list.get(name).units_ceil(),
    };
    amount.unwrap_or(i64::MAX)
}

/// What a process of a pod wants of the cores, in thousandths: what is said of its use, or else what
/// it requests, or else one core.
pub(super) fn cpu_demand(
    cell: &Cell,
    now: Instant,
    pod: PodRef,
    spec: &PodSpec,
    container: u16,
) -> i64 {
    let asked = Asked::of(spec, container);
    let wanted = cell.usage.wanted(pod, now).map_or(0, |used| used.cpu_milli);
    if wanted > 0 {
        let all = Asked::of(spec, WHOLE).cpu_request;
        return part(
            wanted,
            (asked.cpu_request, all),
            container,
            spec.containers.len(),
        );
    }
    match asked.cpu_request {
        0 => 1_000,
        request => request,
    }
}

/// When what a pod uses of the cores changes next by itself, as far as it is looked at.
pub(super) fn cpu_changes(cell: &Cell, now: Instant, pod: PodRef) -> Option<Instant> {
    let (cpu, ..) = cell.usage.curves(pod)?;
    let next = on_grid(now.saturating_add(Duration::from_nanos(1)), LOOK);
    match cpu {
        Some(Curve::Constant(_)) => None,
        Some(Curve::Steps(series)) => {
            let place = series.partition_point(|&(at, _)| at <= now);
            series.get(place).map(|&(at, _)| at)
        }
        Some(_) => Some(next),
        None => cell
            .usage
            .wanted(pod, now)
            .filter(|used| used.cpu_milli > 0)
            .map(|_| next),
    }
}
