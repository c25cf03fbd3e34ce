//! Pods that hold their quota until they are gone.

use super::*;
use model::workload::job::JobMember;

/// Pods of the group `g` of a namespace, which are one workload.
fn group(namespace: &str, pods: i32) -> Job {
    Job {
        queue: QueueReference(Some(Arc::new(JobQueue {
            name: "jobs".into(),
            member: Some(Arc::new(JobMember {
                workload: "g".into(),
                set: "main".into(),
                number: 0,
                replica: 0,
                jobs: 1,
                keeps_quota: true,
            })),
            ..JobQueue::default()
        }))),
        ..job(namespace, "g", pods)
    }
}

fn status(active: i32, terminating: i32) -> JobStatus {
    JobStatus {
        active,
        terminating: Some(terminating),
        ..JobStatus::default()
    }
}

#[test]
fn a_group_that_is_evicted_holds_its_quota_until_its_pods_are_gone() {
    let mut world = World::new(&objects());
    world.submit(group("one", 8));
    assert!(world.runs("one", "g"));
    world.report("one", "g", status(8, 0));
    world.submit(job("two", "owner", 4));
    // It is told to stop, and still counts.
    assert!(world.job("one", "g").suspend);
    assert_eq!(world.status("one").usage[0].total, Quantity::from_units(8));
    assert!(!world.runs("two", "owner"));
    world.report("one", "g", status(0, 8));
    world.pass(20);
    assert!(!world.runs("two", "owner"));
    world.report("one", "g", status(0, 0));
    assert!(world.runs("two", "owner"));
    let (_, shown) = world.find("Workload", "one", "g");
    let Object::Workload(shown) = shown else {
        panic!("{shown:?}");
    };
    let evicted = shown.holding("Evicted").expect("it was evicted");
    assert_eq!(&*evicted.reason, "Preempted");
    // It waits for the room that is left, and has it once the owner has ended.
    assert!(shown.admission.is_none());
    world.complete("two", "owner");
    world.pass(1);
    assert!(world.runs("one", "g"));
}

#[test]
fn a_group_that_ends_while_it_stops_does_not_come_back() {
    let mut world = World::new(&objects());
    world.submit(group("one", 8));
    world.report("one", "g", status(8, 0));
    world.submit(job("two", "owner", 4));
    world.complete("one", "g");
    assert!(world.runs("two", "owner"));
    world.pass(10);
    world.complete("two", "owner");
    world.pass(10);
    let states = world.queues.controller.states();
    assert!(
        states
            .into_iter()
            .all(|own| own.stage == kueue::run::Stage::Finished)
    );
}
