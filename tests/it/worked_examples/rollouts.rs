//! Deployments step by step (spec: kubernetes.md 2.2).

use std::sync::Arc;

use windtunnel::control::controllers::deployment::{DeploymentView, DeploymentWrites, sync};
use windtunnel::model::PodSpec;
use windtunnel::model::Release;
use windtunnel::model::workload::deployment::DeploymentStatus;
use windtunnel::model::workload::replica_set::{ReplicaSetStatus, RolloutAnnotations};
use windtunnel::model::workload::{
    Count, Deployment, DeploymentStrategy, ReplicaSet, RollingUpdate,
};
use windtunnel::units::{Instant, SortedMap};

fn template(image: u32) -> Arc<PodSpec> {
    Arc::new(PodSpec {
        scheduler_name: format!("image-{image}").into(),
        ..PodSpec::default()
    })
}

/// A set of an image; the later the image the later it was made.
fn set(image: u32, replicas: i32, available: i32) -> ReplicaSet {
    ReplicaSet {
        name: format!("web-{image}").into(),
        template: template(image),
        replicas,
        created: Instant::from_secs(i64::from(image)),
        rollout: RolloutAnnotations {
            revision: i64::from(image),
            ..RolloutAnnotations::default()
        },
        status: ReplicaSetStatus {
            replicas,
            ready: available,
            available,
        },
        ..ReplicaSet::default()
    }
}

fn rolling(replicas: i32, surge: i32, unavailable: i32, image: u32) -> Deployment {
    Deployment {
        name: "web".into(),
        replicas,
        template: template(image),
        strategy: DeploymentStrategy::RollingUpdate(RollingUpdate {
            max_surge: Count::Number(surge),
            max_unavailable: Count::Number(unavailable),
        }),
        ..Deployment::default()
    }
}

fn step(at: i64, deployment: &Deployment, sets: &[ReplicaSet]) -> DeploymentWrites {
    let living = sets
        .iter()
        .map(|set| (set.name.clone(), set.status.replicas))
        .collect::<SortedMap<_, _>>();
    let view = DeploymentView {
        deployment,
        sets,
        living: &living,
        new_name: format!("web-{}", &deployment.template.scheduler_name[6..]).into(),
        release: Release::V1_36,
    };
    sync(Instant::from_secs(at), &view)
}

/// The sizes of the sets after a sync.
fn sizes(deployment: &Deployment, sets: &[ReplicaSet]) -> Vec<i32> {
    let mut sets = sets.to_vec();
    let writes = step(100, deployment, &sets);
    writes.apply(Instant::from_secs(100), &deployment.template, &mut sets);
    sets.iter().map(|set| set.replicas).collect()
}

#[test]
fn fence_posts() {
    let percent = |surge: i32, unavailable: i32| RollingUpdate {
        max_surge: Count::Percent(surge),
        max_unavailable: Count::Percent(unavailable),
    };
    for (limits, replicas, expected) in [
        (percent(0, 0), 0, (0, 1)),
        (percent(39, 0), 0, (0, 1)),
        (percent(0, 0), 10, (0, 1)),
        (percent(0, 9), 10, (0, 1)),
        (percent(25, 25), 10, (3, 2)),
        (percent(25, 25), 1, (1, 0)),
        (percent(25, 25), 4, (1, 1)),
        (percent(100, 0), 7, (7, 0)),
    ] {
        assert_eq!(
            limits.resolved(replicas),
            expected,
            "{limits:?} of {replicas}"
        );
    }
    // No more than there are may be missing, and none of none.
    assert_eq!(rolling(3, 0, 5, 1).max_unavailable(), 3);
    assert_eq!(rolling(0, 0, 5, 1).max_unavailable(), 0);
}

#[test]
fn the_new_set_grows_as_far_as_the_surge() {
    // Replicas, surge, old, new; the new one's size afterwards.
    for (replicas, surge, old, new, expected) in [
        (10, 0, 10, 0, 0),
        (10, 2, 10, 0, 2),
        (10, 2, 5, 0, 7),
        (10, 2, 10, 2, 2),
        (10, 2, 2, 11, 10),
        (6, 10, 2, 2, 6),
        (1, 1, 0, 5, 1),
    ] {
        let deployment = rolling(replicas, surge, 0, 2);
        let found = sizes(&deployment, &[set(1, old, old), set(2, new, new)]);
        assert_eq!(
            found[1], expected,
            "{replicas} + {surge}, {old} old and {new} new"
        );
    }
}

#[test]
fn old_sets_shrink_as_far_as_enough_are_available() {
    // Replicas, unavailable, old and how many of them are available, new and available; the old
    // one's size afterwards.
    for (replicas, unavailable, (old, old_up), (new, new_up), expected) in [
        (10, 0, (10, 10), (0, 0), 9),
        (10, 2, (10, 10), (0, 0), 8),
        // Unhealthy pods go first, then as many as are to spare.
        (10, 2, (10, 8), (0, 0), 8),
        (10, 2, (10, 9), (0, 0), 8),
        (10, 3, (10, 8), (0, 0), 7),
        (10, 1, (10, 8), (0, 0), 9),
        // New pods that are not available yet count as missing.
        (10, 2, (8, 8), (2, 0), 8),
        (10, 2, (8, 8), (2, 2), 6),
    ] {
        let deployment = rolling(replicas, 0, unavailable, 2);
        let found = sizes(&deployment, &[set(1, old, old_up), set(2, new, new_up)]);
        assert_eq!(
            found[0], expected,
            "{unavailable}: {old} ({old_up}) and {new} ({new_up})"
        );
    }
}

#[test]
fn of_old_sets_the_oldest_shrinks_first() {
    let deployment = rolling(10, 0, 4, 3);
    // Two unhealthy pods of the younger go although the older comes first: it has none.
    let found = sizes(&deployment, &[set(1, 5, 5), set(2, 5, 3), set(3, 0, 0)]);
    assert_eq!(found, [3, 3, 0]);
    let found = sizes(&deployment, &[set(1, 3, 3), set(2, 7, 7), set(3, 0, 0)]);
    assert_eq!(found, [0, 6, 0]);
}

#[test]
fn ten_replicas_step_by_step() {
    // Surge 3, unavailable 2; the new pods become available as they come.
    let deployment = Deployment {
        strategy: DeploymentStrategy::RollingUpdate(RollingUpdate::default()),
        ..rolling(10, 0, 0, 2)
    };
    let mut sets = vec![set(1, 10, 10), set(2, 0, 0)];
    let mut seen = Vec::new();
    for _ in 0..12 {
        let writes = step(100, &deployment, &sets);
        writes.apply(Instant::from_secs(100), &deployment.template, &mut sets);
        seen.push((sets[0].replicas, sets[1].replicas));
        // Old pods go at once; new ones come, and are available by the next sync but one.
        let new = &mut sets[1].status;
        new.available = new.replicas;
        new.ready = new.replicas;
        for set in &mut sets {
            let status = &mut set.status;
            status.replicas = set.replicas;
            status.available = status.available.min(set.replicas);
            status.ready = status.available;
        }
        if sets[0].replicas == 0 && sets[1].status.available == 10 {
            break;
        }
    }
    assert_eq!(seen[..3], [(10, 3), (8, 3), (8, 5)]);
    for &(old, new) in &seen {
        assert!(old + new <= 13, "{seen:?}");
    }
    assert_eq!(seen.last(), Some(&(0, 10)), "{seen:?}");
}

#[test]
fn proportional_scaling() {
    // What it was (and its surge), what it becomes (and its surge), the sets from the newest on, and
    // their sizes afterwards.
    for ((before, was_surge), (after, surge), sets, expected) in [
        ((10, 0), (12, 0), vec![10], vec![12]),
        ((10, 0), (5, 0), vec![10], vec![5]),
        ((5, 0), (10, 0), vec![2, 3], vec![4, 6]),
        ((5, 0), (3, 0), vec![2, 3], vec![1, 2]),
        ((9, 0), (4, 0), vec![8, 1], vec![4, 0]),
        ((7, 0), (10, 0), vec![2, 3, 2], vec![3, 4, 3]),
        ((13, 0), (8, 0), vec![2, 8, 3], vec![1, 5, 2]),
        ((3, 0), (4, 0), vec![1, 1, 1], vec![2, 1, 1]),
        ((10, 2), (20, 2), vec![6, 6], vec![11, 11]),
        ((10, 3), (50, 6), vec![5, 8], vec![22, 34]),
        ((10, 2), (17, 5), vec![5, 7], vec![9, 13]),
        ((10, 0), (0, 0), vec![5, 5], vec![0, 0]),
    ] {
        let newest = sets.len() as u32;
        let known: Vec<ReplicaSet> = { sets.iter().zip((1..=newest).rev()) }
            .map(|(&size, image)| {
                let mut set = set(image, size, size);
                set.rollout.desired_replicas = Some(before);
                set.rollout.max_replicas = Some(before + was_surge);
                set
            })
            .collect();
        let found = sizes(&rolling(after, surge, 0, newest), &known);
        assert_eq!(found, expected, "{before} to {after} of {sets:?}");
    }
}

#[test]
fn recreate_waits_until_no_old_pod_is_left() {
    let mut deployment = rolling(3, 0, 0, 2);
    deployment.strategy = DeploymentStrategy::Recreate;
    let mut sets = vec![set(1, 3, 3)];
    assert_eq!(sizes(&deployment, &sets), [0]);
    sets[0].replicas = 0;
    // One of them is on its way out still.
    sets[0].status.replicas = 1;
    assert_eq!(sizes(&deployment, &sets), [0]);
    sets[0].status = ReplicaSetStatus::default();
    assert_eq!(sizes(&deployment, &sets), [0, 3]);
}

#[test]
fn a_paused_deployment_is_scaled_and_nothing_else() {
    let mut deployment = rolling(12, 3, 0, 2);
    deployment.paused = true;
    let mut only = set(1, 10, 10);
    only.rollout.desired_replicas = Some(10);
    only.rollout.max_replicas = Some(13);
    assert_eq!(sizes(&deployment, &[only]), [12]);
}

#[test]
fn old_sets_beyond_the_limit_go_lowest_revision_first_once_the_roll_out_is_complete() {
    let history = |available: i32| -> Vec<ReplicaSet> {
        let old = (1..=5).map(|image| set(image, 0, 0));
        old.chain([set(6, 3, available)]).collect()
    };
    let all = ["web-1", "web-2", "web-3", "web-4", "web-5"];
    // The limit, how many new pods are available, whether a pod of the first is there still, and
    // which sets go.
    for (limit, available, has_pod, expected) in [
        (Some(2), 3, false, &all[..3]),
        (Some(0), 3, false, &all[..]),
        (Some(5), 3, false, &[]),
        (Some(10), 3, false, &[]),
        (None, 3, false, &[]),
        // Not before the roll-out is complete.
        (Some(2), 2, false, &[]),
        // A set that has a pod stays, though it counts.
        (Some(2), 3, true, &all[1..3]),
    ] {
        let mut deployment = rolling(3, 1, 0, 6);
        deployment.revision_history_limit = limit;
        // As the sync before reported it.
        deployment.status = DeploymentStatus {
            observed_generation: deployment.generation,
            replicas: 3,
            updated: 3,
            ready: available,
            available,
            revision: 6,
            ..DeploymentStatus::default()
        };
        let mut sets = history(available);
        sets[0].status.replicas = i32::from(has_pod);
        let mut gone = step(10, &deployment, &sets).delete;
        gone.sort_unstable();
        let gone: Vec<String> = gone.iter().map(ToString::to_string).collect();
        assert_eq!(
            gone, expected,
            "{limit:?}, {available} available, pod {has_pod}"
        );
    }
}
