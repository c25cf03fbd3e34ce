//! The worked example of the specification, and sets under random failures.

use proptest::prelude::*;

use super::*;
use model::workload::Readiness;

fn pod(ordinal: i32, revision: &str, is_ready: bool) -> StatefulPod {
    StatefulPod {
        ordinal,
        revision: revision.into(),
        pod: ObservedPod {
            phase: ObservedPhase::Running,
            readiness: Some(Readiness {
                is_ready,
                since: Some(Instant::ZERO),
            }),
            ..ObservedPod::default()
        },
    }
}

/// A set in its world: what it orders is done at once, what it makes gets ready when told.
struct World {
    set: StatefulSet,
    revision: Text,
    status: StatefulStatus,
    pods: Vec<StatefulPod>,
}

impl World {
    fn new(set: StatefulSet) -> Self {
        Self {
            set,
            revision: "1".into(),
            status: StatefulStatus::default(),
            pods: Vec::new(),
        }
    }

    fn step(&mut self) -> StatefulWrites {
        let view = StatefulSetView {
            set: &self.set,
            pods: &self.pods,
            update_revision: self.revision.clone(),
            status: &self.status,
            has_max_unavailable: false,
            waits_for_available: true,
            is_terminating: false,
        };
        let writes = sync(Instant::from_secs(1), &view);
        self.status = writes.status.clone();
        for pod in &mut self.pods {
            pod.pod.is_terminating |= writes.delete.contains(&pod.ordinal);
        }
        for (ordinal, revision) in &writes.create {
            self.pods.push(pod(*ordinal, revision, false));
        }
        writes
    }

    fn settle(&mut self) {
        self.pods.retain(|pod| !pod.pod.is_terminating);
        for pod in &mut self.pods {
            pod.pod.phase = ObservedPhase::Running;
            pod.pod.readiness = Some(Readiness {
                is_ready: true,
                since: Some(Instant::ZERO),
            });
        }
    }

    fn revisions(&self) -> Vec<(i32, String)> {
        let pods = self.pods.iter();
        let mut all: Vec<(i32, String)> = pods
            .map(|pod| (pod.ordinal, pod.revision.to_string()))
            .collect();
        all.sort();
        all
    }
}

#[test]
fn an_update_with_partition_2_replaces_3_then_2() {
    let mut world = World::new(StatefulSet {
        replicas: 4,
        update: StatefulUpdate::RollingUpdate {
            partition: 2,
            max_unavailable: None,
        },
        ..StatefulSet::default()
    });
    for _ in 0..4 {
        world.step();
        world.settle();
    }
    world.revision = "2".into();
    assert_eq!(world.step().delete, [3]);
    assert!(world.step().create.is_empty());
    world.settle();
    assert_eq!(world.step().create, [(3, "2".into())]);
    // A pod that does not get ready stops everything.
    assert!(world.step().delete.is_empty());
    world.settle();
    assert_eq!(world.step().delete, [2]);
    world.settle();
    world.step();
    world.settle();
    assert!(world.step().delete.is_empty());
    let revisions: Vec<String> = world.revisions().into_iter().map(|(_, own)| own).collect();
    assert_eq!(revisions, ["1", "1", "2", "2"]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    /// In order: never two pods of one ordinal, nothing is made before its predecessor is available,
    /// one deletion at a time; and all is as wanted in bounded steps once failures cease.
    #[test]
    fn order_is_kept(
        replicas in 0..6_i32,
        script in proptest::collection::vec((0..7_u32, 0..6_usize), 0..60),
    ) {
        let mut world = World::new(StatefulSet { replicas, ..StatefulSet::default() });
        for (act, which) in script {
            match act {
                0 => world.set.replicas = which as i32,
                1 => world.revision = format!("{which}").into(),
                2 if which < world.pods.len() => world.pods[which].pod.phase = ObservedPhase::Failed,
                3 if which < world.pods.len() => world.pods[which].pod.readiness = None,
                _ => world.settle(),
            }
            let before = world.pods.clone();
            let writes = world.step();
            prop_assert!(writes.create.len() + writes.delete.len() <= 1);
            for (ordinal, _) in &writes.create {
                let earlier = before.iter().filter(|pod| pod.ordinal < *ordinal);
                let available = earlier.filter(|pod| pod.pod.is_ready() && !pod.pod.is_terminating);
                prop_assert_eq!(available.count() as i32, *ordinal);
                prop_assert!(before.iter().all(|pod| pod.ordinal != *ordinal));
            }
        }
        for _ in 0..60 {
            world.settle();
            world.step();
        }
        world.settle();
        let wanted: Vec<(i32, String)> =
            (0..world.set.replicas).map(|ordinal| (ordinal, world.revision.to_string())).collect();
        prop_assert_eq!(world.revisions(), wanted);
    }
}
