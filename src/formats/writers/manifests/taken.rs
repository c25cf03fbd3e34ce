//! The part of a spec that manifests say: what the API of Kubernetes takes of it, as it stands there when it is read.
//! A rule that the API refuses is left out whole, as a part of it would be another rule.

use super::names::{Namespaces, dns_label, is_dns_name, is_label_key, is_label_value};
use crate::prelude::*;
use crate::writers::table::{devices, is_own_pattern};
use model::gpu::GPU_RESOURCES;
use model::resource_list::{CPU, MEMORY};
use model::{
    Affinity, Container, DEFAULT_SCHEDULER, HostPort, LabelSelector, NodeSelectorTerm, Operator,
    PodAffinityTerm, Requirement, TaintEffect, Toleration, TopologySpread,
};

/// The beginning of the names of memory in huge pages.
const HUGE_PAGES: &str = "hugepages-";
/// The beginning of the names of resources that GPUs of a share are counted in.
const SHARES: &str = "alibabacloud.com/gpu-";
/// The name and the image of a container that has none.
const NAME: &str = "main";
const IMAGE: &str = "main:1";

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// The part of a spec that a manifest says.
pub(super) fn spec(spec: &PodSpec, namespaces: &mut Namespaces, with_usage: bool) -> PodSpec {
    let place = namespaces.place(&spec.namespace);
    let namespace: Text = namespaces.labels[place].as_str().into();
    let behaviour = spec.behaviour.as_deref().filter(|_| with_usage);
    let behaviour = behaviour.map(|own| Behaviour {
        cpu_usage: own.cpu_usage.clone().filter(is_own_pattern),
        memory_usage: own.memory_usage.clone().filter(is_own_pattern),
        ..Behaviour::default()
    });
    let labels = labels(&spec.labels);
    let mut affinity = affinity(&spec.affinity, namespaces);
    affinity.merge_label_keys(&labels);
    let mut names = Vec::new();
    let has_devices = spec.gpu.devices > 0;
    let mut containers = containers(&spec.containers, has_devices, &mut names);
    for container in &mut containers {
        container.restartable = false;
    }
    if containers.is_empty() {
        containers = self::containers(&[Container::default()], has_devices, &mut names);
    }
    take_ports_once(&mut containers);
    let mut init_containers = self::containers(&spec.init_containers, has_devices, &mut names);
    for container in &mut init_containers {
        if !container.restartable {
            // Ports of one that ends before the others begin are never counted.
            container.host_ports.clear();
        }
    }
    let scheduler = Some(&spec.scheduler_name)
        .filter(|name| is_dns_name(name) && &***name != DEFAULT_SCHEDULER);
    let tolerations = spec.tolerations.iter();
    let mut spread: Vec<TopologySpread> = Vec::new();
    for rule in spec.topology_spread.iter().filter(|rule| is_spread(rule)) {
        let is_same =
            |own: &&TopologySpread| own.topology_key == rule.topology_key && own.hard == rule.hard;
        // The server refuses two of one kind about one label.
        if !spread.iter().any(|own| is_same(&own)) {
            spread.push(rule.clone());
        }
    }
    let gates = spec.scheduling_gates.iter();
    let said = PodSpec {
        namespace,
        labels,
        scheduler_name: scheduler.cloned().unwrap_or_default(),
        priority: spec.priority,
        preempts: spec.preempts,
        containers,
        init_containers,
        overhead: amounts(&spec.overhead, false),
        node_selector: self::labels(&spec.node_selector),
        affinity,
        tolerations: { tolerations.filter(|own| is_toleration(own)).cloned() }.collect(),
        topology_spread: spread,
        scheduling_gates: gates.filter(|gate| is_label_key(gate)).cloned().collect(),
        gpu: devices(&spec.gpu),
        behaviour: behaviour
            .filter(|own| *own != Behaviour::default())
            .map(Arc::new),
        ..PodSpec::default()
    };
    PodSpec {
        pod_requests: pod_requests(&spec.pod_requests, &said),
        ..said
    }
}

/// The spec that a manifest states, with names and images of containers that stand for none left out again.
pub(super) fn named_as(mut said: PodSpec, spec: &PodSpec) -> PodSpec {
    for (all, own) in [
        (&mut said.containers, &spec.containers),
        (&mut said.init_containers, &spec.init_containers),
    ] {
        let none = Container::default();
        for (place, container) in all.iter_mut().enumerate() {
            let own = own.get(place).unwrap_or(&none);
            if own.name.is_empty() {
                container.name = Text::default();
            }
            if own.image.is_empty() {
                container.image = Text::default();
            }
        }
    }
    said
}

fn labels(all: &Labels) -> Labels {
    let taken = all
        .iter()
        .filter(|(key, value)| is_label_key(key) && is_label_value(value));
    taken
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Leaves a port of the node to the first container that takes it: the server refuses a second one.
fn take_ports_once(containers: &mut [Container]) {
    let mut taken: Vec<HostPort> = Vec::new();
    for container in containers {
        container.host_ports.retain(|port| {
            let is_free = !taken.contains(port);
            taken.push(port.clone());
            is_free
        });
    }
}

/// Whether a resource is one that only its domain knows.
fn is_extended(name: &str) -> bool {
    name.contains('/')
}

/// Whether a resource is one of which a container has exactly what it requests.
fn is_without_overcommit(name: &str) -> bool {
    is_extended(name) || name.starts_with(HUGE_PAGES)
}

fn amounts(list: &ResourceList, has_devices: bool) -> ResourceList {
    let mut taken = ResourceList::default();
    for (name, amount) in list.named() {
        // Devices stand for themselves.
        let is_device = name.starts_with(SHARES) || has_devices && GPU_RESOURCES.contains(&&**name);
        if is_label_key(name) && k8s::takes_amount(name, amount) && !is_device {
            taken.insert(name.clone(), amount);
        }
    }
    taken
}

/// Requests of the pod as a whole, completed as the API server does it.
fn pod_requests(own: &ResourceList, said: &PodSpec) -> ResourceList {
    let mut requests = ResourceList::default();
    let is_for_pods = |name: &str| matches!(name, CPU | MEMORY) || name.starts_with(HUGE_PAGES);
    for (name, amount) in amounts(own, false).named() {
        if is_for_pods(name) {
            requests.insert(name.clone(), amount);
        }
    }
    if !requests.is_empty() {
        let of_containers = PodSpec {
            overhead: ResourceList::default(),
            ..said.clone()
        };
        let of_containers = of_containers.requests().unwrap_or_default();
        for (name, amount) in of_containers.named().filter(|(name, _)| is_for_pods(name)) {
            // The server refuses less than the containers request.
            let own = requests.stated(name).unwrap_or_default();
            requests.insert(name.clone(), own.max(amount));
        }
    }
    requests
}

/// Containers whose names differ from those before.
fn containers(all: &[Container], has_devices: bool, names: &mut Vec<Text>) -> Vec<Container> {
    let taken = all.iter().map(|own| {
        let base = match dns_label(&own.name) {
            none if none.is_empty() => NAME.to_owned(),
            label => label,
        };
        let numbered = (2_u64..).map(|number| format!("{base}-{number}"));
        let mut free = std::iter::once(base.clone()).chain(numbered);
        let name = free.find(|name| !names.iter().any(|own| **own == **name));
        let name: Text = name.unwrap_or_default().as_str().into();
        names.push(name.clone());
        let is_image = |own: &&Text| !own.is_empty() && !own.contains(char::is_whitespace);
        let image = Some(&own.image).filter(is_image).cloned();
        let mut limits = amounts(&own.limits, has_devices);
        let mut requests = amounts(&own.requests, has_devices);
        for (resource, limit) in limits.clone().named() {
            match requests.stated(resource) {
                // A limit below the request is refused.
                Some(request) if request > limit => {
                    limits.remove(resource);
                }
                Some(_) => {}
                None if is_without_overcommit(resource) => requests.insert(resource.clone(), limit),
                // Without a request, the limit would be one.
                None => requests.insert(resource.clone(), Quantity::ZERO),
            }
        }
        for (resource, amount) in requests
            .named()
            .filter(|(name, _)| is_without_overcommit(name))
        {
            limits.insert(resource.clone(), amount);
        }
        let ports = own.host_ports.iter();
        let ports = ports.filter(|port| matches!(&*port.protocol, "TCP" | "UDP" | "SCTP"));
        Container {
            name,
            image: image.unwrap_or_else(|| IMAGE.into()),
            requests,
            limits,
            host_ports: ports.filter(|port| port.port > 0).cloned().collect(),
            restartable: own.restartable,
        }
    });
    taken.collect()
}

fn affinity(own: &Affinity, namespaces: &mut Namespaces) -> Affinity {
    let required = own
        .node
        .required
        .as_ref()
        .filter(|own| !own.terms.is_empty() && own.terms.iter().all(is_node_term));
    let preferred = own.node.preferred.iter();
    let preferred = preferred.filter(|(weight, term)| is_weight(*weight) && is_node_term(term));
    let mut affinity = Affinity::default();
    affinity.node.required = required.cloned();
    affinity.node.preferred = preferred.cloned().collect();
    let mut terms = |all: &[PodAffinityTerm]| -> Vec<PodAffinityTerm> {
        let taken = all.iter().filter(|term| is_pod_term(term));
        taken.map(|term| in_namespaces(term, namespaces)).collect()
    };
    affinity.required_pod_affinity = terms(&own.required_pod_affinity);
    affinity.required_pod_anti_affinity = terms(&own.required_pod_anti_affinity);
    let mut wishes = |all: &[(i32, PodAffinityTerm)]| -> Vec<(i32, PodAffinityTerm)> {
        let taken = { all.iter() }.filter(|(weight, term)| is_weight(*weight) && is_pod_term(term));
        taken
            .map(|(weight, term)| (*weight, in_namespaces(term, namespaces)))
            .collect()
    };
    affinity.preferred_pod_affinity = wishes(&own.preferred_pod_affinity);
    affinity.preferred_pod_anti_affinity = wishes(&own.preferred_pod_anti_affinity);
    affinity
}

/// A term that names namespaces as manifests do.
fn in_namespaces(term: &PodAffinityTerm, namespaces: &mut Namespaces) -> PodAffinityTerm {
    let named = term.namespaces.iter().map(|namespace| {
        let place = namespaces.place(namespace);
        match namespaces.labels[place].as_str() {
            "" => "default".into(),
            label => label.into(),
        }
    });
    PodAffinityTerm {
        namespaces: named.collect(),
        ..term.clone()
    }
}

fn is_weight(weight: i32) -> bool {
    (1..=100).contains(&weight)
}

fn is_node_term(term: &NodeSelectorTerm) -> bool {
    let is_field = |own: &Requirement| {
        &*own.key == "metadata.name"
            && matches!(own.operator, Operator::In | Operator::NotIn)
            && own.values.len() == 1
    };
    term.match_expressions.iter().all(is_requirement) && term.match_fields.iter().all(is_field)
}

fn is_requirement(own: &Requirement) -> bool {
    let has_values = match own.operator {
        Operator::In | Operator::NotIn => {
            !own.values.is_empty() && own.values.iter().all(|value| is_label_value(value))
        }
        Operator::Exists | Operator::DoesNotExist => own.values.is_empty(),
        Operator::Gt | Operator::Lt => {
            matches!(&*own.values, [number] if number.parse::<i64>().is_ok())
        }
    };
    is_label_key(&own.key) && has_values
}

fn is_selector(own: Option<&LabelSelector>) -> bool {
    let mut requirements = own.into_iter().flat_map(|own| &own.requirements);
    let is_of_numbers = |operator| matches!(operator, Operator::Gt | Operator::Lt);
    requirements.all(|own| is_requirement(own) && !is_of_numbers(own.operator))
}

/// Whether keys of labels are ones that a selector takes up.
fn are_keys(keys: &[Text], selector: Option<&LabelSelector>) -> bool {
    keys.iter().all(|key| is_label_key(key)) && (keys.is_empty() || selector.is_some())
}

fn is_pod_term(term: &PodAffinityTerm) -> bool {
    is_label_key(&term.topology_key)
        && is_selector(term.selector.as_ref())
        && is_selector(term.namespace_selector.as_ref())
        && are_keys(&term.match_label_keys, term.selector.as_ref())
        && are_keys(&term.mismatch_label_keys, term.selector.as_ref())
        && !{ term.match_label_keys.iter() }.any(|key| term.mismatch_label_keys.contains(key))
}

fn is_spread(rule: &TopologySpread) -> bool {
    let has_domains = rule.min_domains.is_none_or(|least| rule.hard && least >= 1);
    rule.max_skew >= 1
        && is_label_key(&rule.topology_key)
        && has_domains
        && is_selector(rule.selector.as_ref())
        && are_keys(&rule.match_label_keys, rule.selector.as_ref())
        && !{ rule.match_label_keys.iter() }.any(|key| {
            let mut requirements = rule.selector.iter().flat_map(|own| &own.requirements);
            requirements.any(|own| own.key == *key)
        })
}

fn is_toleration(own: &Toleration) -> bool {
    let has_key = own.key.as_ref().map(|key| is_label_key(key));
    let has_value = own.value.as_ref().map(|value| is_label_value(value));
    let is_of_key = match (has_key, has_value) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some(has_key), has_value) => has_key && has_value.unwrap_or(true),
    };
    let is_for_a_while = own.tolerates_for.is_none_or(|time| {
        own.effect == Some(TaintEffect::NoExecute)
            && time >= Duration::ZERO
            && time.as_nanos() % NANOS_PER_SECOND == 0
    });
    is_of_key && is_for_a_while
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_that_the_server_takes() {
        let own = Container {
            requests: ResourceList::from_pairs([
                (CPU, Quantity::from_units(4)),
                ("a.b/c", Quantity::from_units(1)),
                ("hugepages-2Mi", Quantity::from_units(2 << 20)),
            ]),
            limits: ResourceList::from_pairs([
                (CPU, Quantity::from_units(2)),
                (MEMORY, Quantity::from_units(8)),
                ("a.b/c", Quantity::from_units(3)),
                ("a.b/d", Quantity::from_units(5)),
            ]),
            ..Container::default()
        };
        let taken = &containers(&[own], false, &mut Vec::new())[0];
        let requests = [
            (CPU, Quantity::from_units(4)),
            (MEMORY, Quantity::ZERO),
            ("a.b/c", Quantity::from_units(1)),
            ("a.b/d", Quantity::from_units(5)),
            ("hugepages-2Mi", Quantity::from_units(2 << 20)),
        ];
        assert_eq!(taken.requests, ResourceList::from_pairs(requests));
        let limits = [
            (MEMORY, Quantity::from_units(8)),
            ("a.b/c", Quantity::from_units(1)),
            ("a.b/d", Quantity::from_units(5)),
            ("hugepages-2Mi", Quantity::from_units(2 << 20)),
        ];
        assert_eq!(taken.limits, ResourceList::from_pairs(limits));
    }
}
