//! Several jobs that are one workload.

use super::*;
use model::workload::job::JobMember;

/// A job of the set `s`: one of two workers of the pod set 1, or the driver of 0.
pub(in crate::queueing) fn member(set: &str, number: u32, replica: u32, pods: i32) -> Job {
    let own = job("one", &format!("s-{set}-{replica}"), pods);
    Job {
        queue: QueueReference(Some(Arc::new(JobQueue {
            name: "jobs".into(),
            member: Some(Arc::new(JobMember {
                workload: "jobset-s".into(),
                set: set.into(),
                number,
                replica,
                jobs: 3,
                keeps_quota: false,
            })),
            ..JobQueue::default()
        }))),
        ..own
    }
}

fn runs(world: &World) -> [bool; 3] {
    ["s-driver-0", "s-worker-0", "s-worker-1"].map(|name| world.runs("one", name))
}

/// All jobs of the set, in the order of their creation.
fn submit(world: &mut World) {
    for own in [
        member("worker", 1, 1, 2),
        member("driver", 0, 0, 1),
        member("worker", 1, 0, 2),
    ] {
        world.submit(own);
    }
}

fn workload(world: &World) -> QueuedWorkload {
    match world.find("Workload", "one", "jobset-s").1 {
        Object::Workload(own) => (**own).clone(),
        _ => unreachable!("it is a workload"),
    }
}

#[test]
fn jobs_of_a_set_are_admitted_together() {
    let mut world = World::new(&objects());
    world.submit(job("one", "first", 5));
    submit(&mut world);
    // Five of eight cores are taken, and the set wants five.
    assert_eq!(runs(&world), [false; 3]);
    let own = workload(&world);
    let sets: Vec<(&str, i64)> = own
        .pod_sets
        .iter()
        .map(|set| (&*set.name, set.count))
        .collect();
    assert_eq!(sets, [("driver", 1), ("worker", 4)]);
    world.complete("one", "first");
    world.pass(1);
    assert_eq!(runs(&world), [true; 3]);
    assert_eq!(world.status("one").usage[0].total, Quantity::from_units(5));
}

#[test]
fn jobs_of_a_set_that_have_ended_give_their_quota_back() {
    let mut world = World::new(&objects());
    submit(&mut world);
    assert_eq!(runs(&world), [true; 3]);
    world.complete("one", "s-worker-1");
    assert_eq!(world.status("one").usage[0].total, Quantity::from_units(3));
    world.complete("one", "s-worker-0");
    world.complete("one", "s-driver-0");
    assert!(workload(&world).holding("Finished").is_some());
    assert_eq!(world.status("one").usage[0].total, Quantity::ZERO);
}

#[test]
fn jobs_of_a_set_stop_together() {
    let mut world = World::new(&objects());
    submit(&mut world);
    world.pass(10);
    world.submit(job("two", "owner", 4));
    assert_eq!(runs(&world), [false; 3]);
    assert!(world.runs("two", "owner"));
}
