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
        let mut is_bounded = false;
        for (name, amount) in [(CPU, seen.cpu), (MEMORY, seen.memory)] {
            if let Some(amount) = amount {
                let allowed = allowed(ranges, &spec, name, amount);
                is_bounded |= allowed != amount;
                request(&mut spec, name, allowed);
            }
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

/// The request next to an amount that limit ranges of a pod's namespace allow its containers together.
fn allowed(ranges: &[Arc<LimitRange>], spec: &PodSpec, name: &str, amount: Quantity) -> Quantity {
    let sidecars = spec.init_containers.iter().filter(|own| own.restartable);
    let containers: Vec<&Container> = spec.containers.iter().chain(sidecars).collect();
    let (mut least, mut most) = (0, i128::MAX);
    let own = ranges.iter().filter(|own| own.namespace == spec.namespace);
    for item in own.flat_map(|own| &own.limits) {
        let stated = |list: &ResourceList| list.contains(name).then(|| list.get(name).nanos());
        let each = match item.of {
            LimitedKind::Container => containers.len() as i128,
            LimitedKind::Pod => 1,
        };
        if let Some(min) = stated(&item.min) {
            least = least.max(min.saturating_mul(each));
        }
        if let Some(max) = stated(&item.max) {
            most = most.min(max.saturating_mul(each));
        }
        if let Some(ratio) = stated(&item.max_ratio).filter(|own| *own > 0) {
            let limits = containers.iter().filter_map(|own| stated(&own.limits));
            let limits: i128 = limits.sum();
            least = least.max((limits.saturating_mul(1_000_000_000) + ratio - 1) / ratio);
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

/// Lets the first container of a pod request an amount, and the others that run beside it nothing.
fn request(spec: &mut PodSpec, name: &str, amount: Quantity) {
    spec.pod_requests.remove(name);
    let sidecars = spec
        .init_containers
        .iter_mut()
        .filter(|own| own.restartable);
    for container in sidecars {
        container.requests.remove(name);
    }
    for (place, container) in spec.containers.iter_mut().enumerate() {
        container.requests.remove(name);
        if place == 0 {
            container.requests.set(name, amount);
        }
    }
}
