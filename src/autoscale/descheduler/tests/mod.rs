//! The evictions of each strategy.

mod evicting;

use super::*;
use model::objects::Owner;
use model::workload::disruption_budget::BudgetStatus;
use model::workload::{PodDisruptionBudget, ReplicaSet};
use model::{
    Behaviour, ContainerKind, DeviceSet, Node, Object, ObjectChange, Operator, PodAffinityTerm,
    PodChange, PodCreated, PodName, PodOwner, PodRef, Requirement, ResourceList, Restarts, Taint,
    TaintEffect, Toleration, TopologySpread,
};
use units::{NodeId, ObjectId, Quantity, TenantId};

struct World {
    store: Store,
    now: Instant,
}

fn app(name: &str) -> LabelSelector {
    LabelSelector {
        requirements: vec![Requirement {
            key: "app".into(),
            operator: Operator::In,
            values: vec![name.into()],
        }],
    }
}

/// A pod of one core that the replica set made.
fn pod() -> PodSpec {
    let requests = ResourceList::from_pairs([("cpu", Quantity::from_units(1))]);
    PodSpec {
        namespace: "default".into(),
        labels: [("app".into(), "shop".into())].into(),
        owner: Some(Owner {
            kind: "ReplicaSet".into(),
            name: "shop".into(),
        }),
        ..PodSpec::with_requests(requests)
    }
}

fn node(number: usize) -> Node {
    let units = Quantity::from_units;
    let offers = [
        ("cpu", units(10)),
        ("memory", units(1 << 30)),
        ("pods", units(110)),
    ];
    Node {
        name: format!("n{number}").into(),
        labels: [("zone".into(), format!("z{number}").into())].into(),
        allocatable: ResourceList::from_pairs(offers),
        ..Node::default()
    }
}

impl World {
    fn new(nodes: usize) -> Self {
        let mut world = Self {
            store: Store::new(),
            now: Instant::ZERO,
        };
        for number in 0..nodes {
            world.add_node(node(number));
        }
        let object = Object::ReplicaSet(ReplicaSet::default().into());
        let (id, owner) = (ObjectId(0), None);
        world.apply(Event::Object(ObjectChange::Created { id, owner, object }));
        world
    }

    fn apply(&mut self, event: Event) {
        self.store.apply(self.now, event).expect("it is in order");
    }

    fn add_node(&mut self, node: Node) -> NodeId {
        let added = self.store.node_added(node.into());
        let Event::NodeAdded { node, .. } = added else {
            unreachable!("it adds a node");
        };
        self.apply(added);
        self.apply(Event::NodeReadiness { node, ready: true });
        node
    }

    fn place(&mut self, spec: &PodSpec, node: usize, count: usize) -> Vec<PodRef> {
        let object = Arc::new(spec.clone());
        if let Some(added) = self.store.class_added(&object) {
            self.apply(added);
        }
        let class = self.store.class_of(&object).expect("it was added");
        let pods = (0..count).map(|_| {
            let pod = self.store.pods().next();
            self.apply(Event::PodCreated(PodCreated {
                pod,
                class,
                name: PodName::Job(u64::from(pod.id.0)),
                tenant: TenantId(0),
                gang: None,
                time_limit: None,
                estimate: None,
                found: None,
                owner: Some(PodOwner::new(ObjectId(0), 0)),
            }));
            let (node, devices) = (NodeId::from_index(node), DeviceSet::EMPTY);
            self.apply(Event::PodBound { pod, node, devices });
            self.apply(Event::PodRunning { pod });
            let change = PodChange::Ready(true);
            self.apply(Event::PodChanged { pod, change });
            pod
        });
        pods.collect()
    }

    fn taint(&mut self, number: usize, effect: TaintEffect) {
        let taint = Taint {
            key: "dedicated".into(),
            value: "batch".into(),
            effect,
        };
        let object = Node {
            taints: vec![taint],
            ..node(number)
        };
        let (node, object) = (NodeId::from_index(number), object.into());
        self.apply(Event::NodeUpdated { node, object });
    }

    /// The pods that a loop evicts.
    fn evicted(&self, options: DeschedulerOptions) -> Vec<PodRef> {
        let mut descheduler = Descheduler::new(options);
        let mut out = Outbox::default();
        descheduler.step(self.now, &self.store, &mut out);
        let orders = out.writes.iter().filter_map(|write| match write.event {
            Event::PodChanged {
                pod,
                change: PodChange::Terminating { .. },
            } => Some(pod),
            _ => None,
        });
        orders.collect()
    }

    fn evicted_by(&self, strategy: Strategy) -> Vec<PodRef> {
        self.evicted(by(strategy))
    }
}

fn by(strategy: Strategy) -> DeschedulerOptions {
    DeschedulerOptions {
        interval: Duration::from_secs(300),
        strategies: vec![strategy],
        ..DeschedulerOptions::default()
    }
}

fn duplicates() -> Strategy {
    Strategy::Duplicates(RemoveDuplicates::default())
}

fn shares(cpu: i64) -> Shares {
    [("cpu".into(), cpu * 10_000)].into()
}

fn low(thresholds: i64, targets: i64) -> LowNodeUtilization {
    LowNodeUtilization {
        thresholds: shares(thresholds),
        targets: shares(targets),
        ..LowNodeUtilization::default()
    }
}

#[test]
fn a_full_node_gives_pods_away_until_it_is_no_more_than_its_target() {
    let mut world = World::new(3);
    let pods = world.place(&pod(), 0, 8);
    world.place(&pod(), 1, 3);
    let check = |strategy: LowNodeUtilization, expected: usize| {
        let evicted = world.evicted_by(Strategy::LowUtilization(strategy));
        assert_eq!(evicted, pods[..expected]);
    };
    // Eight of ten cores: three go, then five are requested.
    check(low(20, 50), 3);
    check(low(20, 79), 1);
    check(low(20, 80), 0);
    // No other node is used so little, or not enough of them.
    let number_of_nodes = 1;
    check(
        LowNodeUtilization {
            number_of_nodes,
            ..low(20, 50)
        },
        0,
    );
    // The mean is 36.7 %: nodes under 6.7 % are used little, those over 66.7 % much.
    let by_deviation = true;
    check(
        LowNodeUtilization {
            by_deviation,
            ..low(30, 30)
        },
        2,
    );
    // Nothing may go beyond what the others can take: one node takes five cores up to its target.
    check(low(20, 10), 1);
    let excluded = vec!["default".into()];
    check(
        LowNodeUtilization {
            excluded,
            ..low(20, 50)
        },
        0,
    );
}

#[test]
fn nodes_that_are_used_little_are_emptied_onto_the_others() {
    let mut world = World::new(3);
    world.place(&pod(), 0, 8);
    let two = world.place(&pod(), 1, 2);
    let one = world.place(&pod(), 2, 1);
    let strategy = HighNodeUtilization {
        thresholds: shares(20),
        ..HighNodeUtilization::default()
    };
    // The emptiest first; the full node takes two cores more.
    let evicted = world.evicted_by(Strategy::HighUtilization(strategy.clone()));
    assert_eq!(evicted, [one[0], two[0]]);
    // If all are used little there is nowhere to go.
    let strategy = HighNodeUtilization {
        thresholds: shares(90),
        ..strategy
    };
    assert_eq!(world.evicted_by(Strategy::HighUtilization(strategy)), []);
}

#[test]
fn duplicates_go_down_to_an_even_spread() {
    let mut world = World::new(3);
    let pods = world.place(&pod(), 0, 4);
    assert_eq!(world.evicted_by(duplicates()), pods[2..]);
    // Two nodes of three are closed to them.
    world.taint(1, TaintEffect::NoSchedule);
    assert_eq!(world.evicted_by(duplicates()), pods[2..]);
    world.taint(2, TaintEffect::NoSchedule);
    assert_eq!(world.evicted_by(duplicates()), []);
    let strategy = RemoveDuplicates {
        excluded_kinds: vec!["ReplicaSet".into()],
        ..RemoveDuplicates::default()
    };
    assert_eq!(World::new(2).evicted_by(Strategy::Duplicates(strategy)), []);
}

#[test]
fn a_class_that_one_node_alone_takes_does_not_widen_an_even_spread() {
    let mut world = World::new(3);
    let only = |node: usize| {
        let mut spec = pod();
        spec.node_selector = [("zone".into(), format!("z{node}").into())].into();
        spec
    };
    // The third node is open to its own class alone: six pods over two nodes are three on each.
    world.taint(2, TaintEffect::NoSchedule);
    let pods = world.place(&pod(), 0, 4);
    let mut spec = only(2);
    spec.tolerations = vec![Toleration {
        key: None,
        value: None,
        effect: None,
        tolerates_for: None,
    }];
    world.place(&spec, 2, 2);
    assert_eq!(world.evicted_by(duplicates()), pods[3..]);
}

#[test]
fn no_domain_gives_more_pods_than_it_has_above_the_mean() {
    let mut world = World::new(5);
    let spec = PodSpec {
        topology_spread: vec![TopologySpread {
            max_skew: 1,
            topology_key: "zone".into(),
            hard: true,
            selector: Some(app("shop")),
            min_domains: None,
            honor_node_affinity: true,
            honor_node_taints: false,
            match_label_keys: Vec::new(),
        }],
        ..pod()
    };
    // Twenty pods over five domains: four domains are above the mean by one pod.
    let pods: Vec<Vec<PodRef>> = (0..5)
        .map(|node| world.place(&spec, node, if node == 0 { 0 } else { 5 }))
        .collect();
    let strategy = RemovePodsViolatingTopologySpread::default();
    let mut evicted = world.evicted_by(Strategy::TopologySpread(strategy));
    evicted.sort_unstable_by_key(|pod| pod.id);
    let expected: Vec<PodRef> = pods[1..].iter().map(|own| own[4]).collect();
    assert_eq!(evicted, expected);
}

#[test]
fn domains_are_brought_to_their_mean_by_the_fewest_pods() {
    let mut world = World::new(6);
    let spread = TopologySpread {
        max_skew: 1,
        topology_key: "zone".into(),
        hard: true,
        selector: Some(app("shop")),
        min_domains: None,
        honor_node_affinity: true,
        honor_node_taints: false,
        match_label_keys: Vec::new(),
    };
    let spec = PodSpec {
        topology_spread: vec![spread.clone()],
        ..pod()
    };
    let pods: Vec<Vec<PodRef>> = [2, 5, 3, 8, 5, 7]
        .into_iter()
        .enumerate()
        .map(|(node, count)| world.place(&spec, node, count))
        .collect();
    let strategy = RemovePodsViolatingTopologySpread {
        balances_by_fit: true,
        ..RemovePodsViolatingTopologySpread::default()
    };
    let strategy = Strategy::TopologySpread(strategy);
    let expected: Vec<PodRef> = pods[3][5..].iter().chain(&pods[5][5..]).copied().collect();
    assert_eq!(world.evicted_by(strategy.clone()), expected);
    // A constraint that is only preferred is not looked at unless that is asked for.
    let mut soft = World::new(2);
    let spec = PodSpec {
        topology_spread: vec![TopologySpread {
            hard: false,
            ..spread
        }],
        ..pod()
    };
    let pods = soft.place(&spec, 0, 4);
    assert_eq!(soft.evicted_by(strategy), []);
    let strategy = RemovePodsViolatingTopologySpread {
        includes_soft: true,
        ..RemovePodsViolatingTopologySpread::default()
    };
    let evicted = soft.evicted_by(Strategy::TopologySpread(strategy));
    assert_eq!(evicted, pods[2..]);
}

#[test]
fn pods_go_that_do_not_tolerate_a_new_taint() {
    let mut world = World::new(2);
    let pods = world.place(&pod(), 0, 2);
    let strategy = RemovePodsViolatingNodeTaints::default();
    let check = |world: &World, own: &RemovePodsViolatingNodeTaints, expected: &[PodRef]| {
        let evicted = world.evicted_by(Strategy::NodeTaints(own.clone()));
        assert_eq!(evicted, expected);
    };
    check(&world, &strategy, &[]);
    world.taint(0, TaintEffect::NoSchedule);
    check(&world, &strategy, &pods);
    for excluded in ["dedicated", "dedicated=batch"] {
        let own = RemovePodsViolatingNodeTaints {
            excluded: vec![excluded.into()],
            ..strategy.clone()
        };
        check(&world, &own, &[]);
    }
    world.taint(0, TaintEffect::PreferNoSchedule);
    check(&world, &strategy, &[]);
    let own = RemovePodsViolatingNodeTaints {
        includes_preferred: true,
        ..strategy
    };
    check(&world, &own, &pods);
}

#[test]
fn pods_go_that_are_not_where_their_affinity_wants_them() {
    let mut world = World::new(2);
    let mut spec = pod();
    let term = model::NodeSelectorTerm {
        match_expressions: vec![Requirement {
            key: "zone".into(),
            operator: Operator::In,
            values: vec!["z1".into()],
        }],
        ..model::NodeSelectorTerm::default()
    };
    spec.affinity.node.preferred = vec![(10, term.clone())];
    let prefers = world.place(&spec, 0, 1);
    spec.affinity.node.preferred.clear();
    spec.affinity.node.required = Some(model::NodeSelector { terms: vec![term] });
    let requires = world.place(&spec, 0, 1);
    world.place(&spec, 1, 1);
    for (required, preferred, expected) in [
        (true, false, requires.clone()),
        (false, true, prefers.clone()),
        (true, true, [requires, prefers].concat()),
    ] {
        let strategy = RemovePodsViolatingNodeAffinity {
            required,
            preferred,
            scope: Scope::default(),
        };
        assert_eq!(world.evicted_by(Strategy::NodeAffinity(strategy)), expected);
    }
}

#[test]
fn of_pods_that_must_not_be_together_all_but_one_go() {
    let mut world = World::new(3);
    let mut spec = pod();
    spec.affinity.required_pod_anti_affinity = vec![PodAffinityTerm {
        selector: Some(app("shop")),
        topology_key: "zone".into(),
        namespaces: Vec::new(),
        namespace_selector: None,
        match_label_keys: Vec::new(),
        mismatch_label_keys: Vec::new(),
    }];
    let pods = world.place(&spec, 0, 3);
    let alone = world.place(&spec, 1, 1);
    let strategy = RemovePodsViolatingInterPodAntiAffinity::default();
    let evicted = world.evicted_by(Strategy::PodAntiAffinity(strategy.clone()));
    assert_eq!(evicted, pods[..2]);
    // Beside a pod that does not mind, the one that does goes.
    world.place(&pod(), 1, 1);
    let evicted = world.evicted_by(Strategy::PodAntiAffinity(strategy));
    assert_eq!(evicted, [&pods[..2], &alone[..]].concat());
}

#[test]
fn pods_go_that_are_old_or_never_come_up() {
    let mut world = World::new(2);
    let old = world.place(&pod(), 0, 1);
    world.now = Instant::from_secs(60);
    let young = world.place(&pod(), 0, 1);
    world.now = Instant::from_secs(100);
    let pod = young[0];
    let counts = [
        (ContainerKind::Sidecar, 4),
        (ContainerKind::App, 3),
        (ContainerKind::App, 2),
    ];
    let change = PodChange::Restarted(Restarts::of(counts));
    world.apply(Event::PodChanged { pod, change });
    let lives = |secs: i64, states: Vec<PodState>| {
        world.evicted_by(Strategy::LifeTime(PodLifeTime {
            most: Duration::from_secs(secs),
            states,
            scope: Scope::default(),
        }))
    };
    assert_eq!(lives(99, vec![]), old);
    assert_eq!(lives(100, vec![]), []);
    assert_eq!(lives(10, vec![PodState::Running]), [old[0], young[0]]);
    assert_eq!(lives(10, vec![PodState::Pending]), []);
    // Counts add up, those of init containers on request.
    let cases = [
        (5, false, &young[..]),
        (6, false, &[]),
        (9, true, &young[..]),
        (10, true, &[]),
    ];
    for (threshold, includes_init, expected) in cases {
        let strategy = RemovePodsHavingTooManyRestarts {
            threshold,
            includes_init,
            scope: Scope::default(),
        };
        assert_eq!(world.evicted_by(Strategy::Restarts(strategy)), expected);
    }
}
