//! Bounds that limit ranges set to what a vertical autoscaler recommends: a request whose limit, kept in its
//! proportion, stays within them (`capping.go` of the vertical pod autoscaler).

use cluster::Store;
use model::resource_list::{CPU, MEMORY};
use model::usage::Scale;
use model::workload::vertical::{ContainerPolicy, ContainerRecommendation, VerticalPodAutoscaler};
use model::workload::{LimitRange, LimitedKind};
use model::{Container, PodSpec, ResourceList, ResourceUsage, Text};
use units::SortedMap;

use super::limits;

/// Processors and memory, as places of an [`Amounts`].
const RESOURCES: [(Scale, &str); 2] = [(Scale::Cpu, CPU), (Scale::Memory, MEMORY)];

/// Milli-cores and bytes; 0 is none.
type Amounts = [i64; 2];

/// Rules of all limit ranges of a namespace about one kind of object, taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bounds {
    min: Amounts,
    max: Amounts,
    default: Amounts,
}

/// Bounds of the limit ranges of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeBounds {
    container: Bounds,
    pod: Bounds,
}

fn amounts(list: &ResourceList) -> Amounts {
    RESOURCES.map(|(scale, name)| stated(list, scale, name).unwrap_or(0))
}

impl Bounds {
    /// Of several rules the greatest least amount counts, the smallest greatest, and the last default.
    fn add(&mut self, min: Amounts, max: Amounts, default: Amounts) {
        for at in 0..RESOURCES.len() {
            self.min[at] = self.min[at].max(min[at]);
            if max[at] > 0 && (self.max[at] == 0 || max[at] < self.max[at]) {
                self.max[at] = max[at];
            }
            if default[at] > 0 {
                self.default[at] = default[at];
            }
        }
    }

    fn of(kind: LimitedKind, ranges: &[&LimitRange]) -> Self {
        let mut bounds = Self::default();
        let items = ranges.iter().flat_map(|range| &range.limits);
        for item in items.filter(|item| item.of == kind) {
            let (min, max) = (amounts(&item.min), amounts(&item.max));
            bounds.add(min, max, amounts(&item.default));
        }
        bounds
    }
}

impl SizeBounds {
    /// The bounds of a namespace; `None` where no limit range sets any.
    pub fn of(store: &Store, namespace: &Text) -> Option<Self> {
        let ranges: Vec<&LimitRange> = limits::of_namespace(store, namespace).collect();
        if ranges.is_empty() {
            return None;
        }
        Some(Self {
            container: Bounds::of(LimitedKind::Container, &ranges),
            pod: Bounds::of(LimitedKind::Pod, &ranges),
        })
    }
}

/// Recommendations of a vertical autoscaler for a pod, within its policy, the limit ranges of its namespace, and the
/// limits of containers of which it sets requests alone.
pub fn bounded(
    vertical: &VerticalPodAutoscaler,
    spec: &PodSpec,
    bounds: Option<&SizeBounds>,
) -> SortedMap<Text, ContainerRecommendation> {
    let mut recommended = vertical.recommended.clone();
    let fields: [fn(&mut ContainerRecommendation) -> &mut ResourceUsage; 3] = [
        |own| &mut own.target,
        |own| &mut own.upper,
        |own| &mut own.lower,
    ];
    for field in fields {
        let mut sizes: Vec<Option<Amounts>> = Vec::with_capacity(spec.containers.len());
        for container in &spec.containers {
            let own = recommended.get_mut(&container.name).map(field);
            sizes.push(own.map(|own| [own.cpu_milli, own.memory_bytes]));
        }
        if let Some(bounds) = bounds {
            fit_pod(&mut sizes, spec, &bounds.pod);
        }
        for (container, size) in spec.containers.iter().zip(sizes) {
            let policy = vertical.policy(&container.name);
            if let (Some(size), Some(own)) = (size, recommended.get_mut(&container.name)) {
                let bounds = bounds.map(|bounds| &bounds.container);
                *field(own) = fit_container(size, container, &policy, bounds);
            }
        }
    }
    recommended
}

/// Scales the sizes of all containers so that the pod's requests and limits stay within bounds
/// (`applyPodLimitRange`). A container without a recommendation stays as it is.
fn fit_pod(sizes: &mut [Option<Amounts>], spec: &PodSpec, bounds: &Bounds) {
    for at in 0..RESOURCES.len() {
        let (min, max) = (i128::from(bounds.min[at]), i128::from(bounds.max[at]));
        let (mut limits, mut requests) = (0_i128, 0_i128);
        for (container, size) in spec.containers.iter().zip(sizes.iter()) {
            let request = amounts(&container.requests)[at];
            let limit = Some(amounts(&container.limits)[at]).filter(|own| *own > 0);
            let limit = limit.unwrap_or(bounds.default[at]);
            let size = size.map_or(request, |size| size[at]);
            if limit > 0 && size > 0 {
                limits += i128::from(proportional(Some(request), limit, size));
            }
            requests += i128::from(size);
        }
        let scaled = |size: i64, from: i128, to: i128| {
            i64::try_from(i128::from(size) * to / from).unwrap_or(i64::MAX)
        };
        let (from, to) = if min > requests && limits > 0 && requests > 0 {
            (requests, min)
        } else if limits > 0 && max > 0 && max < limits {
            (limits, max)
        } else if limits > 0 && min > limits {
            (limits, min)
        } else {
            continue;
        };
        for size in sizes.iter_mut().flatten() {
            size[at] = scaled(size[at], from, to);
        }
    }
}

/// A container's size within the limit range, its policy, and its limit where that stays alone
/// (`getCappedRecommendationForContainer`).
fn fit_container(
    mut size: Amounts,
    container: &Container,
    policy: &ContainerPolicy,
    bounds: Option<&Bounds>,
) -> ResourceUsage {
    let (requests, limits) = (amounts(&container.requests), amounts(&container.limits));
    for at in 0..RESOURCES.len() {
        // What is left alone has no size.
        let Some(bounds) = bounds.filter(|_| size[at] > 0) else {
            continue;
        };
        let stated = Some(limits[at]).filter(|own| *own > 0);
        let limit = stated.unwrap_or(bounds.default[at]);
        let min = request_at(bounds.min[at], requests[at], limit).max(bounds.min[at]);
        let max = request_at(bounds.max[at], requests[at], limit);
        size[at] = size[at].max(min);
        if max > 0 {
            size[at] = size[at].min(max);
        }
    }
    let is_sized = size.map(|own| own > 0);
    let clipped = policy.clip(ResourceUsage {
        cpu_milli: size[0],
        memory_bytes: size[1],
    });
    let mut size = [clipped.cpu_milli, clipped.memory_bytes];
    for at in 0..RESOURCES.len() {
        if !is_sized[at] {
            size[at] = 0;
        } else if policy.requests_only && limits[at] > 0 {
            size[at] = size[at].min(limits[at]);
        }
    }
    ResourceUsage {
        cpu_milli: size[0],
        memory_bytes: size[1],
    }
}

/// The request at which a limit in proportion to it is at a bound; 0 where there is none (`GetBoundaryRequest`).
fn request_at(bound: i64, request: i64, limit: i64) -> i64 {
    match (request, limit) {
        (_, 0) => 0,
        (0, _) => bound,
        _ => {
            let product = i128::from(request) * i128::from(bound) / i128::from(limit);
            i64::try_from(product).unwrap_or(i64::MAX)
        }
    }
}

/// The limit that is to the target as it was to the request. A request that is left out is as
/// large as the limit.
pub(super) fn proportional(request: Option<i64>, limit: i64, target: i64) -> i64 {
    let request = request.filter(|&own| own > 0).unwrap_or(limit);
    if request == limit {
        return target;
    }
    let product = i128::from(limit) * i128::from(target) / i128::from(request);
    i64::try_from(product).unwrap_or(i64::MAX)
}

/// The amount a list states of a resource, in thousandths of its unit or in bytes.
pub fn stated(list: &ResourceList, scale: Scale, name: &str) -> Option<i64> {
    let amount = list.get(name);
    (!amount.is_zero()).then(|| scale.of(amount))
}
