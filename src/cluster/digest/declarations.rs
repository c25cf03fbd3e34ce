//! Declarations of nodes and pod classes in canonical bytes: everything a decision may depend on.
//! Names of nodes and containers are left out, as ids stand for objects. Every struct is taken
//! apart field by field, so that a new field can't be forgotten.

use super::Digest;
use model::dra::PodClaims;
use model::node::PLATFORM;
use model::workload::Probe;
use model::{
    Affinity, Application, ConfigReference, Container, ContainerLife, GpuRequest, HostPort,
    LabelSelector, Labels, Node, NodeAffinity, NodeSelectorTerm, Owner, PodAffinityTerm, PodLife,
    PodSpec, PodVolume, Requirement, ResourceList, Taint, Text, Toleration, TopologySpread,
};
use units::Duration;

pub(super) fn node(digest: &mut Digest, node: &Node) {
    let Node {
        name: _,
        labels: declared_labels,
        taints,
        unschedulable,
        allocatable,
        capacity,
        gpu,
        images,
        avoids,
        guard,
        // No decision of a run depends on it.
        is_leaving: _,
    } = node;
    // What nearly every machine says of its platform tells nothing apart.
    let is_told = |(key, value): &(&Text, &Text)| !PLATFORM.contains(&(&***key, &***value));
    pairs(digest, declared_labels.iter().filter(is_told));
    list(digest, taints, |digest, declared| {
        let Taint { key, value, effect } = declared;
        digest.text(key);
        digest.text(value);
        digest.number(*effect as u64);
    });
    digest.flag(*unschedulable);
    amounts(digest, allocatable);
    amounts(digest, capacity);
    digest.flag(gpu.is_some());
    if let Some(gpu) = gpu {
        digest.number(u64::from(gpu.devices));
        digest.text(&gpu.model);
    }
    list(digest, images, |digest, (name, bytes)| {
        digest.text(name);
        digest.number(*bytes as u64);
    });
    if !avoids.0.is_empty() {
        list(digest, &avoids.0, |digest, (kind, name)| {
            digest.text(kind);
            digest.text(name);
        });
    }
    if !guard.is_empty() {
        digest.flag(guard.scale_down_disabled);
        digest.flag(guard.do_not_disrupt);
    }
}

pub(super) fn spec(digest: &mut Digest, spec: &PodSpec) {
    let PodSpec {
        namespace,
        labels: own_labels,
        scheduler_name,
        priority,
        preempts,
        containers,
        init_containers,
        overhead,
        pod_requests,
        node_selector,
        affinity: wishes,
        tolerations,
        topology_spread,
        gpu,
        scheduling_gates,
        volumes,
        owner,
        life: declared_life,
        behaviour,
        server,
        needs,
        device_claims,
        manifest,
    } = spec;
    digest.text(namespace);
    labels(digest, own_labels);
    digest.text(scheduler_name);
    digest.number(*priority as u64);
    digest.flag(*preempts);
    list(digest, containers, container);
    list(digest, init_containers, container);
    amounts(digest, overhead);
    amounts(digest, pod_requests);
    labels(digest, node_selector);
    affinity(digest, wishes);
    list(digest, tolerations, toleration);
    list(digest, topology_spread, spread);
    let GpuRequest {
        devices,
        milli_per_device,
        models,
    } = gpu;
    digest.number(u64::from(*devices));
    digest.number(u64::from(*milli_per_device));
    texts(digest, models);
    texts(digest, scheduling_gates);
    list(digest, volumes, volume);
    digest.flag(owner.is_some());
    if let Some(Owner { kind, name }) = owner {
        digest.text(kind);
        digest.text(name);
    }
    // Pods of which nothing is said are most: they add no byte.
    if let Some(declared) = declared_life {
        life(digest, declared);
    }
    // Nothing is added where nothing is stated, which is so for all pods of traces.
    if let Some(behaviour) = behaviour {
        digest.canonical(behaviour);
    }
    if let Some(server) = server {
        digest.canonical(server);
    }
    for needed in &needs.0 {
        need(digest, needed);
    }
    claims(digest, device_claims);
    if let Some(manifest) = &manifest.0 {
        digest.text(manifest);
    }
}

/// Adds nothing for pods without claims, which most are.
fn claims(digest: &mut Digest, claims: &PodClaims) {
    if !claims.0.is_empty() {
        digest.canonical(&claims.0);
    }
}

fn toleration(digest: &mut Digest, toleration: &Toleration) {
    let Toleration {
        key,
        value,
        effect,
        tolerates_for,
    } = toleration;
    optional_text(digest, key.as_ref());
    optional_text(digest, value.as_ref());
    digest.number(effect.map_or(u64::MAX, |effect| effect as u64));
    digest.number(tolerates_for.map_or(-1, Duration::as_nanos) as u64);
}

fn need(digest: &mut Digest, needed: &ConfigReference) {
    let (kind, name) = match needed {
        ConfigReference::Secret(name) => (0, name),
        ConfigReference::ConfigMap(name) => (1, name),
    };
    digest.number(kind);
    digest.text(name);
}

fn life(digest: &mut Digest, life: &PodLife) {
    let PodLife {
        restart,
        containers,
        init_containers,
    } = life;
    digest.number(*restart as u64);
    list(digest, containers, container_life);
    list(digest, init_containers, container_life);
}

fn container_life(digest: &mut Digest, life: &ContainerLife) {
    let ContainerLife {
        startup,
        liveness,
        readiness,
        health_check,
        pre_stop,
        pull,
        application,
    } = life;
    for probe in [startup, liveness, readiness] {
        digest.flag(probe.is_some());
        if let Some(probe) = probe {
            let Probe {
                initial_delay_secs,
                period_secs,
                timeout_secs,
                success_threshold,
                failure_threshold,
            } = *probe;
            let rest = [success_threshold, failure_threshold];
            for number in [initial_delay_secs, period_secs, timeout_secs]
                .into_iter()
                .chain(rest)
            {
                digest.number(number as u64);
            }
        }
    }
    digest.number(pre_stop.as_nanos() as u64);
    digest.number(pull.map_or(u64::MAX, |pull| pull as u64));
    // Most say nothing of it.
    if *application != Application::default() {
        digest.canonical(application);
    }
    if let Some(check) = health_check {
        digest.canonical(check);
    }
}

fn volume(digest: &mut Digest, volume: &PodVolume) {
    match volume {
        PodVolume::Claim(name) => tagged_text(digest, 0, name),
        PodVolume::Ephemeral(own) => {
            tagged_text(digest, 1, &own.name);
            digest.canonical(&(&own.class, own.request));
        }
        PodVolume::GceDisk { disk, read_only } => {
            tagged_text(digest, 2, disk);
            digest.flag(*read_only);
        }
        PodVolume::EbsVolume(id) => tagged_text(digest, 3, id),
        PodVolume::Iscsi { name, read_only } => {
            tagged_text(digest, 4, name);
            digest.flag(*read_only);
        }
        PodVolume::Rbd {
            monitors,
            pool,
            image,
            read_only,
        } => {
            tagged_text(digest, 5, pool);
            digest.text(image);
            texts(digest, monitors);
            digest.flag(*read_only);
        }
        PodVolume::Kept(name) => tagged_text(digest, 6, name),
    }
}

fn tagged_text(digest: &mut Digest, tag: u64, text: &str) {
    digest.number(tag);
    digest.text(text);
}

fn container(digest: &mut Digest, container: &Container) {
    let Container {
        name: _,
        image,
        requests,
        limits,
        host_ports,
        restartable,
    } = container;
    digest.text(image);
    amounts(digest, requests);
    amounts(digest, limits);
    list(digest, host_ports, |digest, host_port| {
        let HostPort {
            host_ip,
            protocol,
            port,
        } = host_port;
        digest.text(host_ip);
        digest.text(protocol);
        digest.number(u64::from(*port));
    });
    digest.flag(*restartable);
}

fn affinity(digest: &mut Digest, affinity: &Affinity) {
    let Affinity {
        node: NodeAffinity {
            required,
            preferred,
        },
        required_pod_affinity,
        required_pod_anti_affinity,
        preferred_pod_affinity,
        preferred_pod_anti_affinity,
    } = affinity;
    digest.flag(required.is_some());
    if let Some(required) = required {
        list(digest, &required.terms, node_term);
    }
    list(digest, preferred, |digest, (weight, term)| {
        digest.number(*weight as u64);
        node_term(digest, term);
    });
    for terms in [required_pod_affinity, required_pod_anti_affinity] {
        list(digest, terms, pod_term);
    }
    for terms in [preferred_pod_affinity, preferred_pod_anti_affinity] {
        list(digest, terms, |digest, (weight, term)| {
            digest.number(*weight as u64);
            pod_term(digest, term);
        });
    }
}

fn node_term(digest: &mut Digest, term: &NodeSelectorTerm) {
    let NodeSelectorTerm {
        match_expressions,
        match_fields,
    } = term;
    list(digest, match_expressions, requirement);
    list(digest, match_fields, requirement);
}

fn pod_term(digest: &mut Digest, term: &PodAffinityTerm) {
    let PodAffinityTerm {
        selector,
        topology_key,
        namespaces,
        namespace_selector,
        match_label_keys,
        mismatch_label_keys,
    } = term;
    optional_selector(digest, selector.as_ref());
    digest.text(topology_key);
    texts(digest, namespaces);
    optional_selector(digest, namespace_selector.as_ref());
    texts(digest, match_label_keys);
    texts(digest, mismatch_label_keys);
}

fn spread(digest: &mut Digest, rule: &TopologySpread) {
    let TopologySpread {
        max_skew,
        topology_key,
        hard,
        selector,
        min_domains,
        honor_node_affinity,
        honor_node_taints,
        match_label_keys,
    } = rule;
    digest.number(*max_skew as u64);
    digest.text(topology_key);
    digest.flag(*hard);
    optional_selector(digest, selector.as_ref());
    digest.number(min_domains.map_or(u64::MAX, |count| count as u64));
    digest.flag(*honor_node_affinity);
    digest.flag(*honor_node_taints);
    texts(digest, match_label_keys);
}

fn optional_selector(digest: &mut Digest, selector: Option<&LabelSelector>) {
    digest.flag(selector.is_some());
    if let Some(selector) = selector {
        list(digest, &selector.requirements, requirement);
    }
}

fn requirement(digest: &mut Digest, requirement: &Requirement) {
    let Requirement {
        key,
        operator,
        values,
    } = requirement;
    digest.text(key);
    digest.number(*operator as u64);
    texts(digest, values);
}

fn labels(digest: &mut Digest, labels: &Labels) {
    pairs(digest, labels.iter());
}

fn pairs<'a>(digest: &mut Digest, pairs: impl Iterator<Item = (&'a Text, &'a Text)> + Clone) {
    digest.number(pairs.clone().count() as u64);
    for (key, value) in pairs {
        digest.text(key);
        digest.text(value);
    }
}

fn amounts(digest: &mut Digest, amounts: &ResourceList) {
    digest.number(amounts.iter().count() as u64);
    for (name, amount) in amounts.iter() {
        digest.text(name);
        let nanos = amount.nanos();
        digest.number(nanos as u64);
        digest.number((nanos >> 64) as u64);
    }
}

fn texts(digest: &mut Digest, texts: &[Text]) {
    list(digest, texts, |digest, text| digest.text(text));
}

fn optional_text(digest: &mut Digest, text: Option<&Text>) {
    digest.flag(text.is_some());
    if let Some(text) = text {
        digest.text(text);
    }
}

/// The number of items, then each of them.
fn list<T>(digest: &mut Digest, items: &[T], mut item: impl FnMut(&mut Digest, &T)) {
    digest.number(items.len() as u64);
    for each in items {
        item(digest, each);
    }
}
