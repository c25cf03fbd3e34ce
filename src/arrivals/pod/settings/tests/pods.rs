//! Pods with every setting that the model has.

use std::sync::Arc;

use proptest::option;
use proptest::prelude::*;

use model::dra::{ClaimSource, PodClaim, PodClaims};
use model::resource_list::{CPU, MEMORY};
use model::volume::EphemeralVolume;
use model::{
    Affinity, Behaviour, ConfigReference, Container, ContainerLife, HostPort, LabelSelector,
    Labels, Needs, NodeAffinity, NodeSelector, NodeSelectorTerm, Operator, Owner, PodAffinityTerm,
    PodLife, PodSpec, PodVolume, Requirement, ResourceList, RestartPolicy, ServerSpec, TaintEffect,
    TemplateText, Text, Toleration, TopologySpread,
};
use units::{Duration, Quantity};

fn some_labels() -> impl Strategy<Value = Labels> {
    let label = ("[a-z\"=,|]{1,4}", "[a-z\" \\n]{0,4}");
    let all = prop::collection::vec(label, 0..3);
    all.prop_map(|all| {
        let labels = all.into_iter();
        labels
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect()
    })
}

fn amounts_of(names: &'static [&'static str]) -> impl Strategy<Value = ResourceList> {
    let one = (prop::sample::select(names), 0_i64..9_000);
    prop::collection::vec(one, 0..3).prop_map(|all| {
        let mut list = ResourceList::default();
        for (name, milli) in all {
            list.set(name, Quantity::from_milli(milli));
        }
        list
    })
}

fn word() -> impl Strategy<Value = Text> {
    "[a-z\"/,.]{1,4}".prop_map(|own| own.as_str().into())
}

fn words() -> impl Strategy<Value = Vec<Text>> {
    prop::collection::vec(word(), 0..3)
}

fn port() -> impl Strategy<Value = HostPort> {
    let protocol = prop::sample::select(vec!["TCP", "UDP", "SCTP"]);
    let all = ("[0-9.]{0,3}", protocol, 1_u16..);
    all.prop_map(|(host_ip, protocol, port)| HostPort {
        host_ip: host_ip.as_str().into(),
        protocol: protocol.into(),
        port,
    })
}

fn container() -> impl Strategy<Value = Container> {
    let requests = amounts_of(&[CPU, MEMORY, "example.com/nic"]);
    let amounts = (requests, amounts_of(&[CPU, MEMORY]));
    let ports = prop::collection::vec(port(), 0..2);
    let all = ("[a-z]{0,3}", "[a-z:]{0,3}", amounts, any::<bool>(), ports);
    all.prop_map(
        |(name, image, (mut requests, limits), restartable, host_ports)| {
            for (resource, amount) in limits.named() {
                requests.insert_if_absent(resource, amount);
            }
            Container {
                name: name.as_str().into(),
                image: image.as_str().into(),
                requests,
                limits,
                host_ports,
                restartable,
            }
        },
    )
}

fn requirements() -> impl Strategy<Value = Vec<Requirement>> {
    use Operator::{DoesNotExist, Exists, Gt, In, Lt, NotIn};
    let operator = prop::sample::select(vec![In, NotIn, Exists, DoesNotExist, Gt, Lt]);
    let one = (word(), operator, words());
    let one = one.prop_map(|(key, operator, values)| Requirement {
        key,
        operator,
        values,
    });
    prop::collection::vec(one, 0..3)
}

fn node_term() -> impl Strategy<Value = NodeSelectorTerm> {
    let all = (requirements(), requirements());
    all.prop_map(|(match_expressions, match_fields)| NodeSelectorTerm {
        match_expressions,
        match_fields,
    })
}

fn selector() -> impl Strategy<Value = Option<LabelSelector>> {
    option::of(requirements().prop_map(|requirements| LabelSelector { requirements }))
}

fn pod_term() -> impl Strategy<Value = PodAffinityTerm> {
    let all = (selector(), word(), words(), selector(), words(), words());
    all.prop_map(
        |(selector, topology_key, namespaces, namespace_selector, matching, mismatching)| {
            PodAffinityTerm {
                selector,
                topology_key,
                namespaces,
                namespace_selector,
                match_label_keys: matching,
                mismatch_label_keys: mismatching,
            }
        },
    )
}

fn affinity() -> impl Strategy<Value = Affinity> {
    let terms = || prop::collection::vec(pod_term(), 0..2);
    let wishes = || prop::collection::vec((1..=100, pod_term()), 0..2);
    let nodes = (
        option::of(prop::collection::vec(node_term(), 0..3)),
        prop::collection::vec((1..=100, node_term()), 0..2),
    );
    (nodes, terms(), terms(), wishes(), wishes()).prop_map(
        |((required, preferred), pods, others, near, far)| Affinity {
            node: NodeAffinity {
                required: required.map(|terms| NodeSelector { terms }),
                preferred,
            },
            required_pod_affinity: pods,
            required_pod_anti_affinity: others,
            preferred_pod_affinity: near,
            preferred_pod_anti_affinity: far,
        },
    )
}

fn toleration() -> impl Strategy<Value = Toleration> {
    use TaintEffect::{NoExecute, NoSchedule, PreferNoSchedule};
    let effect = prop::sample::select(vec![NoSchedule, PreferNoSchedule, NoExecute]);
    let millis = prop_oneof![Just(0), Just(30_000), 0_i64..9_999];
    let key = option::of(word());
    let value = option::of("[a-z]{0,2}".prop_map(|own| own.as_str().into()));
    let all = (key, value, option::of(effect), option::of(millis));
    all.prop_map(|(key, value, effect, millis)| Toleration {
        key,
        value,
        effect,
        tolerates_for: millis.map(Duration::from_millis),
    })
}

fn spread() -> impl Strategy<Value = TopologySpread> {
    let flags = any::<[bool; 3]>();
    let domains = option::of(1..9);
    let all = (1..9, word(), flags, selector(), domains, words());
    all.prop_map(
        |(max_skew, topology_key, flags, selector, min_domains, keys)| TopologySpread {
            max_skew,
            topology_key,
            hard: flags[0],
            selector,
            min_domains,
            honor_node_affinity: flags[1],
            honor_node_taints: flags[2],
            match_label_keys: keys,
        },
    )
}

fn volume() -> impl Strategy<Value = PodVolume> {
    let all = (0..7, word(), words(), any::<bool>());
    all.prop_map(|(kind, name, monitors, read_only)| match kind {
        0 => PodVolume::Claim(name),
        1 => PodVolume::Ephemeral(EphemeralVolume {
            class: name.clone(),
            name,
            request: Quantity::from_units(3),
            is_of_set: false,
        }),
        2 => PodVolume::GceDisk {
            disk: name,
            read_only,
        },
        3 => PodVolume::EbsVolume(name),
        4 => PodVolume::Iscsi { name, read_only },
        5 => PodVolume::Rbd {
            monitors,
            pool: name.clone(),
            image: name,
            read_only,
        },
        _ => PodVolume::Kept(name),
    })
}

fn claims() -> impl Strategy<Value = PodClaims> {
    let one = (word(), word(), any::<bool>());
    let one = one.prop_map(|(name, origin, is_named)| PodClaim {
        name,
        source: if is_named {
            ClaimSource::Named(origin)
        } else {
            ClaimSource::Template(origin)
        },
    });
    prop::collection::vec(one, 0..2).prop_map(PodClaims)
}

/// The settings for which Kubernetes has no field.
fn own_settings(mut spec: PodSpec, given: u8) -> PodSpec {
    let has = |bit: u8| given & (1 << bit) != 0;
    spec.behaviour = has(0).then(|| {
        Arc::new(Behaviour {
            start_time: Some(Duration::from_millis(1_500)),
            run_time: Some("exponential(10s)".into()),
            exit_code: 3,
            exit_plan: "1:1,0;*:7".parse().expect("a plan"),
            local_volumes: vec!["scratch".into()],
            ..Behaviour::default()
        })
    });
    spec.life = has(1).then(|| {
        Arc::new(PodLife {
            restart: RestartPolicy::Never,
            containers: vec![ContainerLife::default()],
            ..PodLife::default()
        })
    });
    spec.server = has(2).then(|| {
        Arc::new(ServerSpec {
            concurrency: Some(3),
            ..ServerSpec::default()
        })
    });
    if has(3) {
        let secret = ConfigReference::Secret("a".into());
        spec.needs = Needs(vec![secret, ConfigReference::ConfigMap("b".into())]);
    }
    spec.manifest = TemplateText(has(4).then(|| "{\"spec\": {}}".into()));
    spec.preempts = has(5);
    if has(6) {
        spec.scheduler_name = "second".into();
        spec.scheduling_gates = vec!["held".into()];
    }
    spec.owner = has(7).then(|| Owner {
        kind: "Job".into(),
        name: "a".into(),
    });
    spec
}

/// A pod with any settings.
pub(crate) fn pod() -> impl Strategy<Value = PodSpec> {
    let texts = (some_labels(), some_labels(), "[a-z\n ]{0,3}");
    let containers = (
        prop::collection::vec(container(), 0..3),
        prop::collection::vec(container(), 0..2),
        amounts_of(&[CPU, MEMORY]),
        amounts_of(&[CPU, MEMORY]),
    );
    let rules = (
        affinity(),
        prop::collection::vec(toleration(), 0..3),
        prop::collection::vec(spread(), 0..2),
        prop::collection::vec(volume(), 0..3),
        claims(),
    );
    (texts, containers, rules, any::<u8>()).prop_map(|(texts, containers, rules, given)| {
        let (labels, node_selector, namespace) = texts;
        let (containers, init_containers, overhead, pod_requests) = containers;
        let (affinity, tolerations, topology_spread, volumes, device_claims) = rules;
        let spec = PodSpec {
            namespace: namespace.as_str().into(),
            labels,
            containers,
            init_containers,
            overhead,
            pod_requests,
            node_selector,
            affinity,
            tolerations,
            topology_spread,
            volumes,
            device_claims,
            ..PodSpec::default()
        };
        own_settings(spec, given)
    })
}
