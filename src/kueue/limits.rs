//! Limit ranges of namespaces: what they give the pods of workloads that wait, and which workloads break them. Kueue
//! goes by the ranges of a namespace together: the lowest maximum and the highest minimum count (its
//! `util/limitrange`).

use std::sync::Arc;

use model::queueing::QueuedWorkload;
use model::workload::limit_range::fill;
use model::workload::{LimitRange, LimitedKind};
use model::{Container, PodSpec, ResourceList, Text};
use units::Quantity;

/// A workload whose pods have what limit ranges of its namespace fill in, and request their limits where they state
/// no request (`AdjustResources`).
#[must_use]
pub fn adjusted<'r>(
    mut workload: QueuedWorkload,
    ranges: impl Iterator<Item = &'r LimitRange> + Clone,
) -> QueuedWorkload {
    let own = ranges.filter(|range| range.namespace == workload.namespace);
    for set in &mut workload.pod_sets {
        let is_whole = |container: &Container| {
            let mut limits = container.limits.named();
            limits.all(|(name, _)| container.requests.contains(name))
        };
        if own.clone().next().is_none() && set.spec.all_containers().all(is_whole) {
            continue;
        }
        let mut spec = PodSpec::clone(&set.spec);
        for range in own.clone() {
            range.fill_in(&mut spec);
        }
        let containers = spec.containers.iter_mut();
        for container in containers.chain(&mut spec.init_containers) {
            fill(&mut container.requests, &container.limits);
        }
        if spec != *set.spec {
            set.spec = Arc::new(spec);
        }
    }
    workload
}

/// The reason for which a workload can't be admitted whatever quota is free: a container requests more than its limit,
/// or pods break the limit ranges of the namespace (`ValidateResources`, `ValidateLimitRange`).
pub(crate) fn fault<'r>(
    workload: &QueuedWorkload,
    ranges: impl Iterator<Item = &'r LimitRange> + Clone,
) -> Option<String> {
    let mut faults = Vec::new();
    for (place, set) in workload.pod_sets.iter().enumerate() {
        for (field, container) in containers(&set.spec, place) {
            let names = greater(&container.requests, &container.limits);
            add(
                &mut faults,
                &field,
                &names,
                "requests must not exceed its limits",
            );
        }
    }
    if !faults.is_empty() {
        return Some(told("resources validation failed", &faults));
    }
    let own = ranges.filter(|range| range.namespace == workload.namespace);
    own.clone().next()?;
    let bounds = |kind| Bounds::of(own.clone(), kind);
    let (of_containers, of_pods) = (bounds(LimitedKind::Container), bounds(LimitedKind::Pod));
    for (place, set) in workload.pod_sets.iter().enumerate() {
        for (field, container) in containers(&set.spec, place) {
            let (least, most) = extremes(&container.requests, &container.limits);
            of_containers.check(&field, &least, &most, &mut faults);
        }
        // Requests that can't be added were refused when the workload was submitted.
        if let Ok(total) = set.spec.requests() {
            of_pods.check(&path(place), &total, &total, &mut faults);
        }
    }
    let title = "resources didn't satisfy LimitRange constraints";
    (!faults.is_empty()).then(|| told(title, &faults))
}

/// Field of the pods of a set.
fn path(set: usize) -> String {
    format!("spec.podSets[{set}].template.spec")
}

/// The containers of a pod with their fields, init containers first.
fn containers(spec: &PodSpec, set: usize) -> impl Iterator<Item = (String, &Container)> {
    let lists = spec.container_lists().into_iter();
    lists.flat_map(move |(list, containers)| {
        let numbered = containers.iter().enumerate();
        numbered.map(move |(place, own)| (format!("{}.{list}[{place}]", path(set)), own))
    })
}

/// Names of the resources of which a list has more than another list that states them.
fn greater<'l>(list: &'l ResourceList, other: &ResourceList) -> Vec<&'l str> {
    let more = list.iter().filter(|(name, amount)| {
        let bound = other.stated(name);
        bound.is_some_and(|bound| *amount > bound)
    });
    more.map(|(name, _)| name).collect()
}

/// The smaller and the larger amounts of two lists.
fn extremes(one: &ResourceList, other: &ResourceList) -> (ResourceList, ResourceList) {
    let (mut least, mut most) = (one.clone(), one.clone());
    tighten(&mut least, other, Quantity::lt);
    tighten(&mut most, other, Quantity::gt);
    (least, most)
}

/// Takes the amounts of another list that a list lacks, or that are better.
fn tighten(
    list: &mut ResourceList,
    other: &ResourceList,
    is_better: impl Fn(&Quantity, &Quantity) -> bool,
) {
    for (name, amount) in other.named() {
        let known = list.stated(name);
        if known.is_none_or(|known| is_better(&amount, &known)) {
            list.insert(Text::clone(name), amount);
        }
    }
}

fn add(faults: &mut Vec<String>, field: &str, names: &[&str], what: &str) {
    if names.is_empty() {
        return;
    }
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let fault = format!("{field}: Invalid value: [{}]: {what}", names.join(","));
    if !faults.contains(&fault) {
        faults.push(fault);
    }
}

fn told(title: &str, faults: &[String]) -> String {
    match faults {
        [one] => format!("{title}: {one}"),
        several => format!("{title}: [{}]", several.join(", ")),
    }
}

/// Bounds of all limit ranges of a namespace together.
struct Bounds {
    least: ResourceList,
    most: ResourceList,
}

impl Bounds {
    fn of<'r>(ranges: impl Iterator<Item = &'r LimitRange>, kind: LimitedKind) -> Self {
        let mut bounds = Self {
            least: ResourceList::default(),
            most: ResourceList::default(),
        };
        let items = ranges.flat_map(|range| &range.limits);
        for item in items.filter(|item| item.of == kind) {
            tighten(&mut bounds.least, &item.min, Quantity::gt);
            tighten(&mut bounds.most, &item.max, Quantity::lt);
        }
        bounds
    }

    /// Notes amounts above and below the bounds.
    fn check(
        &self,
        field: &str,
        least: &ResourceList,
        most: &ResourceList,
        faults: &mut Vec<String>,
    ) {
        let above = greater(most, &self.most);
        add(
            faults,
            field,
            &above,
            "requests must not be above the limitRange max",
        );
        let below = greater(&self.least, least);
        add(
            faults,
            field,
            &below,
            "requests must not be below the limitRange min",
        );
    }
}
