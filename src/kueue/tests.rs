//! Worked examples of the specification, and what has to hold whatever happens.

mod places;
mod trees;

use std::sync::Arc;

use proptest::prelude::*;

use super::run::Controller;
use super::snapshot::Snapshot;
use super::{Mode, Names, PendingWorkload, Settings, nominate};
use model::queueing::{
    ClusterQueue, Cohort, FairStrategy, FlavorQuotas, PodSet, PreemptionPolicy, QueuePreemption,
    QueueQuota, QueuedWorkload, QueueingObjects, ResourceFlavor, ResourceGroup, Topology,
    TopologyConstraint, TopologyRequest,
};
use model::workload::{LimitItem, LimitRange, LimitedKind};
use model::{LabelSelector, Node, PodSpec, ResourceList};
use units::{Duration, Instant, Quantity};

/// A group with one flavor and one resource.
fn group(nominal: i64, borrowing: Option<i64>, lending: Option<i64>) -> Vec<ResourceGroup> {
    let amount = |own: i64| Quantity::from_units(own);
    vec![ResourceGroup {
        covered: vec!["gpu".into()],
        flavors: vec![FlavorQuotas {
            flavor: "f".into(),
            resources: vec![QueueQuota {
                resource: "gpu".into(),
                nominal: amount(nominal),
                borrowing_limit: borrowing.map(amount),
                lending_limit: lending.map(amount),
            }],
        }],
    }]
}

fn queue(name: &str, groups: Vec<ResourceGroup>, preemption: QueuePreemption) -> ClusterQueue {
    ClusterQueue {
        name: name.into(),
        cohort: Some("r".into()),
        strategy: model::queueing::QueueingStrategy::BestEffortFifo,
        namespaces: Some(LabelSelector::default()),
        groups,
        fungibility: model::queueing::FlavorFungibility::default(),
        preemption,
        checks: Vec::new(),
        stop: model::queueing::StopPolicy::None,
        weight: Quantity::from_units(1),
    }
}

fn flavor(topology: Option<&str>) -> ResourceFlavor {
    ResourceFlavor {
        name: "f".into(),
        topology: topology.map(Into::into),
        ..ResourceFlavor::default()
    }
}

fn workload(number: usize, queue: &str, pods: i64, priority: i32) -> QueuedWorkload {
    let requests = ResourceList::from_pairs([("gpu", Quantity::from_units(1))]);
    QueuedWorkload {
        namespace: "default".into(),
        name: format!("w{number}").into(),
        uid: format!("u{number:04}").into(),
        queue: queue.into(),
        priority,
        created: Instant::from_secs(i64::try_from(number).unwrap_or(0)),
        active: true,
        pod_sets: vec![PodSet {
            name: "main".into(),
            count: pods,
            min_count: None,
            spec: Arc::new(PodSpec::with_requests(requests)),
            topology: None,
        }],
        max_execution: None,
        admission: None,
        conditions: Vec::new(),
        reclaimable: units::SortedMap::default(),
    }
}

/// The worked example of batch-on-kubernetes.md 1.2.
#[test]
fn quotas_are_lent_and_borrowed_within_their_limits() {
    let objects = QueueingObjects {
        flavors: vec![flavor(None)],
        queues: vec![
            queue("a", group(10, None, Some(4)), QueuePreemption::default()),
            queue("b", group(5, Some(3), None), QueuePreemption::default()),
        ],
        ..QueueingObjects::default()
    };
    let mut snapshot = Snapshot::new(Settings::default(), &objects);
    let number = |name| snapshot.queue_named(name).expect("the queue is there");
    let (a, b) = (number("a"), number("b"));
    let root = snapshot.cohort_named("r").expect("the cohort is there");
    let names: &Names = &snapshot.names;
    let pair = names.pairs().next().expect("there is one pair").0;
    assert_eq!(snapshot.tree.subtree(root, pair), 9);
    snapshot.tree.add(a, pair, 7);
    assert_eq!(snapshot.tree.usage(root, pair), 1);
    assert_eq!(
        [snapshot.available(a, pair), snapshot.available(b, pair)],
        [8, 8]
    );
    assert_eq!(snapshot.tree.potential(b, pair), 8);
    snapshot.tree.add(b, pair, 8);
    assert_eq!(snapshot.tree.usage(root, pair), 9);
    assert_eq!(snapshot.available(a, pair), 0);
}

/// The worked example of batch-on-kubernetes.md 1.9.4, whose third answer is not what its own rules
/// give: above the level of slices the children of all domains are pooled, so that `n3` comes first.
#[test]
fn pods_go_where_the_worked_example_puts_them() {
    let mut all = queue("a", group(100, None, None), QueuePreemption::default());
    all.cohort = None;
    let objects = QueueingObjects {
        flavors: vec![flavor(Some("t"))],
        queues: vec![all],
        topologies: vec![Topology {
            name: "t".into(),
            levels: ["block", "rack", "kubernetes.io/hostname"]
                .map(Into::into)
                .to_vec(),
        }],
        ..QueueingObjects::default()
    };
    let mut snapshot = Snapshot::new(Settings::default(), &objects);
    for (block, rack, host, room) in [
        ("b1", "r1", "n1", 3),
        ("b1", "r1", "n2", 2),
        ("b1", "r2", "n3", 4),
        ("b2", "r3", "n5", 6),
    ] {
        let labels = [
            ("block", block),
            ("rack", rack),
            ("kubernetes.io/hostname", host),
        ];
        let room = Quantity::from_units(room);
        let node = Node {
            name: host.into(),
            labels: labels
                .map(|(key, value)| (key.into(), value.into()))
                .into_iter()
                .collect(),
            allocatable: ResourceList::from_pairs([("gpu", room), ("pods", 110.into_quantity())]),
            ..Node::default()
        };
        snapshot.add_node(&node).expect("the amounts are small");
    }
    let preferred = || TopologyConstraint::Preferred("rack".into());
    for (wish, pods, expected) in [
        (preferred(), 5, "n1 3, n2 2"),
        (TopologyConstraint::Required("rack".into()), 7, "NoFit"),
        (preferred(), 7, "n1 3, n3 4"),
        (TopologyConstraint::Unconstrained, 5, "n5 5"),
        (TopologyConstraint::Unconstrained, 7, "n1 3, n2 2, n3 2"),
    ] {
        let mut workload = workload(0, "a", pods, 0);
        workload.pod_sets[0].topology = Some(TopologyRequest {
            wish: Some(wish.clone()),
            ..TopologyRequest::default()
        });
        let queue = snapshot.queue_named("a").expect("the queue is there");
        let pending = PendingWorkload::new(Arc::new(workload), queue, &mut snapshot.names);
        let pending = pending.expect("the amounts are small");
        let nomination = nominate(&mut snapshot, &pending);
        let place = nomination.assignment.sets[0].topology.clone();
        let words = place.map_or_else(Vec::new, |place| place.domains);
        let words: Vec<String> = words
            .iter()
            .map(|(values, count)| format!("{} {count}", values[0]))
            .collect();
        let found = match nomination.assignment.mode() {
            Mode::Fit => words.join(", "),
            other => other.name().to_owned(),
        };
        assert_eq!(found, expected, "{wish:?} {pods}");
    }
}

/// An amount of whole units, in short.
trait IntoQuantity {
    fn into_quantity(self) -> Quantity;
}

impl IntoQuantity for i64 {
    fn into_quantity(self) -> Quantity {
        Quantity::from_units(self)
    }
}

fn policies() -> impl Strategy<Value = QueuePreemption> {
    use PreemptionPolicy::{Any, LowerOrNewerEqualPriority, LowerPriority, Never};
    let within = prop::sample::select(vec![Never, LowerPriority, LowerOrNewerEqualPriority]);
    let reclaim = prop::sample::select(vec![Never, LowerPriority, Any]);
    (within, reclaim).prop_map(|(within_queue, reclaim)| QueuePreemption {
        within_queue,
        reclaim,
        borrowing: None,
    })
}

type Limit = Option<i64>;

/// Two queues of one cohort, the first with a weight.
fn weighted(weight: i64, nominal: i64, lending: Limit) -> Snapshot {
    let of = |name: &str, weight| ClusterQueue {
        weight: Quantity::from_units(weight),
        ..queue(
            name,
            group(nominal, None, lending),
            QueuePreemption::default(),
        )
    };
    let objects = QueueingObjects {
        flavors: vec![flavor(None)],
        queues: vec![of("q0", weight), of("q1", 1)],
        ..QueueingObjects::default()
    };
    Snapshot::new(Settings::default(), &objects)
}

/// Victims are those that the policies of the preemptor's queue allow.
fn check_victims(controller: &Controller, cycle: &crate::run::Cycle, is_fair: bool) {
    for entry in &cycle.entries {
        let queue = &controller.snapshot().queue(entry.pending.queue).spec;
        for (victim, from, _) in &entry.targeted {
            let victim = controller.state("default", victim).expect("it is known");
            let is_own = *from == queue.name;
            let policy = if is_own {
                queue.preemption.within_queue
            } else {
                queue.preemption.reclaim
            };
            let (own, other) = (entry.pending.workload.priority, victim.workload.priority);
            let is_allowed = match policy {
                PreemptionPolicy::Never => false,
                PreemptionPolicy::LowerPriority => other < own,
                PreemptionPolicy::LowerOrNewerEqualPriority => other <= own,
                PreemptionPolicy::Any => true,
            };
            assert!(is_allowed, "{is_fair} {policy:?}");
        }
    }
}

proptest! {
    /// A share never falls while its queue takes more, never grows with the weight, and is none of the
    /// business of others.
    #[test]
    fn fair_shares_are_monotone(
        nominal in 1i64..20,
        lending in prop::option::of(0i64..20),
        weight in 0i64..5,
        amounts in prop::collection::vec(0i64..10, 1..10),
    ) {
        let mut light = weighted(weight, nominal, lending);
        let mut heavy = weighted(weight + 1, nominal, lending);
        let pair = light.names.pairs().next().expect("there is one pair").0;
        let [one, other] = ["q0", "q1"].map(|name| light.queue_named(name).expect("a queue"));
        for amount in amounts {
            let (before, apart) = (light.share(one), light.share(other));
            for snapshot in [&mut light, &mut heavy] {
                snapshot.tree.add(one, pair, amount);
            }
            let after = light.share(one);
            prop_assert!(after.compare(before).is_ge());
            prop_assert!(heavy.share(one).compare(after).is_le());
            prop_assert!(light.share(other).compare(apart).is_eq());
        }
    }

    /// Whatever is submitted and ends: usage is the sum of what is held, no queue holds more than it
    /// might, nothing waits that holds quota, victims are those of a policy, and an empty cluster is as
    /// it was.
    #[test]
    fn quota_is_neither_lost_nor_exceeded(
        queues in prop::collection::vec(
            (0i64..12, prop::option::of(0i64..6), prop::option::of(0i64..6), policies()),
            1..4,
        ),
        steps in prop::collection::vec((0usize..4, 1i64..6, 0i32..3, any::<bool>()), 1..40),
        is_fair in any::<bool>(),
    ) {
        let quotas: &[(i64, Limit, Limit, QueuePreemption)] = &queues;
        let specs = quotas.iter().enumerate().map(|(index, (nominal, borrow, lend, policy))| {
            queue(&format!("q{index}"), group(*nominal, *borrow, *lend), *policy)
        });
        let objects = QueueingObjects {
            flavors: vec![flavor(None)],
            cohorts: vec![Cohort {
                name: "r".into(),
                parent: None,
                groups: Vec::new(),
                weight: Quantity::from_units(1),
            }],
            queues: specs.collect(),
            ..QueueingObjects::default()
        };
        let settings = Settings {
            fair_sharing: is_fair.then(|| FairStrategy::DEFAULT.to_vec()),
            ..Settings::default()
        };
        let snapshot = Snapshot::new(settings, &objects);
        let pair = snapshot.names.pairs().next().expect("there is one pair").0;
        let mut controller = Controller::new(snapshot, None, Instant::ZERO);
        for index in 0..queues.len() {
            controller.add_local_queue("default", &format!("l{index}"), &format!("q{index}"));
        }
        let mut now = Instant::ZERO;
        for (number, (place, pods, priority, ends)) in steps.iter().enumerate() {
            now = now.saturating_add(Duration::from_secs(1));
            controller.advance(now);
            let local = format!("l{}", place % queues.len());
            let own = workload(number, &local, *pods, *priority);
            controller.submit(own).expect("the amounts are small");
            if *ends {
                controller.finish_workload("default", &format!("w{}", number / 2));
            }
            for _ in 0..50 {
                let Some(cycle) = controller.cycle() else {
                    break;
                };
                check_victims(&controller, &cycle, is_fair);
                if !cycle.has_changed {
                    break;
                }
            }
            let tree = &controller.snapshot().tree;
            for (id, queue) in controller.snapshot().queues() {
                let held = queue.holdings.iter().map(|holding| controller.snapshot().holding(*holding));
                let held: i64 = held.flat_map(|own| &own.usage).map(|(_, amount)| amount).sum();
                prop_assert_eq!(tree.usage(id, pair), held);
                prop_assert!(held <= tree.potential(id, pair));
                let (active, others) = controller.queued(id);
                for name in active.iter().chain(&others) {
                    let state = controller.state("default", name).expect("it waits");
                    prop_assert!(state.workload.admission.is_none());
                }
            }
            let root = controller.snapshot().cohort_named("r").expect("the cohort is there");
            prop_assert!(tree.usage(root, pair) <= tree.subtree(root, pair));
        }
        for number in 0..steps.len() {
            controller.delete("default", &format!("w{number}"));
        }
        let tree = &controller.snapshot().tree;
        prop_assert!(tree.ids().all(|id| tree.usage(id, pair) == 0));
    }
}

/// A limit range of some amounts of `gpu` per container: its default request, and its maximum.
fn limit_range(default_request: Option<i64>, most: Option<i64>) -> Arc<LimitRange> {
    let list = |amount: Option<i64>| {
        let amount = amount.map(|own| ("gpu", own.into_quantity()));
        amount.map_or_else(ResourceList::default, |pair| {
            ResourceList::from_pairs([pair])
        })
    };
    let item = LimitItem {
        of: LimitedKind::Container,
        min: ResourceList::default(),
        max: list(most),
        default: ResourceList::default(),
        default_request: list(default_request),
        max_ratio: ResourceList::default(),
    };
    Arc::new(LimitRange {
        namespace: "default".into(),
        name: "l".into(),
        limits: vec![item],
    })
}

/// Pods are counted with what a limit range fills in, and those that break one wait while it is there.
#[test]
fn limit_ranges_count_for_workloads_that_wait() {
    let mut only = queue("a", group(5, None, None), QueuePreemption::default());
    only.cohort = None;
    let objects = QueueingObjects {
        flavors: vec![flavor(None)],
        queues: vec![only],
        ..QueueingObjects::default()
    };
    let try_once = |pods: i64, requests: Option<i64>, range: &Arc<LimitRange>| {
        let snapshot = Snapshot::new(Settings::default(), &objects);
        let mut controller = Controller::new(snapshot, None, Instant::ZERO);
        controller.add_local_queue("default", "a", "a");
        let mut asked = workload(0, "a", pods, 0);
        let spec = requests.map(|own| ResourceList::from_pairs([("gpu", own.into_quantity())]));
        asked.pod_sets[0].spec = Arc::new(PodSpec::with_requests(spec.unwrap_or_default()));
        controller.submit(asked).expect("small amounts");
        controller.set_limit_range(range.clone());
        let cycle = controller.cycle().expect("a workload");
        let message = cycle.entries[0].message.clone();
        (controller, message)
    };
    let is_admitted = |controller: &Controller| {
        let state = controller.state("default", "w0").expect("a workload");
        state.workload.admission.is_some()
    };
    let gives_two = limit_range(Some(2), None);
    for (pods, requests, expected) in [(2, None, true), (3, None, false), (5, Some(1), true)] {
        let (controller, message) = try_once(pods, requests, &gives_two);
        assert_eq!(is_admitted(&controller), expected, "{pods}: {message}");
    }
    let at_most_one = limit_range(None, Some(1));
    assert!(is_admitted(&try_once(2, Some(1), &at_most_one).0));
    let (mut controller, message) = try_once(1, Some(2), &at_most_one);
    assert_eq!(
        message,
        "resources didn't satisfy LimitRange constraints: spec.podSets[0].template.spec.containers[0]: \
         Invalid value: [\"gpu\"]: requests must not be above the limitRange max"
    );
    assert!(!is_admitted(&controller));
    controller.remove_limit_range(&"default".into(), &"l".into());
    controller.advance(Instant::from_secs(5));
    controller.cycle().expect("it is tried again");
    assert!(is_admitted(&controller));
}
