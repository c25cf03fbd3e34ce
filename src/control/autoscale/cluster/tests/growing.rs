//! Scale-up: estimates, which group grows, who is waited for, orders that fail.

use std::sync::Arc;

use super::super::*;
use super::room::*;
use crate::control::scheduler::kube::PodClass;
use crate::model::{GpuRequest, PodSpec};
use crate::rng::Stream;
use crate::units::{Duration, Instant};

pub(super) fn group(id: &str, cpu_milli: i64) -> NodeGroup {
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

pub(super) fn pending(count: usize, age_secs: i64) -> Vec<PendingPod> {
    let pods = pods("p", &class(1000, GIB, 0), count).into_iter();
    pods.map(|info| PendingPod {
        info,
        age: Duration::from_secs(age_secs),
    })
    .collect()
}

pub(super) fn plan(
    grower: &mut Grower,
    at: i64,
    groups: &[NodeGroup],
    pods: &[PendingPod],
) -> Growth {
    let mut rng = Stream::new(1, "expander", 0);
    let asked = (groups, Health::default());
    let now = Instant::from_secs(at);
    let growth = grower.plan(now, &mut Room::default(), asked, pods, &mut rng);
    growth.expect("names that differ")
}

pub(super) fn grow(group: &str, nodes: usize, pods: usize) -> Growth {
    Growth::Grow {
        group: group.into(),
        nodes,
        pods,
        others: Vec::new(),
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
    let own = estimate(&mut Room::default(), &template(4000, 16 * GIB), &groups, 0);
    let own = own.expect("names that differ");
    assert_eq!((own.nodes, own.scheduled), (3, vec![3, 4]));
    let limited = estimate(&mut Room::default(), &template(4000, 16 * GIB), &groups, 2);
    let limited = limited.expect("names that differ");
    assert_eq!((limited.nodes, limited.scheduled), (2, vec![3, 2]));
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
        let own = grower.plan(Instant::ZERO, &mut Room::default(), asked, &pods, &mut rng);
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
