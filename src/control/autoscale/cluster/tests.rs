//! The worked example of the specification (kubernetes.md 3.3), delays, rules and findings, over
//! a cluster that looks at room alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::control::scheduler::kube::{CacheError, NodeInfo, PodClass, PodInfo};
use crate::model::{Container, GpuRequest, Node, PodSpec, ResourceList, Text};
use crate::rng::Stream;
use crate::units::{Duration, Instant, Quantity};

const GIB: i64 = 1024 * 1024 * 1024;

/// A scheduler that looks at cpu and memory.
#[derive(Clone, Default)]
struct Room {
    names: Vec<Text>,
    nodes: BTreeMap<Text, NodeInfo>,
}

impl Cluster for Room {
    fn nodes(&self) -> &[Text] {
        &self.names
    }

    fn find(
        &self,
        pod: &PodInfo,
        nodes: &mut dyn Iterator<Item = &Text>,
        until: &mut dyn FnMut(Fit) -> bool,
    ) -> Option<usize> {
        let mut nodes = nodes;
        Iterator::position(&mut nodes, |name| {
            let Some(node) = self.nodes.get(name) else {
                return until(Fit::No);
            };
            let asked = &pod.class.requests;
            let (offered, used) = (&node.allocatable, &node.requested);
            let fits = used.cpu_milli + asked.cpu_milli <= offered.cpu_milli
                && used.memory + asked.memory <= offered.memory;
            until(if fits { Fit::Yes } else { Fit::No })
        })
    }

    fn add_node(&mut self, node: Arc<Node>, pods: &[Arc<PodInfo>]) -> Result<(), CacheError> {
        let name = node.name.clone();
        self.nodes.insert(name.clone(), NodeInfo::new(node)?);
        self.names.push(name.clone());
        pods.iter()
            .try_for_each(|pod| self.place(pod.clone(), &name))
    }

    fn remove_node(&mut self, name: &str) {
        self.nodes.remove(name);
        self.names.retain(|own| **own != *name);
    }

    fn place(&mut self, pod: Arc<PodInfo>, node: &str) -> Result<(), CacheError> {
        if let Some(node) = self.nodes.get_mut(node) {
            node.add_pod(pod);
        }
        Ok(())
    }

    fn displace(&mut self, pod: &PodInfo, node: &str) {
        if let Some(node) = self.nodes.get_mut(node) {
            node.remove_pod(pod);
        }
    }
}

fn amounts(cpu_milli: i64, memory: i64) -> ResourceList {
    ResourceList::from_pairs([
        ("cpu", Quantity::from_milli(cpu_milli)),
        ("memory", Quantity::from_units(memory)),
    ])
}

fn node(name: &str, cpu_milli: i64, memory: i64) -> Arc<Node> {
    Arc::new(Node {
        name: name.into(),
        allocatable: amounts(cpu_milli, memory),
        capacity: amounts(cpu_milli, memory),
        ..Node::default()
    })
}

fn class(cpu_milli: i64, memory: i64, priority: i32) -> Arc<PodClass> {
    let spec = PodSpec {
        namespace: "default".into(),
        priority,
        containers: vec![Container {
            requests: amounts(cpu_milli, memory),
            ..Container::default()
        }],
        ..PodSpec::default()
    };
    Arc::new(PodClass::derive(Arc::new(spec)).expect("amounts that fit"))
}

fn pods(name: &str, class: &Arc<PodClass>, count: usize) -> Vec<Arc<PodInfo>> {
    let pod = |number| PodInfo {
        class: class.clone(),
        name: format!("{name}-{number}").into(),
        ..PodInfo::default()
    };
    (0..count).map(|number| Arc::new(pod(number))).collect()
}

fn template(cpu_milli: i64, memory: i64) -> Template {
    Template {
        node: node("template", cpu_milli, memory),
        daemons: Vec::new(),
    }
}

#[test]
fn three_nodes_hold_the_pods_of_the_example() {
    let groups = [
        PodGroup {
            pods: pods("a", &class(2000, 2 * GIB, 0), 3),
        },
        PodGroup {
            pods: pods("b", &class(1000, 6 * GIB, 0), 4),
        },
    ];
    let own = estimate(&Room::default(), &template(4000, 16 * GIB), &groups, 0);
    let own = own.expect("names that differ");
    assert_eq!((own.nodes, own.scheduled), (3, vec![3, 4]));
    let limited = estimate(&Room::default(), &template(4000, 16 * GIB), &groups, 2);
    let limited = limited.expect("names that differ");
    assert_eq!((limited.nodes, limited.scheduled), (2, vec![3, 2]));
}

fn group(id: &str, cpu_milli: i64) -> NodeGroup {
    NodeGroup {
        id: id.into(),
        min: 0,
        max: 10,
        target: 0,
        template: Some(template(cpu_milli, 16 * GIB)),
        instance_type: None,
        quota: None,
    }
}

fn pending(count: usize, age_secs: i64) -> Vec<PendingPod> {
    let pods = pods("p", &class(1000, GIB, 0), count).into_iter();
    pods.map(|info| PendingPod {
        info,
        age: Duration::from_secs(age_secs),
    })
    .collect()
}

fn plan(grower: &mut Grower, at: i64, groups: &[NodeGroup], pods: &[PendingPod]) -> Growth {
    let mut rng = Stream::new(1, "expander", 0);
    let asked = (groups, Health::default());
    let now = Instant::from_secs(at);
    let growth = grower.plan(now, &Room::default(), asked, pods, &mut rng);
    growth.expect("names that differ")
}

fn grow(group: &str, nodes: usize, pods: usize) -> Growth {
    Growth::Grow {
        group: group.into(),
        nodes,
        pods,
        others: Vec::new(),
    }
}

#[test]
fn the_group_with_the_least_waste_grows_and_ordered_nodes_count() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("large", 16_000), group("small", 4000)];
    assert_eq!(
        plan(&mut grower, 0, &groups, &pending(4, 0)),
        Growth::TooYoung
    );
    assert_eq!(
        plan(&mut grower, 10, &groups, &pending(4, 10)),
        grow("small", 1, 4)
    );
    assert_eq!(
        plan(&mut grower, 20, &groups, &pending(4, 20)),
        Growth::NotNeeded
    );
    assert_eq!(
        plan(&mut grower, 30, &groups, &pending(5, 20)),
        grow("small", 1, 1)
    );
    assert_eq!(grower.ordered(), 2);
    grower.registered("small");
    assert_eq!(grower.ordered(), 1);
}

#[test]
fn pods_that_ask_for_gpus_are_waited_for_longer() {
    let spec = PodSpec {
        gpu: GpuRequest {
            devices: 1,
            milli_per_device: 1000,
            models: Vec::new(),
        },
        ..PodSpec::clone(&class(1000, GIB, 0).spec)
    };
    let class = Arc::new(PodClass::derive(Arc::new(spec)).expect("amounts that fit"));
    let info = pods("g", &class, 1).remove(0);
    for (age, expected) in [(29, Growth::TooYoung), (30, grow("only", 1, 1))] {
        let waiting = [PendingPod {
            info: info.clone(),
            age: Duration::from_secs(age),
        }];
        let mut grower = Grower::new(GrowSettings::default());
        let found = plan(&mut grower, 0, &[group("only", 4000)], &waiting);
        assert_eq!(found, expected, "{age}");
    }
}

#[test]
fn pods_that_are_too_new_do_not_count() {
    let settings = GrowSettings {
        new_pod_delay: Duration::from_secs(60),
        ..GrowSettings::default()
    };
    let mut grower = Grower::new(settings);
    let groups = [group("only", 4000)];
    assert_eq!(
        plan(&mut grower, 0, &groups, &pending(4, 59)),
        Growth::NotNeeded
    );
    assert_eq!(
        plan(&mut grower, 1, &groups, &pending(4, 60)),
        grow("only", 1, 4)
    );
}

#[test]
fn similar_groups_share_new_nodes() {
    let settings = GrowSettings {
        balances: true,
        ..GrowSettings::default()
    };
    let mut grower = Grower::new(settings);
    let mut groups = [group("a", 4000), group("b", 4000), group("c", 8000)];
    groups[0].target = 2;
    // Five nodes of four cores: `b` catches up with `a` first, then they take turns.
    let growth = plan(&mut grower, 0, &groups[..2], &pending(20, 10));
    let expected = Growth::Grow {
        group: "a".into(),
        nodes: 2,
        pods: 20,
        others: vec![("b".into(), 3)],
    };
    let other = Growth::Grow {
        group: "b".into(),
        nodes: 3,
        pods: 20,
        others: vec![("a".into(), 2)],
    };
    assert!(growth == expected || growth == other, "{growth:?}");
    assert_eq!(grower.ordered(), 5);
}

#[test]
fn nodes_that_do_not_come_back_their_group_off_twice_as_long_each_time() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("only", 4000)];
    assert_eq!(
        plan(&mut grower, 10, &groups, &pending(4, 10)),
        grow("only", 1, 4)
    );
    assert_eq!(grower.expire(Instant::from_secs(910)), []);
    let late = grower.expire(Instant::from_secs(911));
    assert_eq!(late, [("only".into(), 1)]);
    assert_eq!(
        plan(&mut grower, 1210, &groups, &pending(4, 99)),
        Growth::NoOption
    );
    assert_eq!(
        plan(&mut grower, 1211, &groups, &pending(4, 99)),
        grow("only", 1, 4)
    );
    grower.failed(&"only".into(), Instant::from_secs(1300));
    assert!(grower.is_backed_off("only", Instant::from_secs(1899)));
    assert!(!grower.is_backed_off("only", Instant::from_secs(1900)));
}

#[test]
fn an_unhealthy_cluster_is_left_alone_and_expendable_pods_wait() {
    let mut grower = Grower::new(GrowSettings::default());
    let groups = [group("only", 4000)];
    let mut rng = Stream::new(1, "expander", 0);
    for (unready, expected) in [(5, Growth::Unhealthy), (4, grow("only", 1, 4))] {
        let health = Health { nodes: 10, unready };
        let asked = (&groups[..], health);
        let pods = pending(4, 10);
        let own = grower.plan(Instant::ZERO, &Room::default(), asked, &pods, &mut rng);
        assert_eq!(own.expect("names that differ"), expected);
    }
    let low: Vec<PendingPod> = pods("low", &class(1000, GIB, -11), 3)
        .into_iter()
        .map(|info| PendingPod {
            info,
            age: Duration::from_secs(60),
        })
        .collect();
    assert_eq!(plan(&mut grower, 0, &groups, &low), Growth::NotNeeded);
}

#[test]
fn expanders_narrow_down_in_a_chain() {
    let node = node("n", 4000, 16 * GIB);
    let pod = pods("p", &class(1000, GIB, 0), 1);
    let choice = |group: &str, nodes, count| Choice {
        group: group.into(),
        node: &node,
        nodes,
        pods: vec![(&*pod[0], count)],
    };
    let choices = [choice("spot-a", 2, 6), choice("b", 1, 4), choice("c", 2, 6)];
    let prices = Prices {
        nodes: BTreeMap::from([("spot-a".into(), 30), ("b".into(), 30), ("c".into(), 90)]),
        core: 10,
        gibibyte: 1,
    };
    let priorities = vec![
        Priority {
            value: 10,
            patterns: vec!["^nothing$".to_owned()],
        },
        Priority {
            value: 5,
            patterns: vec!["^spot-.*".to_owned(), "c$".to_owned()],
        },
    ];
    let mut rng = Stream::new(1, "expander", 0);
    for (expander, expected) in [
        (Expander::MostPods, vec![0, 2]),
        (Expander::LeastNodes, vec![1]),
        (Expander::LeastWaste, vec![1]),
        (Expander::Price(prices), vec![1]),
        (Expander::Priority(priorities.clone()), vec![0, 2]),
    ] {
        assert_eq!(
            expander.keep(&choices, &mut rng),
            expected,
            "{}",
            expander.name()
        );
    }
    let chain = [
        Expander::MostPods,
        Expander::Priority(priorities),
        Expander::Random,
    ];
    assert!(matches!(choose(&chain, &choices, &mut rng), Some(0 | 2)));
    assert_eq!(balance(&[(3, 10), (1, 10), (1, 2)], 5), [1, 3, 1]);
}

#[test]
fn wrong_groups_and_prices_are_told() {
    let mut wrong = group("g", 4000);
    (wrong.min, wrong.max, wrong.quota) = (3, 2, Some(0));
    wrong.template = None;
    wrong.instance_type = Some("m9.huge".into());
    let told: Vec<String> = wrong
        .findings(&["m5.large".into()])
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        told,
        [
            "node group g: min: 3 is above max 2; lower it, or raise max",
            "node group g: template: missing; expected a node template, as the group has no node \
             to copy",
            "node group g: instanceType: no instance type is named `m9.huge`; there are m5.large",
            "node group g: quota: 0 is out of range; expected 1 or more, or none for no limit",
        ]
    );
    let prices = Prices {
        nodes: BTreeMap::from([("g".into(), -5)]),
        ..Prices::default()
    };
    let told = Expander::Price(prices).findings();
    assert_eq!(
        told[0].to_string(),
        "expander price: prices.nodes.g: -5 is out of range; expected 0 or more"
    );
}

fn node_pod(name: &str, controller: PodController) -> NodePod {
    NodePod {
        name: name.into(),
        namespace: "default".into(),
        controller,
        end: PodEnd::Running,
        age: Duration::from_secs(60),
        deletion: None,
        safe_to_evict: None,
        local_volumes: std::collections::BTreeSet::new(),
        budgets: Vec::new(),
        requests: NodeAmounts {
            cpu_milli: 500,
            memory_bytes: GIB,
            gpus: 0,
        },
    }
}

/// Nodes of one group, each with so many pods of half a core.
fn world(counts: &[usize], controller: PodController) -> (Room, Vec<ShrinkNode>) {
    let mut room = Room::default();
    let mut nodes = Vec::new();
    for (place, &count) in counts.iter().enumerate() {
        let name = format!("n{place}");
        let own = pods(&format!("p{place}"), &class(500, GIB, 0), count);
        room.add_node(node(&name, 4000, 16 * GIB), &own)
            .expect("names that differ");
        let key = |pod: &Arc<PodInfo>| (pod.spec().namespace.clone(), pod.name.text());
        nodes.push(ShrinkNode {
            name: name.into(),
            group: Some("g".into()),
            amounts: NodeAmounts {
                cpu_milli: 4000,
                memory_bytes: 16 * GIB,
                gpus: 0,
            },
            is_ready: true,
            is_kept: false,
            pods: own
                .iter()
                .map(|pod| node_pod(&pod.name.text(), controller))
                .collect(),
            infos: own.iter().map(|pod| (key(pod), pod.clone())).collect(),
        });
    }
    (room, nodes)
}

fn shrink(
    shrinker: &mut Shrinker,
    at: i64,
    (room, nodes): &(Room, Vec<ShrinkNode>),
    min: usize,
) -> ShrinkPlan {
    let size = GroupSize {
        nodes: nodes.len(),
        min,
    };
    let seen = ShrinkView {
        nodes,
        groups: &BTreeMap::from([("g".into(), size)]),
        budgets: &Budgets::default(),
        going: (0, 0),
    };
    let plan = shrinker.plan(Instant::from_secs(at), room, &seen);
    plan.expect("nodes that are there")
}

fn names(plan: &ShrinkPlan) -> Vec<&str> {
    plan.removals.iter().map(|own| &*own.node).collect()
}

#[test]
fn a_node_goes_when_it_was_unneeded_for_more_than_ten_minutes() {
    let world = world(&[1, 0, 3], PodController::Replicating);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    for (at, expected) in [(0, vec![]), (600, vec![]), (601, vec!["n1", "n0"])] {
        assert_eq!(
            names(&shrink(&mut shrinker, at, &world, 0)),
            expected,
            "at {at}"
        );
    }
    shrinker.grew(Instant::from_secs(650));
    assert_eq!(
        names(&shrink(&mut shrinker, 1249, &world, 0)),
        Vec::<&str>::new()
    );
    assert_eq!(names(&shrink(&mut shrinker, 1250, &world, 0)), ["n1", "n0"]);
    // A group keeps its minimum, also of several that could go at once.
    assert_eq!(names(&shrink(&mut shrinker, 1260, &world, 2)), ["n1"]);
    assert_eq!(
        names(&shrink(&mut shrinker, 1270, &world, 3)),
        Vec::<&str>::new()
    );
}

#[test]
fn pods_without_a_controller_keep_their_node() {
    let world = world(&[1, 1], PodController::None);
    let mut shrinker = Shrinker::new(ShrinkSettings::default());
    let plan = shrink(&mut shrinker, 0, &world, 0);
    let why = Kept::Blocked(Blocked::NotReplicated);
    assert_eq!(plan.kept, [("n0".into(), why), ("n1".into(), why)]);
    let plan = shrink(&mut shrinker, 299, &world, 0);
    assert!(
        plan.kept
            .iter()
            .all(|(_, why)| *why == Kept::RecentlyUnremovable)
    );
    assert_eq!(shrink(&mut shrinker, 300, &world, 0).kept.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    /// No node goes before its delay, none below the minimum, none that is used or blocked, no
    /// more drained than allowed, and never all nodes that pods would need.
    #[test]
    fn removals_keep_every_rule(
        counts in prop::collection::vec(0_usize..8, 1..8),
        min in 0_usize..4,
        blocked in any::<bool>(),
        steps in prop::collection::vec(1_i64..400, 1..12),
    ) {
        let controller = if blocked {
            PodController::None
        } else {
            PodController::Replicating
        };
        let world = world(&counts, controller);
        let mut shrinker = Shrinker::new(ShrinkSettings::default());
        let mut now = 0;
        for step in steps {
            now += step;
            let plan = shrink(&mut shrinker, now, &world, min);
            prop_assert!(plan.removals.len() <= counts.len().saturating_sub(min));
            let drained = plan.removals.iter().filter(|own| !own.evicted.is_empty());
            prop_assert!(drained.count() <= 1);
            let mut kept_cpu = 0;
            for (node, &count) in world.1.iter().zip(&counts) {
                let Some(removal) = plan.removals.iter().find(|own| own.node == node.name) else {
                    kept_cpu += 4000 - 500 * count as i64;
                    continue;
                };
                let since = plan.unneeded[&node.name];
                prop_assert!(Instant::from_secs(now).since(since) > Duration::from_secs(600));
                prop_assert!(count <= 4);
                prop_assert!(!blocked || count == 0);
                prop_assert_eq!(removal.evicted.len(), count);
            }
            let evicted: usize = plan.removals.iter().map(|own| own.evicted.len()).sum();
            prop_assert!(500 * evicted as i64 <= kept_cpu);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 16,
        ..ProptestConfig::default()
    })]

    /// Thousands of loops while pods come and go: a node goes only after more than ten minutes in
    /// which every loop found it unneeded, never one whose pod may not be evicted, and the group
    /// keeps its minimum.
    #[test]
    fn thousands_of_loops_keep_every_rule(
        steps in prop::collection::vec((0_usize..6, 0_usize..7, 1_i64..40), 1_000..3_000),
        pinned in 0_usize..6,
        min in 0_usize..5,
    ) {
        let mut counts = vec![1_usize; 6];
        let mut shrinker = Shrinker::new(ShrinkSettings::default());
        let mut since: BTreeMap<Text, i64> = BTreeMap::new();
        let mut now = 0;
        for (which, count, secs) in steps {
            now += secs;
            // Changes are rarer than loops, so that nodes have their time.
            if count < 3 {
                counts[which] = 2 * count;
            }
            let mut world = world(&counts, PodController::Replicating);
            for pod in &mut world.1[pinned].pods {
                pod.safe_to_evict = Some(SafeToEvict::No);
            }
            let plan = shrink(&mut shrinker, now, &world, min);
            since.retain(|name, _| plan.unneeded.contains_key(name));
            for name in plan.unneeded.keys() {
                since.entry(name.clone()).or_insert(now);
            }
            prop_assert!(plan.removals.len() <= counts.len().saturating_sub(min));
            for removal in &plan.removals {
                prop_assert!(now - since[&removal.node] > 600, "{removal:?} at {now}");
                let place = world.1.iter().position(|own| own.name == removal.node);
                let place = place.expect("a node that is there");
                prop_assert!(place != pinned || counts[pinned] == 0, "{removal:?}");
                prop_assert_eq!(removal.evicted.len(), counts[place]);
                // Its pods find a place elsewhere, and an empty one takes its place.
                for _ in 0..counts[place] {
                    let open = (0..6).filter(|&other| other != place && counts[other] < 8);
                    if let Some(other) = open.min_by_key(|&other| counts[other]) {
                        counts[other] += 1;
                    }
                }
                counts[place] = 0;
            }
        }
    }

    /// Whatever is asked for thousands of times: groups keep to their most, nothing is ordered of a
    /// group that is left alone, and what is ordered is counted until it comes or fails.
    #[test]
    fn thousands_of_orders_keep_to_their_groups(
        steps in prop::collection::vec((0_usize..12, 0_u8..8, 1_i64..60), 1_000..3_000),
        most in 1_usize..6,
    ) {
        let mut grower = Grower::new(GrowSettings::default());
        let mut there = [0_usize; 2];
        let mut coming = [0_usize; 2];
        let mut now = 0;
        for (waiting, luck, secs) in steps {
            now += secs;
            for place in 0..2 {
                let name: Text = ["a", "b"][place].into();
                if coming[place] > 0 && luck == 0 {
                    grower.failed(&name, Instant::from_secs(now));
                    coming[place] = 0;
                } else if coming[place] > 0 && luck > 3 {
                    grower.registered(&name);
                    coming[place] -= 1;
                    there[place] += 1;
                } else if luck == 2 {
                    there[place] = there[place].saturating_sub(1);
                }
            }
            for (late, _) in grower.expire(Instant::from_secs(now)) {
                coming[usize::from(*late == *"b")] = 0;
            }
            let mut groups = [group("a", 4000), group("b", 8000)];
            for place in 0..2 {
                groups[place].max = most;
                groups[place].target = there[place] + coming[place];
            }
            let waiting = pending(waiting, 10);
            if let Growth::Grow { group, nodes, .. } = plan(&mut grower, now, &groups, &waiting) {
                let place = usize::from(*group == *"b");
                prop_assert!(!grower.is_backed_off(&group, Instant::from_secs(now)));
                coming[place] += nodes;
            }
            for place in 0..2 {
                let total = there[place] + coming[place];
                prop_assert!(total <= most.max(there[place]), "{total} of {most}");
            }
            prop_assert_eq!(grower.ordered(), coming.iter().sum::<usize>());
        }
    }
}
