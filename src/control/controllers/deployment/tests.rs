//! The worked examples of the specification, and rollouts under random failures.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use model::workload::deployment::ConditionKind;
use model::workload::replica_set::ReplicaSetStatus;
use model::workload::{Count, RollingUpdate};

fn template(image: u32) -> Arc<PodSpec> {
    Arc::new(PodSpec {
        scheduler_name: format!("image-{image}").into(),
        ..PodSpec::default()
    })
}

fn set(name: &str, image: u32, replicas: i32, available: i32) -> ReplicaSet {
    ReplicaSet {
        name: name.into(),
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

fn rolling(replicas: i32, image: u32) -> Deployment {
    Deployment {
        name: "web".into(),
        replicas,
        template: template(image),
        ..Deployment::default()
    }
}

fn step(now: Instant, deployment: &Deployment, sets: &[ReplicaSet]) -> DeploymentWrites {
    let living = sets
        .iter()
        .map(|set| (set.name.clone(), set.status.replicas))
        .collect();
    sync(
        now,
        &DeploymentView {
            deployment,
            sets,
            living: &living,
            new_name: format!("web-{}", deployment.template.scheduler_name).into(),
            release: Release::V1_36,
        },
    )
}

/// Applies writes to the sets, as the store would.
fn apply(
    now: Instant,
    deployment: &mut Deployment,
    sets: &mut Vec<ReplicaSet>,
    writes: &DeploymentWrites,
) {
    for update in &writes.update {
        let is_there = sets.iter().any(|set| set.name == update.name);
        assert!(is_there, "{}: a set that is there", update.name);
    }
    writes.apply(now, &deployment.template, sets);
    deployment.status = writes.status.clone();
}

#[test]
fn a_rolling_update_of_ten_goes_as_in_the_specification() {
    let now = Instant::from_secs(100);
    let mut deployment = rolling(10, 2);
    let mut sets = vec![set("old", 1, 10, 10)];
    // The set is made with its size, so the same sync goes on to the old one.
    let writes = step(now, &deployment, &sets);
    assert_eq!(writes.create.as_ref().map(|new| new.replicas), Some(3));
    assert_eq!(writes.update[0].replicas, 8);
    apply(now, &mut deployment, &mut sets, &writes);
    (sets[0].status.replicas, sets[0].status.available) = (8, 8);
    sets[1].status.replicas = 3;
    let writes = step(now, &deployment, &sets);
    assert_eq!(
        (&*writes.update[0].name, writes.update[0].replicas),
        ("web-image-2", 5)
    );
    apply(now, &mut deployment, &mut sets, &writes);
    assert_eq!(sets.iter().map(|set| set.replicas).sum::<i32>(), 13);
    assert_eq!(step(now, &deployment, &sets).update, []);
}

#[test]
fn scaling_in_the_middle_of_a_rollout_is_proportional() {
    let mut deployment = rolling(17, 2);
    deployment.strategy = DeploymentStrategy::RollingUpdate(RollingUpdate {
        max_surge: Count::Number(5),
        max_unavailable: Count::Number(0),
    });
    let mut sets = vec![set("old", 1, 7, 7), set("new", 2, 5, 5)];
    for set in &mut sets {
        set.rollout.desired_replicas = Some(10);
        set.rollout.max_replicas = Some(12);
    }
    let writes = step(Instant::ZERO, &deployment, &sets);
    let size = |name: &str| {
        let update = writes.update.iter().find(|update| *update.name == *name);
        update.map(|update| update.replicas)
    };
    assert_eq!((size("old"), size("new")), (Some(13), Some(9)));
}

#[test]
fn a_rollout_that_stands_still_misses_its_deadline_and_nothing_is_undone() {
    let mut deployment = rolling(2, 1);
    let mut sets = Vec::new();
    let mut at = Instant::ZERO;
    for _ in 0..3 {
        let writes = step(at, &deployment, &sets);
        apply(at, &mut deployment, &mut sets, &writes);
    }
    let wake = step(at, &deployment, &sets).wake;
    assert_eq!(wake, Some(Instant::from_secs(601)));
    at = Instant::from_secs(601);
    let writes = step(at, &deployment, &sets);
    let progress = writes.status.condition(ConditionKind::Progressing);
    assert_eq!(
        progress.map(|known| (known.status, known.reason)),
        Some((Some(false), ConditionReason::ProgressDeadlineExceeded))
    );
    assert_eq!(writes.update, []);
}

#[test]
fn a_rollback_takes_the_template_of_a_revision() {
    let mut deployment = rolling(1, 3);
    deployment.rollback_to = Some(0);
    let sets = [set("a", 1, 0, 0), set("b", 2, 0, 0), set("c", 3, 1, 1)];
    let writes = step(Instant::ZERO, &deployment, &sets);
    assert_eq!(writes.roll_back, Some(template(2)));
    deployment.rollback_to = Some(7);
    let writes = step(Instant::ZERO, &deployment, &sets);
    assert!(writes.roll_back.is_none() && writes.roll_back_done);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    /// Surge and unavailable hold at every step (as far as pods don't fail), and once pods get
    /// ready the rollout ends in a bounded number of steps.
    #[test]
    fn limits_hold_and_rollouts_end(
        replicas in 1..20_i32,
        surge in 0..6_i32,
        unavailable in 0..6_i32,
        moves in proptest::collection::vec((0..8_u32, 0..4_i32), 0..40),
    ) {
        let mut deployment = rolling(replicas, 1);
        let limits = RollingUpdate {
            max_surge: Count::Number(surge),
            max_unavailable: Count::Number(unavailable),
        };
        deployment.strategy = DeploymentStrategy::RollingUpdate(limits);
        let (surge, unavailable) = limits.resolved(replicas);
        let mut sets = Vec::new();
        let mut reached = false;
        let calm = std::iter::repeat_n((7, i32::MAX), 80);
        for (second, (act, ready)) in moves.into_iter().chain(calm).enumerate() {
            let now = Instant::from_secs(second as i64);
            if act == 0 {
                deployment.template = template(ready as u32 + 1);
                deployment.generation += 1;
            }
            let writes = step(now, &deployment, &sets);
            apply(now, &mut deployment, &mut sets, &writes);
            let total: i32 = sets.iter().map(|set| set.replicas).sum();
            prop_assert!(total <= replicas + surge, "{total} of {replicas} and {surge}");
            for set in &mut sets {
                set.status.replicas = set.replicas;
                set.status.available = set.status.available.min(set.replicas);
                set.status.available = set.status.available.saturating_add(ready).min(set.replicas);
                set.status.ready = set.status.available;
            }
            let available: i32 = sets.iter().map(|set| set.status.available).sum();
            let enough = available >= replicas - unavailable;
            prop_assert!(enough || !reached, "{available} of {replicas} and {unavailable}");
            reached |= enough;
        }
        let new = sets.iter().filter(|set| set.replicas > 0).collect::<Vec<_>>();
        prop_assert_eq!(new.len(), 1);
        prop_assert_eq!(new[0].replicas, replicas);
        prop_assert!(sets.len() <= 11);
        prop_assert!(deployment.status.is_complete(&deployment));
    }

    /// With `Recreate` pods of two templates never stand side by side.
    #[test]
    fn recreate_never_mixes(replicas in 1..6_i32, changes in proptest::collection::vec(0..6_u32, 1..30)) {
        let mut deployment = rolling(replicas, 1);
        deployment.strategy = DeploymentStrategy::Recreate;
        let mut sets: Vec<ReplicaSet> = Vec::new();
        let calm = std::iter::repeat_n(9, 12);
        for (second, change) in changes.into_iter().chain(calm).enumerate() {
            if change < 3 {
                deployment.template = template(change);
            }
            let now = Instant::from_secs(second as i64);
            let writes = step(now, &deployment, &sets);
            apply(now, &mut deployment, &mut sets, &writes);
            let standing = sets.iter().filter(|set| set.status.replicas.max(set.replicas) > 0);
            prop_assert!(standing.count() <= 1);
            for set in &mut sets {
                set.status.replicas = set.replicas;
                set.status.available = set.replicas;
            }
        }
        let total: i32 = sets.iter().map(|set| set.replicas).sum();
        prop_assert_eq!(total, replicas);
    }
}
