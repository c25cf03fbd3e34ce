//! Rules about what containers, and pods as a whole, request and may use at most.

use super::{Breaches, Rule, each_container};
use crate::field::{Path, Problem};
use crate::raw;
use units::Quantity;

const HUGE_PAGES: &str = "hugepages-";

/// Words about amounts that are counted.
const WHOLE: &str = "must be an integer";

/// The rules, in the order in which the server looks at them.
pub(super) const RULES: &[Rule] = &[
    Rule::new(
        "must be a standard resource type or fully qualified",
        "validateResourceName",
        |spec, breaches| {
            each_amount(spec, |path, amount| {
                if !amount.name.contains('/') && !is_of_containers(amount.name) {
                    breaches.add(path, &[], &amount.name);
                }
            });
        },
    ),
    Rule::new(
        "doesn't follow extended resource name standard",
        "validateContainerResourceName",
        |spec, breaches| {
            each_amount(spec, |path, amount| {
                if amount.name.starts_with("requests.") && !is_native(amount.name) {
                    breaches.add(path, &[], &amount.name);
                }
            });
        },
    ),
    Rule::new(WHOLE, "ValidateResourceQuantityValue", |spec, breaches| {
        each_amount(spec, |path, amount| {
            if is_extended(amount.name) && !is_whole(amount.quantity) {
                breaches.add(path, &[], &amount.text);
            }
        });
    }),
    Rule::new(
        "is not positive integer multiple of {}",
        "validateResourceQuantityHugePageValue",
        |spec, breaches| {
            each_amount(spec, |path, amount| {
                let size = amount.name.strip_prefix(HUGE_PAGES);
                if size.is_some_and(|size| !are_pages(size, amount.quantity)) {
                    breaches.add(path, &[&amount.name], &amount.text);
                }
            });
        },
    ),
    Rule::new(
        "must be equal to {} limit of {}",
        "validateResourceRequirements",
        |spec, breaches| {
            each_pair(spec, |path, amount, limit| {
                if !may_be_overcommitted(amount.name) && amount.quantity != limit.quantity {
                    breaches.add(path, &[&amount.name, &limit.text], &amount.text);
                }
            });
        },
    ),
    Rule::new(
        "must be less than or equal to {} limit of {}",
        "validateResourceRequirements",
        |spec, breaches| {
            each_pair(spec, |path, amount, limit| {
                if may_be_overcommitted(amount.name) && amount.quantity > limit.quantity {
                    breaches.add(path, &[&amount.name, &limit.text], &amount.text);
                }
            });
        },
    ),
    Rule::new(
        "Limit must be set for non overcommitable resources",
        "validateResourceRequirements",
        |spec, breaches| {
            each_resources(spec, |path, resources| {
                let path = path.field("limits");
                for (name, amount) in &resources.requests {
                    let has_limit = resources.limits.contains_key(name);
                    if !has_limit && !may_be_overcommitted(name) {
                        let found = format!("{name}: {}", amount.0);
                        breaches.add(&path, &[], &found);
                    }
                }
            });
        },
    ),
    Rule::new(
        "HugePages require cpu or memory",
        "validateResourceRequirements",
        |spec, breaches| {
            each_resources(spec, |path, resources| {
                let names = || resources.requests.keys().chain(resources.limits.keys());
                let huge = names().find(|name| name.starts_with(HUGE_PAGES));
                let has_plain = names().any(|name| matches!(name.as_str(), "cpu" | "memory"));
                if let Some(huge) = huge.filter(|_| !has_plain) {
                    breaches.add(path, &[], huge);
                }
            });
        },
    ),
    Rule::new(
        "Unsupported value: supported values: \"cpu\", \"hugepages-\", \"memory\"",
        "validatePodResourceName",
        |spec, breaches| {
            let Some(resources) = &spec.resources else {
                return;
            };
            let path = Path::root("spec");
            let path = path.field("resources");
            for (list, amounts) in [
                ("requests", &resources.requests),
                ("limits", &resources.limits),
            ] {
                let path = path.field(list);
                for name in amounts.keys().filter(|name| !is_of_pods(name)) {
                    breaches.add(&path, &[], name);
                }
            }
        },
    ),
    Rule::new(
        "claims cannot be set for Resources at pod-level",
        "validatePodResources",
        |spec, breaches| {
            let claims = spec.resources.iter().flat_map(|resource| &resource.claims);
            let path = Path::root("spec");
            let path = path.field("resources");
            for claim in claims {
                breaches.add(&path.field("claims"), &[], &claim.name);
            }
        },
    ),
    Rule::new(
        "must be less than or equal to pod limits of {}",
        "validatePodResourceConsistency",
        above_pod,
    ),
];

/// The rule about what a pod as a whole requests; it is looked at where its containers are added up.
pub(in super::super) static POD_BELOW_CONTAINERS: Rule = Rule::new(
    "must be greater than or equal to aggregate container requests of {}",
    "validatePodResourceConsistency",
    |_, _| {},
);

/// An amount of a resource as it is written.
#[derive(Clone, Copy)]
struct Amount<'a> {
    name: &'a str,
    text: &'a str,
    quantity: Quantity,
}

impl<'a> Amount<'a> {
    /// The amount, unless its text is none, which has a complaint of its own.
    fn of(name: &'a str, text: &'a raw::AmountText) -> Option<Self> {
        let amount = text.0.parse().ok()?;
        Some(Self {
            name,
            text: &text.0,
            quantity: amount,
        })
    }
}

/// The amounts of a list.
fn listed(amounts: &raw::Amounts) -> impl Iterator<Item = Amount<'_>> {
    { amounts.iter() }.filter_map(|(name, text)| Amount::of(name, text))
}

/// The amount of a resource in a list.
fn named<'a>(amounts: &'a raw::Amounts, name: &str) -> Option<Amount<'a>> {
    let (name, text) = amounts.get_key_value(name)?;
    Amount::of(name, text)
}

/// Resources that a container may have, of those without a domain.
fn is_of_containers(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage") || name.starts_with(HUGE_PAGES)
}

/// Resources that a pod as a whole may request.
pub(in super::super) fn is_of_pods(name: &str) -> bool {
    matches!(name, "cpu" | "memory") || name.starts_with(HUGE_PAGES)
}

/// Resources of Kubernetes itself (`helper.IsNativeResource`).
fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

/// Resources of others (`helper.IsExtendedResourceName`).
fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.")
}

/// Whether limits may be above requests (`helper.IsOvercommitAllowed`).
fn may_be_overcommitted(name: &str) -> bool {
    is_native(name) && !name.starts_with(HUGE_PAGES)
}

/// Returns whether the API server takes an amount of a resource as what a container requests.
pub fn takes_amount(name: &str, amount: Quantity) -> bool {
    let is_known = name.contains('/') || is_of_containers(name);
    let is_good = match name.strip_prefix(HUGE_PAGES) {
        Some(size) => are_pages(size, amount),
        None => !is_extended(name) || is_whole(amount),
    };
    is_known && is_good && amount >= Quantity::ZERO
}

/// Whether an amount is so many pages of a size.
fn are_pages(size: &str, amount: Quantity) -> bool {
    let size = size.parse::<Quantity>().ok();
    let size = size.and_then(|size| size.units_ceil().ok());
    match (size, amount.units_ceil()) {
        (Some(size), Ok(amount)) if size > 0 => amount % size == 0,
        _ => false,
    }
}

/// Refuses parts of what is counted: extended resources, and objects that quotas count. Source:
/// `ValidateResourceQuantityValue`.
///
/// # Errors
/// There is a part of one.
pub(in super::super) fn check_whole(
    amounts: &raw::Amounts,
    path: &Path<'_>,
) -> Result<(), Problem> {
    const COUNTED: [&str; 9] = [
        "configmaps",
        "persistentvolumeclaims",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "services",
        "services.loadbalancers",
        "services.nodeports",
    ];
    let is_counted = |name: &str| is_extended(name) || COUNTED.contains(&name);
    let mut parts = listed(amounts);
    match parts.find(|part| is_counted(part.name) && !is_whole(part.quantity)) {
        None => Ok(()),
        Some(part) => Err(path
            .key(part.name)
            .broken(format!("{WHOLE}, found `{}`", part.text))),
    }
}

/// Whether an amount is a whole number, to the thousandth that the server looks at.
fn is_whole(amount: Quantity) -> bool {
    amount.milli_ceil().is_ok_and(|milli| milli % 1000 == 0)
}

/// Shows what each container, and the pod as a whole, requests and may use.
fn each_resources<'a>(spec: &'a raw::PodSpec, mut show: impl FnMut(&Path<'_>, &'a raw::Resources)) {
    each_container(spec, |path, own, _| {
        show(&path.field("resources"), &own.resources);
    });
    if let Some(resources) = &spec.resources {
        let path = Path::root("spec");
        show(&path.field("resources"), resources);
    }
}

/// Shows each amount of a pod: requests, limits and overhead.
fn each_amount<'a>(spec: &'a raw::PodSpec, mut show: impl FnMut(&Path<'_>, Amount<'a>)) {
    each_resources(spec, |path, resources| {
        for (list, amounts) in [
            ("limits", &resources.limits),
            ("requests", &resources.requests),
        ] {
            let path = path.field(list);
            for amount in listed(amounts) {
                show(&path.key(amount.name), amount);
            }
        }
    });
    let path = Path::root("spec");
    let path = path.field("overhead");
    for amount in listed(&spec.overhead) {
        show(&path.key(amount.name), amount);
    }
}

/// Shows each request that has a limit, with it.
fn each_pair<'a>(spec: &'a raw::PodSpec, mut show: impl FnMut(&Path<'_>, Amount<'a>, Amount<'a>)) {
    each_resources(spec, |path, resources| {
        let path = path.field("requests");
        for amount in listed(&resources.requests) {
            if let Some(limit) = named(&resources.limits, amount.name) {
                show(&path.key(amount.name), amount, limit);
            }
        }
    });
}

/// Containers that may use more than their pod.
fn above_pod(spec: &raw::PodSpec, breaches: &mut Breaches) {
    let Some(of_pod) = &spec.resources else {
        return;
    };
    each_container(spec, |path, own, is_init| {
        let path = path.field("resources");
        let path = path.field("limits");
        for amount in listed(&own.resources.limits) {
            let limit = named(&of_pod.limits, amount.name);
            // The server looks at those that run together.
            if let Some(limit) = limit.filter(|limit| !is_init && amount.quantity > limit.quantity)
            {
                breaches.add(&path.key(amount.name), &[&limit.text], &amount.text);
            }
        }
    });
}
