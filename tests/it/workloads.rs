//! The controllers of Kubernetes at work in the simulator: what they make of workloads is looked at
//! after every change.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use windtunnel::cluster::Store;
use windtunnel::control::operation::{EvictionRequests, Operation, Propagation};
use windtunnel::model::workload::{BudgetLimit, Count, Deployment, PodDisruptionBudget};
use windtunnel::model::{EndReason, Event, Object, PodChange};
use windtunnel::sim::Stop;
use windtunnel::sim::check::Checker;
use windtunnel::units::{Duration, Instant, SortedMap};

use crate::controlled::{Cluster, Eyes, apply, census, deployment, names, selector, set, target};
use crate::watch::watch;

#[test]
fn a_deployment_has_its_pods_and_names_are_those_of_its_set() {
    let cluster = Cluster::new().at(3, apply(deployment("web", "v1", 10)));
    let (_, store) = cluster.run(&mut |_, _, _| {});
    assert_eq!(census(&store, "web").1, 10);
    let mut names: Vec<String> = store
        .pods()
        .iter()
        .map(|pod| pod.name.to_string())
        .collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 10);
    let id = store
        .objects()
        .find("Deployment", &"default".into(), &"web".into());
    let row = store.objects().get(id.unwrap()).unwrap();
    let Object::Deployment(known) = &row.object else {
        panic!("it is a deployment")
    };
    assert_eq!((known.status.available, known.status.revision), (10, 1));
    let [set] = row.children[..] else {
        panic!("one set")
    };
    let set = store.objects().get(set).unwrap().object.name().clone();
    assert!(names[0].starts_with(&*set), "{} of {set}", names[0]);
}

#[test]
fn a_rolling_update_keeps_to_surge_and_unavailable_at_every_instant() {
    let cluster = Cluster::new()
        .at(0, apply(deployment("web", "v1", 10)))
        .at(60, apply(deployment("web", "v2", 10)));
    let (mut most, mut least, mut mixed) = (0, usize::MAX, false);
    let (_, store) = cluster.run(&mut |at, _, store| {
        if at >= Instant::from_secs(60) {
            let (active, ready, images) = census(store, "web");
            most = most.max(active);
            least = least.min(ready);
            mixed |= images.len() == 2;
        }
    });
    // 25 % of 10: three above, two below.
    assert_eq!((most, least), (13, 8));
    assert!(mixed);
    let (active, ready, images) = census(&store, "web");
    assert_eq!((active, ready), (10, 10));
    assert_eq!(images, [("v2".to_owned(), 10)].into());
}

#[test]
fn a_deployment_is_scaled_halted_and_taken_back() {
    let web = || target("Deployment", "web");
    let cluster = Cluster::new()
        .at(0, apply(deployment("web", "v1", 4)))
        .at(60, Operation::Scale(web(), 12))
        .at(120, Operation::Pause(web()))
        .at(
            130,
            apply(Deployment {
                paused: true,
                ..deployment("web", "v2", 12)
            }),
        )
        .at(200, Operation::Resume(web()))
        .at(400, Operation::RollBack(web()));
    let mut seen = SortedMap::new();
    let (_, store) = cluster.run(&mut |at, _, store| {
        seen.insert(at.as_secs_f64() as i64, census(store, "web").2);
    });
    let by = |secs: i64| seen.range(..=secs).next_back().unwrap().1.clone();
    assert_eq!(by(100), [("v1".to_owned(), 12)].into());
    assert_eq!(by(199), [("v1".to_owned(), 12)].into());
    assert_eq!(by(399), [("v2".to_owned(), 12)].into());
    assert_eq!(census(&store, "web").2, [("v1".to_owned(), 12)].into());
}

#[test]
fn a_deleted_object_takes_all_it_controls_along() {
    let cluster = Cluster::new().at(0, apply(deployment("web", "v1", 10))).at(
        2,
        Operation::Delete(target("Deployment", "web"), Propagation::Background),
    );
    let (_, store) = cluster.run(&mut |_, _, _| {});
    assert_eq!(store.objects().iter().count(), 0);
    assert_eq!((store.pods().created(), store.pods().living()), (10, 0));
}

/// A budget that keeps so many pods of an application.
fn budget(app: &str, least: i32) -> Operation {
    let budget = PodDisruptionBudget {
        name: app.into(),
        selector: Some(selector(app)),
        limit: BudgetLimit::MinAvailable(Count::Number(least)),
        ..PodDisruptionBudget::default()
    };
    Operation::Create(Object::PodDisruptionBudget(Arc::new(budget)))
}

#[test]
fn a_drain_keeps_to_the_budget() {
    let cluster = Cluster::new()
        .at(0, apply(deployment("web", "v1", 12)))
        .at(0, budget("web", 11))
        .at(
            60,
            Operation::Drain("node-0".into(), EvictionRequests::default()),
        );
    let mut least = usize::MAX;
    let mut left = 0;
    let (end, store) = cluster.run(&mut |at, _, store| {
        if at >= Instant::from_secs(60) {
            least = least.min(census(store, "web").1);
            left = store.nodes().pods(windtunnel::units::NodeId(0)).len();
        }
    });
    assert_eq!((least, left), (11, 0));
    assert_eq!(census(&store, "web").1, 12);
    assert!(end.at > Instant::from_secs(70));
}

#[test]
fn preempted_pods_of_an_owner_are_told_to_end_and_replaced() {
    let urgent = |replicas| {
        let mut urgent = deployment("urgent", "v1", replicas);
        let mut template = (*urgent.template).clone();
        (template.priority, template.preempts) = (100, true);
        urgent.template = Arc::new(template);
        apply(urgent)
    };
    let mut cluster = Cluster::new()
        .at(0, apply(deployment("web", "v1", 8)))
        .at(60, urgent(3));
    cluster.cores = vec![4; 2];
    let mut told = 0;
    cluster.options.stop = Stop::At(Instant::from_secs(300));
    let (_, store) = cluster.run(&mut |_, event, _| {
        let is_order = matches!(
            event,
            Event::PodChanged {
                change: PodChange::Terminating { .. },
                ..
            }
        );
        told += usize::from(is_order);
    });
    assert_eq!(told, 3);
    assert_eq!(census(&store, "urgent").1, 3);
    let (active, ready, _) = census(&store, "web");
    assert_eq!((active, ready), (8, 5));
}

/// What is done at random: to which of two deployments and a set, what, with what number.
fn random_operation(kind: u32, number: i32, image: u32) -> Operation {
    let app = if kind.is_multiple_of(2) { "one" } else { "two" };
    let image = format!("v{image}");
    match kind {
        0..=3 => apply(deployment(app, &image, number)),
        4..=5 => Operation::Scale(target("Deployment", app), number),
        6 => set("db", &image, number.min(5)),
        7 => Operation::Drain(
            format!("node-{}", number % 4).into(),
            EvictionRequests::default(),
        ),
        8 => Operation::Uncordon(format!("node-{}", number % 4).into()),
        _ => Operation::RollBack(target("Deployment", app)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 10, ..ProptestConfig::default() })]

    /// Whatever users do, a rollout keeps to its surge, a set to its order, budgets are kept by
    /// drains, every pod is on one node, and all is as wanted in the end; a second run is the same.
    #[test]
    fn random_operations_break_no_promise(
        script in proptest::collection::vec((0..10_u32, 1..14_i32, 1..4_u32, 1..40_i64), 1..20),
        lag in proptest::bool::ANY,
    ) {
        let cluster = || {
            let mut cluster = Cluster::new()
                .at(0, apply(deployment("one", "v1", 4)))
                .at(0, apply(deployment("two", "v1", 4)))
                .at(0, set("db", "v1", 3));
            if lag {
                cluster.options.view_lag = Duration::from_millis(150);
            }
            let mut at = 30;
            for &(kind, number, image, gap) in &script {
                at += gap;
                cluster = cluster.at(at, random_operation(kind, number, image));
            }
            for node in 0..4 {
                cluster = cluster.at(at, Operation::Uncordon(format!("node-{node}").into()));
            }
            cluster.options.stop = Stop::At(Instant::from_secs(at + 1_500));
            cluster
        };
        let mut sizes: SortedMap<String, i32> = SortedMap::new();
        let mut orders = vec![30];
        orders.extend(script.iter().map(|&(_, _, _, gap)| gap));
        for place in 1..orders.len() {
            orders[place] += orders[place - 1];
        }
        // The controller of deployments scales what it sees and expects nothing: where it sees its
        // own writes late, an order in the midst of a roll-out has it scale sets by old sizes, until
        // it has seen all.
        let late = Duration::from_secs(if lag { 2 } else { 0 });
        let (end, store) = cluster().run(&mut |now, event, store| {
            let Event::PodCreated(created) = event else { return };
            let Some(owner) = created.owner else { return };
            let Some(row) = store.objects().get(owner.object) else { return };
            let Some(above) = row.owner.and_then(|id| store.objects().get(id)) else { return };
            let Object::Deployment(known) = &above.object else { return };
            let wanted = sizes.entry(known.name.to_string()).or_insert(known.replicas);
            *wanted = (*wanted).max(known.replicas);
            // While a size changes, the larger of the sizes that were wanted counts.
            let most = *wanted + (*wanted + 3) / 4;
            let active = census(store, &known.name).0 as i32;
            let is_settling = orders.iter().map(|&order| Instant::from_secs(order)).any(|order| {
                now >= order && now < order.saturating_add(late)
            });
            assert!(is_settling || active <= most, "{active} pods of {}, {most} at most", known.name);
        });
        for app in ["one", "two"] {
            let id = store.objects().find("Deployment", &"default".into(), &app.into());
            let Object::Deployment(known) = &store.objects().get(id.unwrap()).unwrap().object else {
                panic!("it is a deployment")
            };
            let (active, ready, images) = census(&store, app);
            let wanted = known.replicas as usize;
            prop_assert_eq!((active, ready), (wanted, wanted), "{}", app);
            prop_assert_eq!(images.len(), 1);
        }
        let db = names(&store, "db");
        let expected: Vec<String> = (0..db.len()).map(|place| format!("db-{place}")).collect();
        prop_assert_eq!(&db, &expected);
        prop_assert_eq!(census(&store, "db").1, db.len());
        let (again, _) = cluster().run(&mut |_, _, _| {});
        prop_assert_eq!(again.digest, end.digest);
    }
}

#[test]
fn the_claims_of_the_teaching_scenario_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = crate::kube_scenario::load_file(&folder.join("rolling-update.yaml"));
    let expected = [("default", 15, (300, 420)), ("careful", 20, (600, 720))];
    for (variant, (name, least, done)) in experiment.variants.iter().zip(expected) {
        assert_eq!(variant.name, name);
        let (mut ready, mut drained, mut renewed) = (usize::MAX, usize::MAX, None);
        let mut look = |at: Instant, _: &Event, store: &Store| {
            let (_, now_ready, images) = census(store, "shop");
            let secs = at.as_secs_f64() as i64;
            if (300..1200).contains(&secs) {
                ready = ready.min(now_ready);
                let new = images.get("shop:2").copied().unwrap_or_default();
                if renewed.is_none() && new == 20 && images.len() == 1 && now_ready == 20 {
                    renewed = Some(secs);
                }
            } else if secs >= 1200 {
                drained = drained.min(now_ready);
            }
        };
        let mut eyes = Eyes {
            checker: Checker::default(),
            look: &mut look,
        };
        watch(&variant.scenario, &experiment.files, &mut eyes).unwrap();
        assert_eq!((ready, drained), (least, 18), "{name}");
        let renewed = renewed.unwrap();
        assert!((done.0..done.1).contains(&renewed), "{name}: {renewed} s");
    }
}

#[test]
fn a_bad_version_stops_by_itself_and_holds_up_a_drain() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let experiment = crate::kube_scenario::load_file(&folder.join("rolling-update.yaml"));
    let variant = &experiment.variants[2];
    assert_eq!(variant.name, "bad");
    let (mut last, mut healed, mut evictions) = (None, None, Vec::new());
    let mut look = |at: Instant, event: &Event, store: &Store| {
        let secs = at.as_secs_f64() as i64;
        if let Event::PodChanged {
            change:
                PodChange::Terminating {
                    reason: EndReason::Evicted(_),
                    ..
                },
            ..
        } = event
        {
            evictions.push(secs);
        }
        let seen = census(store, "shop");
        if secs < 1_500 {
            assert!(secs < 30 || seen.1 >= 15, "{secs} s: {seen:?}");
            last = Some(seen);
        } else if seen.1 == 20 {
            healed.get_or_insert(secs);
        }
    };
    let mut eyes = Eyes {
        checker: Checker::default(),
        look: &mut look,
    };
    watch(&variant.scenario, &experiment.files, &mut eyes).unwrap();
    let images = SortedMap::from([("shop:1".to_owned(), 15), ("shop:2".to_owned(), 10)]);
    assert_eq!(last, Some((25, 15, images)));
    let healed = healed.unwrap();
    assert!(healed < 1_530, "{healed} s");
    assert!(!evictions.is_empty() && evictions.iter().all(|&secs| secs >= 1_500));
}
