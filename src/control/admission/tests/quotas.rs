//! Quotas on single pods and objects (spec: kubernetes.md 2.10).

use super::*;

#[test]
fn a_quota_is_charged_until_it_is_used_up() {
    let mut world = World::new([quota(&[("pods", 3_000), ("cpu", 1_000)], Vec::new())]);
    let spec = pod(&[(&[("cpu", 400)], &[])]);
    assert!(world.pod(&spec).is_ok() && world.pod(&spec).is_ok());
    assert_eq!(
        world.pod(&spec).err().as_deref(),
        Some(
            "forbidden: exceeded quota: team, requested: cpu=400m, used: cpu=800m, limited: cpu=1"
        )
    );
    // What is small enough still comes; then there are three pods.
    assert!(world.pod(&pod(&[(&[("cpu", 200)], &[])])).is_ok());
    assert_eq!(
        world.pod(&pod(&[(&[("cpu", 0)], &[])])).err().as_deref(),
        Some("forbidden: exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3")
    );
    // A quota on processors obliges every container to state them.
    assert_eq!(
        world
            .pod(&pod(&[(&[("cpu", 1)], &[]), (&[], &[])]))
            .err()
            .as_deref(),
        Some("forbidden: failed quota: team: must specify cpu")
    );
}

#[test]
fn scopes_choose_pods_and_other_namespaces_are_free() {
    let mut world = World::new([quota(&[("pods", 1_000)], vec![QuotaScope::BestEffort])]);
    let best_effort = pod(&[(&[], &[])]);
    let burstable = pod(&[(&[("memory", 1)], &[])]);
    assert!(world.pod(&best_effort).is_ok());
    assert!(world.pod(&best_effort).is_err());
    assert!(world.pod(&burstable).is_ok());
    let elsewhere = PodSpec {
        namespace: "other".into(),
        ..(*best_effort).clone()
    };
    assert!(world.pod(&Arc::new(elsewhere)).is_ok());
}

#[test]
fn pods_that_ended_only_count_as_objects() {
    let hard: Amounts<'_> = &[("pods", 9_000), ("count/pods", 9_000), ("cpu", 9_000)];
    let mut world = World::new([quota(hard, Vec::new())]);
    let spec = pod(&[(&[("cpu", 400)], &[])]);
    let pods: Vec<PodRef> = (0..3)
        .map(|_| {
            let next = world.0.pods().next();
            world.pod(&spec).expect("there is room");
            next
        })
        .collect();
    let reason = EndReason::Error;
    let ended = Event::PodEnded {
        pod: pods[0],
        reason,
    };
    let told = Event::PodChanged {
        pod: pods[1],
        change: PodChange::Terminating {
            grace: Duration::from_secs(30),
            reason: EndReason::Cancelled,
        },
    };
    for event in [ended, told] {
        world.0.apply(Instant::ZERO, event).expect("it lives");
    }
    let objects = world.0.objects();
    let id = objects.find("ResourceQuota", &"default".into(), &"team".into());
    let row = id.and_then(|id| objects.get(id)).expect("it is there");
    let Object::ResourceQuota(quota) = &row.object else {
        panic!("it is a quota");
    };
    // The time of the deletion is 30 s, and the grace is waited for once more.
    for (secs, pods, cpu) in [(60, 2, 800), (61, 1, 400)] {
        let used = quota::counted(&world.0, quota, Instant::from_secs(secs)).expect("small sums");
        let expected = list(&[("pods", pods * 1_000), ("count/pods", 3_000), ("cpu", cpu)]);
        assert_eq!(used, expected, "{secs} s");
    }
}

#[test]
fn every_scope_counts_the_pods_that_are_its_own() {
    let best_effort = pod(&[(&[], &[])]);
    let burstable = pod(&[(&[("memory", 1)], &[])]);
    let deadline = behaving(Behaviour {
        active_deadline: Some(Duration::from_secs(60)),
        ..Behaviour::default()
    });
    let mut elsewhere = (*best_effort).clone();
    elsewhere.affinity.preferred_pod_affinity = vec![(
        1,
        PodAffinityTerm {
            selector: None,
            topology_key: "zone".into(),
            namespaces: vec!["other".into()],
            namespace_selector: None,
            match_label_keys: Vec::new(),
            mismatch_label_keys: Vec::new(),
        },
    )];
    let pods = [
        best_effort,
        burstable,
        deadline,
        Arc::new(elsewhere),
        of_class("high"),
    ];
    let class = |operator: Operator, values: &[&str]| {
        QuotaScope::PriorityClass(Requirement {
            key: "PriorityClass".into(),
            operator,
            values: values.iter().map(|&value| value.into()).collect(),
        })
    };
    for (scope, expected) in [
        (QuotaScope::BestEffort, [true, false, true, true, true]),
        (
            QuotaScope::NotBestEffort,
            [false, true, false, false, false],
        ),
        (QuotaScope::Terminating, [false, false, true, false, false]),
        (QuotaScope::NotTerminating, [true, true, false, true, true]),
        (
            QuotaScope::CrossNamespacePodAffinity,
            [false, false, false, true, false],
        ),
        (
            class(Operator::Exists, &[]),
            [false, false, false, false, true],
        ),
        (
            class(Operator::In, &["high", "low"]),
            [false, false, false, false, true],
        ),
        (
            class(Operator::NotIn, &["high"]),
            [true, true, true, true, false],
        ),
        (
            class(Operator::DoesNotExist, &[]),
            [true, true, true, true, false],
        ),
    ] {
        let taken = pods.each_ref().map(|pod| scope.takes(pod));
        assert_eq!(taken, expected, "{scope:?}");
    }
    // A pod that is given the default class is one of that class.
    let high = class(Operator::In, &["usual"]);
    let default = priority_class("usual", 7, true);
    let mut world = World::new([default, quota(&[("pods", 1_000)], vec![high])]);
    let unstated = pod(&[(&[], &[])]);
    assert!(world.pod(&unstated).is_ok() && world.pod(&unstated).is_err());
}

#[test]
fn objects_are_counted_by_their_kind() {
    let mut world = World::new([quota(&[("count/replicasets.apps", 2_000)], Vec::new())]);
    let set = |name: &str| Creation::Object {
        owner: None,
        object: Object::ReplicaSet(Arc::new(ReplicaSet {
            namespace: "default".into(),
            name: name.into(),
            ..ReplicaSet::default()
        })),
    };
    // There is one already.
    world.create(&set("second")).expect("there is room for two");
    let refused = world.create(&set("third")).expect_err("there are two");
    assert_eq!(
        refused.to_string(),
        "forbidden: exceeded quota: team, requested: count/replicasets.apps=1, used: \
         count/replicasets.apps=2, limited: count/replicasets.apps=2"
    );
    // It charges no pods.
    let before = world.0.revision();
    world
        .pod(&pod(&[(&[], &[])]))
        .expect("pods are not counted");
    assert_eq!(world.0.revision().0 - before.0, 2);
}
