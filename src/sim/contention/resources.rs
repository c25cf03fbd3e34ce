//! Requests and wants of processes on a node.

use model::resource_list::{CPU, MEMORY};
use model::{Container, PodSpec};
use units::{Duration, Instant};

use super::WHOLE;

/// Time between two looks at usage that changes by itself.
pub(in super::super) const LOOK: Duration = Duration::from_secs(60);

/// The requests and limits of a process: one container, or all that run beside each other.
pub(in super::super) struct ProcessResources {
    pub(in super::super) cpu_request: i64,
    pub(in super::super) cpu_limit: Option<i64>,
    pub(in super::super) memory_request: i64,
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

impl ProcessResources {
    pub(in super::super) fn of(spec: &PodSpec, container: u16) -> Self {
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
        }
    }
}

/// The first point of a grid of periods at or after an instant.
pub(in super::super) fn on_grid(at: Instant, period: Duration) -> Instant {
    let period = period.as_nanos();
    let whole = at.as_nanos().saturating_add(period - 1) / period;
    Instant::from_nanos(whole.saturating_mul(period))
}
