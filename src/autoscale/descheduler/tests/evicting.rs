//! Pods that the evictor spares, limits within a loop, and the times at which loops come.

use super::*;

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of pods and switches, a line for each"
)]
fn the_evictor_spares_whom_it_must() {
    let all = || {
        Strategy::LifeTime(PodLifeTime {
            most: Duration::from_secs(1),
            ..PodLifeTime::default()
        })
    };
    let check = |spec: PodSpec, evictor: EvictorOptions, goes: bool| {
        let mut world = World::new(2);
        world.place(&spec, 0, 1);
        world.now = Instant::from_secs(10);
        let evicted = world.evicted(DeschedulerOptions {
            evictor: evictor.clone(),
            ..by(all())
        });
        assert_eq!(evicted.len(), usize::from(goes), "{spec:?} {evictor:?}");
    };
    let default = EvictorOptions::default;
    check(pod(), default(), true);
    check(
        PodSpec {
            owner: None,
            ..pod()
        },
        default(),
        false,
    );
    let owned = |kind: &str| {
        let name = "own".into();
        let owner = Some(Owner {
            kind: kind.into(),
            name,
        });
        PodSpec { owner, ..pod() }
    };
    check(owned("Node"), default(), false);
    check(owned("DaemonSet"), default(), false);
    let evicts_daemons = true;
    check(
        owned("DaemonSet"),
        EvictorOptions {
            evicts_daemons,
            ..default()
        },
        true,
    );
    let of = |priority: i32| PodSpec { priority, ..pod() };
    check(of(2_000_000_000), default(), false);
    let evicts_critical = true;
    check(
        of(2_000_000_000),
        EvictorOptions {
            evicts_critical,
            ..default()
        },
        true,
    );
    let priority_threshold = Some(100);
    check(
        of(100),
        EvictorOptions {
            priority_threshold,
            ..default()
        },
        false,
    );
    check(
        of(99),
        EvictorOptions {
            priority_threshold,
            ..default()
        },
        true,
    );
    let behaviour = Some(Arc::new(Behaviour {
        has_local_storage: true,
        ..Behaviour::default()
    }));
    let local = PodSpec { behaviour, ..pod() };
    check(local.clone(), default(), false);
    let evicts_local_storage = true;
    check(
        local,
        EvictorOptions {
            evicts_local_storage,
            ..default()
        },
        true,
    );
    let claiming = PodSpec {
        volumes: vec![model::PodVolume::Claim("data".into())],
        ..pod()
    };
    check(claiming.clone(), default(), true);
    check(
        claiming,
        EvictorOptions {
            keeps_claims: true,
            ..default()
        },
        false,
    );
    check(
        pod(),
        EvictorOptions {
            keeps_without_budget: true,
            ..default()
        },
        false,
    );
    check(
        pod(),
        EvictorOptions {
            selector: Some(app("web")),
            ..default()
        },
        false,
    );
    check(
        pod(),
        EvictorOptions {
            min_replicas: 2,
            ..default()
        },
        false,
    );
    let min_pod_age = Some(Duration::from_secs(11));
    check(
        pod(),
        EvictorOptions {
            min_pod_age,
            ..default()
        },
        false,
    );
    // No other node has so many cores.
    let large = PodSpec {
        node_selector: [("zone".into(), "z0".into())].into(),
        ..pod()
    };
    check(large.clone(), default(), true);
    check(
        large,
        EvictorOptions {
            node_fit: true,
            ..default()
        },
        false,
    );
}

#[test]
fn limits_and_budgets_hold_within_a_loop_and_the_rest_comes_later() {
    let mut world = World::new(2);
    world.place(&pod(), 0, 8);
    let limited = |limits: EvictionLimits| {
        let options = DeschedulerOptions {
            limits,
            ..by(duplicates())
        };
        world.evicted(options).len()
    };
    let none = EvictionLimits::default();
    assert_eq!(limited(none), 4);
    assert_eq!(
        limited(EvictionLimits {
            total: Some(1),
            ..none
        }),
        1
    );
    assert_eq!(
        limited(EvictionLimits {
            per_node: Some(2),
            ..none
        }),
        2
    );
    assert_eq!(
        limited(EvictionLimits {
            per_namespace: Some(3),
            ..none
        }),
        3
    );
    let budget = PodDisruptionBudget {
        namespace: "default".into(),
        selector: Some(app("shop")),
        status: BudgetStatus {
            disruptions_allowed: 2,
            current_healthy: 8,
            desired_healthy: 6,
            expected_pods: 8,
            is_current: true,
            ..BudgetStatus::default()
        },
        ..PodDisruptionBudget::default()
    };
    let object = Object::PodDisruptionBudget(budget.into());
    let (id, owner) = (ObjectId(1), None);
    world.apply(Event::Object(ObjectChange::Created { id, owner, object }));
    let mut descheduler = Descheduler::new(by(duplicates()));
    let mut out = Outbox::default();
    descheduler.step(world.now, &world.store, &mut out);
    // Two orders, and the budget with nothing left.
    assert_eq!(out.writes.len(), 3);
    let charged = out.writes.pop().map(|write| write.event);
    let Some(Event::Object(ObjectChange::Updated { object, .. })) = charged else {
        panic!("{charged:?}");
    };
    let Object::PodDisruptionBudget(budget) = object else {
        panic!("{object:?}");
    };
    assert_eq!(budget.status.disruptions_allowed, 0);
    assert_eq!(out.wake, Some(Instant::from_secs(300)));
}

#[test]
fn a_loop_that_would_find_nothing_new_is_not_made() {
    let mut world = World::new(2);
    world.place(&pod(), 0, 1);
    let mut descheduler = Descheduler::new(by(duplicates()));
    let mut out = Outbox::default();
    descheduler.step(world.now, &world.store, &mut out);
    assert_eq!((out.writes.len(), out.wake), (0, None));
    world.now = Instant::from_secs(310);
    world.place(&pod(), 0, 1);
    // The first change after a pause is looked at at once, further ones on the grid.
    descheduler.step(world.now, &world.store, &mut out);
    assert_eq!((out.writes.len(), out.wake), (1, None));
    world.place(&pod(), 0, 1);
    descheduler.step(world.now, &world.store, &mut out);
    assert_eq!(
        (out.writes.len(), out.wake),
        (1, Some(Instant::from_secs(600)))
    );
}
