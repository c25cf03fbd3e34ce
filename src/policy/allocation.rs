//! Allocation of a node's resources as the Kubernetes scheduler's scores see it
//! (spec: kubernetes.md 1.6, 1.7): cpu and memory with defaults for containers that state no
//! request, everything else as requested.

use cluster::{Class, Store};
use model::resource_list::{CPU, EPHEMERAL_STORAGE, MEMORY};
use model::{PodSpec, ResourceList};
use scheduler::pipeline::plugin::PreFilter;
use scheduler::{ClassContext, Plugin, Points};
use units::{ClassId, NodeId, Quantity, ResourceId};

use super::{ArgumentError, Arguments, Kind, Parameter, PolicyInstance};

/// CPU that a container without a CPU request counts for.
const DEFAULT_CPU: Quantity = Quantity::from_milli(100);
/// Memory that a container without a memory request counts for: 200 MiB.
const DEFAULT_MEMORY: Quantity = Quantity::from_units(200 << 20);

/// The resources that count, by weight.
pub(super) const RESOURCES: Parameter = Parameter {
    name: "resources",
    kind: Kind::Weights {
        default: &[("cpu", 1), ("memory", 1)],
    },
    doc: "Weights from 1 to 100 of the resources to score: cpu, memory, ephemeral-storage, gpu \
          (milli-GPU over all devices), or the name of an extended resource.",
};

/// A resource that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Resource {
    Cpu,
    Memory,
    Storage,
    Gpu,
    /// By name, and by id once the cell knows it.
    Extended(String, Option<ResourceId>),
}

/// Cpu and memory of a class with the defaults for what its containers do not mention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ScoredRequests {
    /// Amounts that an incoming pod counts for.
    incoming: (i64, i64),
    /// Amounts that a placed pod counts for in addition to its requests.
    beyond: (i64, i64),
}

/// A score that goes by the shares of resources that would be allocated with the pod: the mean of
/// the points of each resource, by weight.
#[derive(Clone, Debug)]
pub(super) struct AllocationScore {
    name: &'static str,
    /// Points of a resource, given what is requested and what is allocatable.
    points: fn(i64, i64) -> i64,
    allocation: Allocation,
}

impl AllocationScore {
    /// The score of this name, with the stated weights.
    pub(super) fn build(
        name: &'static str,
        points: fn(i64, i64) -> i64,
        arguments: &Arguments,
    ) -> Result<PolicyInstance, ArgumentError> {
        Ok(PolicyInstance::Plugin(Box::new(Self {
            name,
            points,
            allocation: Allocation::new(RESOURCES.weights(arguments)?),
        })))
    }
}

impl Plugin for AllocationScore {
    fn name(&self) -> &'static str {
        self.name
    }

    fn points(&self) -> Points {
        Points::PRE_FILTER.and(Points::SCORE)
    }

    fn pre_filter(&mut self, ctx: &ClassContext<'_>) -> PreFilter {
        self.allocation.learn(ctx.store);
        PreFilter::Run
    }

    fn score(&self, ctx: &ClassContext<'_>, node: NodeId) -> i64 {
        self.allocation.points(ctx, node, self.points)
    }

    fn clone_plugin(&self) -> Box<dyn Plugin> {
        Box::new(self.clone())
    }
}

/// Holds a score with equal weights to the examples of the specification (kubernetes.md 1.7): a pod
/// that comes to a node in use, and one without requests that comes to an empty node.
#[cfg(test)]
pub(super) fn check_examples(entry: &crate::Entry, in_use: i64, empty: i64) {
    use crate::testing::{World, node, pod};
    let mut world = World::default();
    let node_in_use = world.node(node("used", 4_000, 10 << 10, (0, "")));
    let empty_node = world.node(node("empty", 4_000, 8 << 10, (0, "")));
    let there = world.spec(pod(1_000, 2 << 10, (0, 0)));
    world.bind(there, node_in_use, &[]);
    let coming = world.spec(pod(500, 1 << 10, (0, 0)));
    let mut silent = pod(0, 0, (0, 0));
    silent.containers[0].requests.clear();
    let silent = world.spec(silent);
    let built = entry.build(&crate::Setup::default(), &Arguments::new());
    let Ok(PolicyInstance::Plugin(mut plugin)) = built else {
        panic!("a plugin without arguments");
    };
    for (spec, node, expected) in [(coming, node_in_use, in_use), (silent, empty_node, empty)] {
        let ctx = world.ctx(spec);
        plugin.pre_filter(&ctx);
        assert_eq!(plugin.score(&ctx, node), expected, "{node}");
    }
}

/// Counting of containers that state no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DefaultRule {
    /// With the defaults, as kube-scheduler's scores count them.
    Defaults,
    /// As they are.
    Nothing,
}

/// A weighted resource of a node with a pod to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Amounts {
    /// Weight of the resource.
    pub(super) weight: i64,
    /// Amount that the node offers.
    pub(super) offered: i64,
    /// Amount in use before the pod comes.
    pub(super) used: i64,
    /// Amount that the pod counts for.
    pub(super) incoming: i64,
}

/// Weighted resources, and what the classes known so far count for.
#[derive(Clone, Debug)]
pub(super) struct Allocation {
    resources: Vec<(Resource, i64)>,
    silent: DefaultRule,
    known_extended: usize,
    classes: Vec<ScoredRequests>,
    /// Whether some class counts for more than it reserves; else pods on nodes need no look.
    any_beyond: bool,
}

impl Allocation {
    pub(super) fn new(weights: Vec<(String, i64)>) -> Self {
        let resources = weights.into_iter().map(|(name, weight)| {
            let resource = match name.as_str() {
                CPU => Resource::Cpu,
                MEMORY => Resource::Memory,
                EPHEMERAL_STORAGE => Resource::Storage,
                "gpu" => Resource::Gpu,
                _ => Resource::Extended(name, None),
            };
            (resource, weight)
        });
        Self {
            resources: resources.collect(),
            silent: DefaultRule::Defaults,
            known_extended: 0,
            classes: Vec::new(),
            any_beyond: false,
        }
    }

    /// An allocation in which containers count with what they state alone.
    pub(super) fn as_requested(weights: Vec<(String, i64)>) -> Self {
        Self {
            silent: DefaultRule::Nothing,
            ..Self::new(weights)
        }
    }

    /// Learns the classes and extended resources that are new, so that no text is compared and no
    /// request is summed per node.
    pub(super) fn learn(&mut self, store: &Store) {
        for index in self.classes.len()..store.class_count() {
            let class = store.class(ClassId::from_index(index));
            let scored = match self.silent {
                DefaultRule::Defaults => ScoredRequests::of(class),
                DefaultRule::Nothing => ScoredRequests {
                    incoming: (class.requests.cpu_milli, class.requests.memory_bytes),
                    beyond: (0, 0),
                },
            };
            self.any_beyond |= scored.beyond != (0, 0);
            self.classes.push(scored);
        }
        if self.known_extended != store.extended().len() {
            self.known_extended = store.extended().len();
            for (resource, _) in &mut self.resources {
                if let Resource::Extended(name, id) = resource {
                    *id = store.extended().get(name).map(ResourceId::from_index);
                }
            }
        }
    }

    /// The weighted mean of `formula(requested, allocatable)` over the resources that the node
    /// offers, truncated; without any it is 0. [`Allocation::learn`] has seen the store.
    pub(super) fn points(
        &self,
        ctx: &ClassContext<'_>,
        node: NodeId,
        formula: fn(i64, i64) -> i64,
    ) -> i64 {
        let (mut sum, mut weights) = (0, 0);
        for own in self.amounts(ctx, node).filter(|own| own.offered != 0) {
            sum += own.weight * formula(own.used + own.incoming, own.offered);
            weights += own.weight;
        }
        if weights == 0 { 0 } else { sum / weights }
    }

    /// The weighted resources of a node with a pod of a class to come; GPUs and extended resources
    /// only where the pod asks for them. [`Allocation::learn`] has seen the store.
    pub(super) fn amounts(
        &self,
        ctx: &ClassContext<'_>,
        node: NodeId,
    ) -> impl Iterator<Item = Amounts> {
        let scored = self.classes[ctx.id.index()];
        let beyond = self.beyond(ctx.store, node);
        let requests = &ctx.class.requests;
        let (offered, free) = (ctx.store.nodes().allocatable(), ctx.store.nodes().free());
        let row = node.index();
        let resources = self.resources.iter();
        resources.filter_map(move |(resource, weight)| {
            let (offered, free, incoming) = match resource {
                Resource::Cpu => {
                    let free = free.cpu_milli[row] - beyond.0;
                    (offered.cpu_milli[row], free, scored.incoming.0)
                }
                Resource::Memory => {
                    let free = free.memory_bytes[row] - beyond.1;
                    (offered.memory_bytes[row], free, scored.incoming.1)
                }
                Resource::Storage => (
                    offered.storage_bytes[row],
                    free.storage_bytes[row],
                    requests.storage_bytes,
                ),
                Resource::Gpu if requests.gpu_milli > 0 => (
                    offered.gpu_milli[row],
                    free.gpu_milli[row],
                    requests.gpu_milli,
                ),
                Resource::Extended(_, Some(id)) if requests.extended_amount(*id) > 0 => (
                    offered.extended_amount(*id, node),
                    free.extended_amount(*id, node),
                    requests.extended_amount(*id),
                ),
                Resource::Gpu | Resource::Extended(..) => return None,
            };
            Some(Amounts {
                weight: *weight,
                offered,
                used: offered - free,
                incoming,
            })
        })
    }

    /// Amounts that the pods on a node count for in addition to their requests.
    fn beyond(&self, store: &Store, node: NodeId) -> (i64, i64) {
        if !self.any_beyond {
            return (0, 0);
        }
        let pods = store.nodes().pods(node).iter();
        let classes = pods.filter_map(|&slot| store.pods().at(slot));
        classes.fold((0, 0), |(cpu, memory), pod| {
            let (more_cpu, more_memory) = self.classes[pod.class.index()].beyond;
            (cpu + more_cpu, memory + more_memory)
        })
    }
}

impl ScoredRequests {
    fn of(class: &Class) -> Self {
        let spec = &class.spec;
        // An incoming pod's own pod-level requests are not looked at; a placed pod's are.
        let incoming = PodSpec {
            pod_requests: ResourceList::default(),
            ..with_defaults(spec, |_| true)
        };
        let stated = spec.requests().unwrap_or_default();
        let placed = with_defaults(spec, |name| {
            spec.pod_requests.is_empty() || !stated.contains(name)
        });
        let (cpu, memory) = amounts(&placed);
        let reserved = &class.requests;
        Self {
            incoming: amounts(&incoming),
            beyond: (cpu - reserved.cpu_milli, memory - reserved.memory_bytes),
        }
    }
}

/// The spec with the defaults filled in for containers that do not mention a resource.
fn with_defaults(spec: &PodSpec, counts: impl Fn(&str) -> bool) -> PodSpec {
    let mut filled = spec.clone();
    for container in filled
        .containers
        .iter_mut()
        .chain(&mut filled.init_containers)
    {
        for (name, amount) in [(CPU, DEFAULT_CPU), (MEMORY, DEFAULT_MEMORY)] {
            if counts(name) && !container.requests.contains(name) {
                container.requests.set(name, amount);
            }
        }
    }
    filled
}

/// Milli-cores and bytes that a spec reserves. Amounts beyond the integer columns count as the
/// largest one; a class with such amounts is refused by the store.
fn amounts(spec: &PodSpec) -> (i64, i64) {
    let list = spec.requests().unwrap_or_default();
    let largest = i64::MAX / 4;
    (
        list.get(CPU).milli_ceil().unwrap_or(largest),
        list.get(MEMORY).units_ceil().unwrap_or(largest),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, node, pod};
    use model::Container;

    fn container(pairs: &[(&str, Quantity)]) -> Container {
        let mut requests = ResourceList::default();
        for &(name, amount) in pairs {
            requests.set(name, amount);
        }
        Container {
            requests,
            ..Container::default()
        }
    }

    #[test]
    fn containers_that_state_nothing_count_with_defaults() {
        let mib = |count: i64| count << 20;
        let cpu = |milli| (CPU, Quantity::from_milli(milli));
        let stated = PodSpec {
            containers: vec![container(&[
                cpu(300),
                (MEMORY, Quantity::from_units(mib(1))),
            ])],
            ..PodSpec::default()
        };
        let silent = PodSpec {
            containers: vec![container(&[]); 3],
            ..PodSpec::default()
        };
        let zero = PodSpec {
            containers: vec![container(&[cpu(0)])],
            ..PodSpec::default()
        };
        let overhead = PodSpec {
            containers: vec![container(&[])],
            overhead: ResourceList::from_pairs([cpu(50)]),
            ..PodSpec::default()
        };
        let pod_level = PodSpec {
            containers: vec![container(&[])],
            pod_requests: ResourceList::from_pairs([cpu(700)]),
            ..PodSpec::default()
        };
        for (name, spec, incoming, beyond) in [
            ("stated", stated, (300, mib(1)), (0, 0)),
            ("silent", silent, (300, mib(600)), (300, mib(600))),
            ("zero", zero, (0, mib(200)), (0, mib(200))),
            ("overhead", overhead, (150, mib(200)), (100, mib(200))),
            ("pod level", pod_level, (100, mib(200)), (0, mib(200))),
        ] {
            let mut world = World::default();
            let id = world.spec(spec);
            let expected = ScoredRequests { incoming, beyond };
            assert_eq!(
                ScoredRequests::of(world.store.class(id)),
                expected,
                "{name}"
            );
        }
    }

    #[test]
    fn only_resources_that_the_node_offers_count() {
        let mut world = World::default();
        let mut object = node("a", 1_000, 100, (4, "T4"));
        object
            .allocatable
            .set("example.com/fpga", Quantity::from_units(10));
        let home = world.node(object);
        let silent = world.spec(PodSpec {
            containers: vec![container(&[])],
            ..PodSpec::default()
        });
        world.bind(silent, home, &[]);
        let plain = world.spec(pod(100, 10, (0, 0)));
        let gpus = world.spec(pod(100, 10, (2, 1000)));
        let mut fpga = pod(100, 10, (0, 0));
        fpga.containers[0]
            .requests
            .set("example.com/fpga", Quantity::from_units(5));
        let fpga = world.spec(fpga);
        let weights = |weights: &[(&str, i64)]| {
            weights
                .iter()
                .map(|&(name, weight)| (name.to_owned(), weight))
                .collect()
        };
        for (listed, spec, expected) in [
            (&[("cpu", 1)][..], plain, 20),
            (&[("cpu", 1), ("ephemeral-storage", 9)], plain, 20),
            (&[("ephemeral-storage", 9)], plain, 0),
            (&[("cpu", 1), ("gpu", 3)], plain, 20),
            (&[("cpu", 1), ("gpu", 3)], gpus, (20 + 3 * 50) / 4),
            (&[("cpu", 1), ("example.com/fpga", 3)], plain, 20),
            (
                &[("cpu", 1), ("example.com/fpga", 3)],
                fpga,
                (20 + 3 * 50) / 4,
            ),
        ] {
            let mut allocation = Allocation::new(weights(listed));
            allocation.learn(&world.store);
            let found = allocation.points(&world.ctx(spec), home, |used, all| used * 100 / all);
            assert_eq!(found, expected, "{listed:?}");
        }
    }
}
