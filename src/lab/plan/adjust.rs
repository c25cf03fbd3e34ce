//! A cluster with other amounts than its dump states: nodes that offer more than they have, and pods
//! that request what they were seen to use.

use std::sync::Arc;

use super::usage::Usage;
use crate::snapshot::Gathered;
use k8s::ManifestPod;
use model::resource_list::{CPU, MEMORY};
use model::workload::{LimitRange, LimitedKind};
use model::{Container, Node, PodSpec, ResourceList, Text};
use units::nearest::hint;
use units::{Quantity, SortedMap, SortedSet};

/// Parts in which factors are counted: a factor of 1.5 is 1,500,000.
pub const WHOLE: i64 = 1_000_000;

/// Factors by which nodes offer more of a resource than they have, in millionths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Factors(SortedMap<String, i64>);

impl Factors {
    /// Sets the factor of a resource.
    pub fn set(&mut self, resource: &str, ppm: i64) {
        self.0.insert(resource.to_owned(), ppm);
    }

    /// Whether nodes offer what they have.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks that nodes, and those on offer, have the resources.
    ///
    /// # Errors
    /// If no node has one of them, with the nearest names.
    pub fn check<'n>(&self, nodes: impl Iterator<Item = &'n Node>) -> Result<(), String> {
        let lists = nodes.map(|node| &node.allocatable);
        let names: SortedSet<Text> = lists.flat_map(resource_names).collect();
        let Some(unknown) = self.0.keys().find(|&own| !names.contains(own.as_str())) else {
            return Ok(());
        };
        let hint = hint(unknown, names.iter().map(|name| &**name));
        Err(format!(
            "--overcommit: no node or type has the resource `{unknown}`; {hint}"
        ))
    }

    /// A raised amount; `None` if it stays.
    pub fn raised(&self, resource: &str, amount: Quantity) -> Option<Quantity> {
        let factor = i128::from(*self.0.get(resource)?);
        let nanos = amount.nanos().checked_mul(factor)? / i128::from(WHOLE);
        // Kubelets report whole milli-cores and whole units of everything else.
        let step = if resource == CPU {
            1_000_000
        } else {
            1_000_000_000
        };
        Some(Quantity::from_nanos(nanos / step * step).with_family(amount.family()))
    }

    /// A node that offers more.
    pub fn apply(&self, node: &Node) -> Node {
        let mut node = node.clone();
        for name in resource_names(&node.allocatable) {
            if let Some(raised) = self.raised(&name, node.allocatable.get(&name)) {
                node.allocatable.set(&name, raised);
            }
        }
        node
    }
}

/// Names of the resources of a list.
fn resource_names(list: &ResourceList) -> Vec<Text> {
    list.named().map(|(name, _)| name.clone()).collect()
}

/// Lets the nodes of a cluster offer more than they have.
pub fn overcommit(gathered: &mut Gathered, factors: &Factors) {
    for node in &mut gathered.nodes {
        *node = Arc::new(factors.apply(node));
    }
}

/// Pods that request what they use.
#[derive(Clone, Debug, Default)]
pub struct Resized {
    /// Specs of the changed pods, by `NAMESPACE/NAME`.
    pub specs: SortedMap<String, Arc<PodSpec>>,
    /// Number of pods that keep their requests, because nothing is known of their usage.
    pub unknown: u64,
    /// Names of which usage is known, and that no pod or workload has.
    pub without_pods: Vec<String>,
    /// Pods whose namespace has limit ranges that allow other requests than their usage, `NAMESPACE/NAME`.
    pub bounded: Vec<String>,
}

/// Gives pods the requests that their usage asks for.
pub fn resize(gathered: &mut Gathered, usage: &Usage) -> Resized {
    let mut resized = Resized {
        without_pods: usage.without_pods(&gathered.pods),
        ..Resized::default()
    };
    let ranges = &gathered.declared.limit_ranges;
    for pod in gathered.pods.iter_mut().filter(|pod| !pod.phase.is_final()) {
        let Some(seen) = usage.of(pod) else {
            resized.unknown += 1;
            continue;
        };
        let mut spec = PodSpec::clone(&pod.spec);
        let (mut is_known, mut is_bounded) = (false, false);
        for (container, seen) in seen {
            if !container.is_empty() && named(&mut spec, container).is_none() {
                continue;
            }
            is_known = true;
            for (name, amount) in [(CPU, seen.cpu), (MEMORY, seen.memory)] {
                if let Some(amount) = amount {
                    let allowed = allowed(ranges, &spec, container, name, amount);
                    is_bounded |= allowed != amount;
                    request(&mut spec, container, name, allowed);
                }
            }
        }
        if !is_known {
            resized.unknown += 1;
            continue;
        }
        if is_bounded {
            resized.bounded.push(full_name(pod));
        }
        let spec = Arc::new(spec);
        resized.specs.insert(full_name(pod), spec.clone());
        pod.spec = spec;
        pod.accounted = None;
    }
    resized
}

/// The request next to an amount that limit ranges of a pod's namespace allow one of its containers beside the others,
/// or, without a name, all together.
fn allowed(
    ranges: &[Arc<LimitRange>],
    spec: &PodSpec,
    container: &str,
    name: &str,
    amount: Quantity,
) -> Quantity {
    let sidecars = spec.init_containers.iter().filter(|own| own.restartable);
    let containers = spec.containers.iter().chain(sidecars);
    let (mine, others): (Vec<&Container>, Vec<&Container>) =
        containers.partition(|own| container.is_empty() || *own.name == *container);
    let stated = |list: &ResourceList| list.contains(name).then(|| list.get(name).nanos());
    let limits =
        |all: &[&Container]| -> i128 { all.iter().filter_map(|own| stated(&own.limits)).sum() };
    let beside: i128 = { others.iter() }
        .filter_map(|own| stated(&own.requests))
        .sum();
    let (mut least, mut most) = (0, i128::MAX);
    let own = ranges.iter().filter(|own| own.namespace == spec.namespace);
    for item in own.flat_map(|own| &own.limits) {
        let (each, beside, limits) = match item.of {
            LimitedKind::Container => (mine.len() as i128, 0, limits(&mine)),
            LimitedKind::Pod => (1, beside, limits(&mine) + limits(&others)),
        };
        if let Some(min) = stated(&item.min) {
            least = least.max(min.saturating_mul(each) - beside);
        }
        if let Some(max) = stated(&item.max) {
            most = most.min((max.saturating_mul(each) - beside).max(0));
        }
        if let Some(ratio) = stated(&item.max_ratio).filter(|own| *own > 0) {
            let whole = (limits.saturating_mul(1_000_000_000) + ratio - 1) / ratio;
            least = least.max(whole - beside);
        }
    }
    let nanos = amount.nanos();
    let nearest = nanos.min(most).max(least);
    if nearest == nanos {
        return amount;
    }
    Quantity::from_nanos(nearest).with_family(amount.family())
}

/// `NAMESPACE/NAME` of a pod.
fn full_name(pod: &ManifestPod) -> String {
    format!("{}/{}", pod.namespace(), pod.name)
}

/// The container of a name.
fn named<'s>(spec: &'s mut PodSpec, name: &str) -> Option<&'s mut Container> {
    let mut all = spec.containers.iter_mut().chain(&mut spec.init_containers);
    all.find(|own| *own.name == *name)
}

/// Lets a container request an amount, while the others keep theirs and requests stated for the pod as a whole stand
/// above them; without a name, the first one all that the pod requests.
fn request(spec: &mut PodSpec, container: &str, name: &str, amount: Quantity) {
    if container.is_empty() {
        spec.pod_requests.remove(name);
        let sidecars = spec
            .init_containers
            .iter_mut()
            .filter(|own| own.restartable);
        for own in spec.containers.iter_mut().chain(sidecars) {
            own.requests.remove(name);
        }
    }
    let asking = match container {
        "" => spec.containers.first_mut(),
        container => named(spec, container),
    };
    if let Some(own) = asking {
        own.requests.set(name, amount);
    }
}
