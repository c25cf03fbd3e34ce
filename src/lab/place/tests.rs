use super::*;
use model::node::HOSTNAME_LABEL;
use model::volume::{CsiNode, PersistentVolume, PersistentVolumeClaim};
use model::{Node, PodSpec, ResourceList, SchedulerConfig, TopologySpread};
use policy::kube_profiles::build_kube_profiles;
use scheduler::kube::PodClass;
use units::Quantity;

fn profile() -> KubeProfile {
    let profiles = build_kube_profiles(&SchedulerConfig::default(), model::Changes::default());
    profiles.expect("the default profile").remove(0)
}

fn cluster(zones: &[&str]) -> Cache {
    let mut cache = Cache::default();
    let nodes = zones.iter().enumerate().map(|(index, zone)| {
        Arc::new(Node {
            name: format!("n{index}").into(),
            labels: [
                (ZONE_LABEL.into(), (*zone).into()),
                (HOSTNAME_LABEL.into(), format!("n{index}").into()),
            ]
            .into(),
            allocatable: ResourceList::from_pairs([
                ("cpu", Quantity::from_units(2)),
                ("memory", Quantity::from_units(1 << 30)),
                ("pods", Quantity::from_units(110)),
            ]),
            ..Node::default()
        })
    });
    cache.add_nodes(nodes).expect("nodes of names of their own");
    cache
}

fn pod(spec: PodSpec) -> PodInfo {
    PodInfo {
        class: Arc::new(
            PodClass::derive(Arc::new(spec), model::Changes::default()).expect("amounts that fit"),
        ),
        name: "more".into(),
        ..PodInfo::default()
    }
}

fn half_a_core() -> PodSpec {
    let mut spec = PodSpec::with_requests(ResourceList::from_pairs([
        ("cpu", Quantity::from_milli(500)),
        ("memory", Quantity::from_units(1 << 20)),
    ]));
    spec.namespace = "default".into();
    spec
}

#[test]
fn replicas_fill_the_nodes_and_cpu_runs_out_first() {
    let cache = cluster(&["a", "a", "b"]);
    let pod = pod(half_a_core());
    assert!(kept::place(&cache, &profile(), &pod, MOST).is_some());
    let placement = place(&cache, &profile(), &pod, MOST).expect("a placement");
    assert_eq!(placement.fits, 12);
    assert_eq!(placement.by_zone, [("a".into(), 8), ("b".into(), 4)]);
    assert_eq!(placement.first_short(), Some("Insufficient cpu"));
    let alone: Vec<(&str, i64, u64)> = placement
        .resources
        .iter()
        .map(|own| (own.resource.as_str(), own.alone, own.short_nodes))
        .collect();
    assert_eq!(
        alone,
        [("cpu", 12, 3), ("memory", 3072, 0), ("pods", 330, 0)]
    );
    let Stop::NoNode(message) = placement.stop else {
        panic!("there is no room for more");
    };
    assert_eq!(
        message,
        "0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate, preemption: \
         0/3 nodes are available: 3 No preemption victims found for incoming pod."
    );
}

#[test]
fn replicas_that_are_asked_for_are_enough() {
    let cache = cluster(&["a", "b"]);
    let placement = place(&cache, &profile(), &pod(half_a_core()), 3).expect("a placement");
    assert_eq!((placement.fits, placement.stop), (3, Stop::Enough));
    assert!(placement.reasons.is_empty());
}

#[test]
fn pods_that_spread_are_followed() {
    let cache = cluster(&["a", "a", "b"]);
    let spec = PodSpec {
        topology_spread: vec![TopologySpread {
            max_skew: 1,
            topology_key: ZONE_LABEL.into(),
            hard: true,
            selector: Some(model::LabelSelector {
                requirements: vec![model::Requirement {
                    key: "app".into(),
                    operator: model::Operator::In,
                    values: vec!["x".into()],
                }],
            }),
            min_domains: None,
            honor_node_affinity: true,
            honor_node_taints: false,
            match_label_keys: Vec::new(),
        }],
        labels: [("app".into(), "x".into())].into(),
        ..half_a_core()
    };
    let pod = pod(spec);
    let plain = place_plainly(&cache, &profile(), &pod, MOST).expect("a placement");
    for form in [Form::Decided, Form::Followed] {
        let placed = form.place(&cache, &profile(), &pod, MOST);
        assert_eq!(placed.as_ref(), Some(&plain), "{form:?}");
    }
    let placement = place(&cache, &profile(), &pod, MOST).expect("a placement");
    // Four fit in zone b, and zone a may have one more.
    assert_eq!(placement.fits, 9);
}

#[test]
fn spreads_that_are_preferred_are_followed_whatever_they_weigh() {
    let named = |index: usize, spec: &PodSpec| {
        let mut pod = pod(spec.clone());
        pod.name = format!("there-{index}").into();
        Arc::new(pod)
    };
    for (max_skew, filled) in (1..=6).flat_map(|skew| (0..=3).map(move |filled| (skew, filled))) {
        let spread = |key: &str| TopologySpread {
            max_skew,
            topology_key: key.into(),
            hard: false,
            selector: Some(model::LabelSelector {
                requirements: vec![model::Requirement {
                    key: "app".into(),
                    operator: model::Operator::In,
                    values: vec!["x".into()],
                }],
            }),
            min_domains: None,
            honor_node_affinity: true,
            honor_node_taints: true,
            match_label_keys: Vec::new(),
        };
        let spec = PodSpec {
            topology_spread: vec![spread(ZONE_LABEL), spread(HOSTNAME_LABEL)],
            labels: [("app".into(), "x".into())].into(),
            ..half_a_core()
        };
        // Pods on a node whose taint keeps the new ones away don't count in its zone.
        let mut cache = cluster(&["a", "a", "b", "c"]);
        let mut closed = Node::clone(&cache.node("n0").expect("a node").object);
        closed.taints = vec![model::Taint {
            key: "own".into(),
            value: "".into(),
            effect: model::TaintEffect::NoSchedule,
        }];
        cache.update_node(closed.into()).expect("amounts that fit");
        let there = (0..3).map(|_| ("n0", spec.clone()));
        let others = (0..filled).map(|_| ("n1", half_a_core()));
        for (index, (node, spec)) in there.chain(others).enumerate() {
            let added = cache.add_pod(named(index, &spec), node);
            added.expect("a node that is there");
        }
        let pod = pod(spec);
        let plain = place_plainly(&cache, &profile(), &pod, MOST).expect("a placement");
        for form in [Form::Decided, Form::Followed] {
            let placed = form.place(&cache, &profile(), &pod, MOST);
            let case = format!("{form:?}, skew {max_skew}, {filled} others");
            assert_eq!(placed.as_ref(), Some(&plain), "{case}");
        }
    }
}

/// Gives a cluster the claim `data` that is bound to a volume of zone `a`, by its affinity or its
/// label, and some nodes a limit for its driver.
fn add_claim(cache: &mut Cache, by_label: bool, limit: Option<i64>) {
    let zone = model::Requirement {
        key: ZONE_LABEL.into(),
        operator: model::Operator::In,
        values: vec!["a".into()],
    };
    let affinity = model::NodeSelector {
        terms: vec![model::NodeSelectorTerm {
            match_expressions: vec![zone],
            match_fields: Vec::new(),
        }],
    };
    let label = by_label.then(|| (ZONE_LABEL.into(), "a".into()));
    let volume = PersistentVolume {
        name: "volume".into(),
        labels: label.into_iter().collect(),
        node_affinity: Some(affinity).filter(|_| !by_label),
        csi: Some(("driver".into(), "handle".into())),
        ..PersistentVolume::default()
    };
    let claim = PersistentVolumeClaim {
        namespace: "default".into(),
        name: "data".into(),
        volume: "volume".into(),
        is_bound: true,
        ..PersistentVolumeClaim::default()
    };
    let objects = &mut *cache.objects;
    objects.volumes.insert("volume".into(), volume);
    objects
        .claims
        .insert(("default".into(), "data".into()), claim);
    let limited = CsiNode {
        name: "n0".into(),
        drivers: vec![("driver".into(), limit)],
    };
    objects.csi_nodes.insert("n0".into(), limited);
}

#[test]
fn pods_with_bound_claims_are_placed_by_kept_answers() {
    let spread = TopologySpread {
        max_skew: 1,
        topology_key: HOSTNAME_LABEL.into(),
        hard: false,
        selector: Some(model::LabelSelector::default()),
        min_domains: None,
        honor_node_affinity: true,
        honor_node_taints: false,
        match_label_keys: Vec::new(),
    };
    for (by_label, limit, spreads) in [
        (false, None, false),
        (true, Some(1), false),
        (false, Some(0), true),
        (true, None, true),
    ] {
        let mut cache = cluster(&["a", "b", "a"]);
        add_claim(&mut cache, by_label, limit);
        let pod = pod(PodSpec {
            volumes: vec![model::PodVolume::Claim("data".into())],
            topology_spread: Some(spread.clone())
                .filter(|_| spreads)
                .into_iter()
                .collect(),
            ..half_a_core()
        });
        let plain = place_plainly(&cache, &profile(), &pod, MOST).expect("a placement");
        let case = format!("by label {by_label}, limit {limit:?}, spreads {spreads}");
        let kept = if spreads { Form::Followed } else { Form::Kept };
        for form in [kept, Form::Decided] {
            let placed = form.place(&cache, &profile(), &pod, MOST);
            assert_eq!(placed.as_ref(), Some(&plain), "{form:?}, {case}");
        }
        let nodes = if limit == Some(0) { 1 } else { 2 };
        assert_eq!(plain.nodes.len(), 4 * nodes, "{case}");
    }
}

#[test]
fn a_gated_pod_fits_nowhere() {
    let spec = PodSpec {
        scheduling_gates: vec!["wait".into()],
        ..half_a_core()
    };
    let placement = place(&cluster(&["a"]), &profile(), &pod(spec), MOST).expect("a placement");
    let text = "waiting for scheduling gates: [wait]".to_owned();
    assert_eq!((placement.fits, placement.stop), (0, Stop::NoNode(text)));
}
