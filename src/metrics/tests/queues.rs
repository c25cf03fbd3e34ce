//! Waits for quota and evictions by queue and by priority, by hand.

use model::queueing::{Condition, QueuedWorkload};
use model::{Event, Object, ObjectChange};
use units::{Instant, ObjectId, SortedMap};

use crate::record::setup::Setup;
use crate::recorder::Recorder;
use crate::tests::fixture::{Bench, check};

fn workload(name: &str, queue: &str, priority: i32) -> QueuedWorkload {
    QueuedWorkload {
        namespace: "n".into(),
        name: name.into(),
        uid: name.into(),
        queue: queue.into(),
        priority,
        created: Instant::from_secs(0),
        active: true,
        pod_sets: Vec::new(),
        max_execution: None,
        admission: None,
        conditions: Vec::new(),
        reclaimable: SortedMap::new(),
    }
}

fn with(own: &QueuedWorkload, kind: &str, reason: &str, secs: i64) -> QueuedWorkload {
    let mut own = own.clone();
    own.conditions = vec![Condition {
        kind: kind.into(),
        holds: true,
        reason: reason.into(),
        since: Instant::from_secs(secs),
    }];
    own
}

fn created(id: u32, own: &QueuedWorkload) -> Event {
    Event::Object(ObjectChange::Created {
        id: ObjectId(id),
        owner: None,
        object: Object::Workload(own.clone().into()),
    })
}

fn updated(id: u32, own: QueuedWorkload) -> Event {
    Event::Object(ObjectChange::Updated {
        id: ObjectId(id),
        object: Object::Workload(own.into()),
    })
}

#[test]
fn waits_and_evictions_are_told_by_queue_and_by_priority() {
    let mut bench = Bench::new(Recorder::new(&Setup::default()));
    let first = workload("first", "a", 9);
    let second = workload("second", "b", 9);
    let third = workload("third", "b", -1);
    for (id, own) in (0..).zip([&first, &second, &third]) {
        bench.apply(0, &created(id, own));
    }
    bench.apply(2, &updated(0, with(&first, "Admitted", "Admitted", 2)));
    bench.apply(4, &updated(1, with(&second, "Admitted", "Admitted", 4)));
    let evicted = with(&second, "Evicted", "Preempted", 5);
    bench.apply(5, &updated(1, evicted.clone()));
    // A later change of the workload tells of the eviction again.
    bench.apply(6, &updated(1, evicted));
    bench.apply(
        7,
        &updated(1, with(&second, "Evicted", "PodsReadyTimeout", 7)),
    );
    bench.apply(8, &updated(0, with(&first, "Evicted", "Preempted", 8)));
    let metrics = bench.finish(10);
    check(
        &metrics,
        &[
            ("quota_wait.worst_queue", Some(7.0)),
            ("quota_wait.worst_priority", Some(10.0)),
            ("quota_wait.admitted", Some(2.0)),
            ("quota_wait.unadmitted", Some(1.0)),
            ("queue_evictions.preempted", Some(2.0)),
            ("queue_evictions.not_ready", Some(1.0)),
            ("queue_evictions.worst_queue", Some(2.0)),
            ("queue_evictions.workloads", Some(2.0)),
        ],
    );
    let told = |id: &str| metrics.get(id).and_then(|found| found.reason.as_deref());
    assert_eq!(
        told("quota_wait.worst_queue"),
        Some("n/a 2.0 s (1 workload), n/b 7.0 s (2 workloads)")
    );
    assert_eq!(
        told("quota_wait.worst_priority"),
        Some("-1 10.0 s (1 workload), 9 3.0 s (2 workloads)")
    );
    assert_eq!(told("queue_evictions.worst_queue"), Some("n/a 1, n/b 2"));
}
