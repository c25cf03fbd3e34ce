//! Jobs that are objects, by hand: their pods are no jobs of their own.

use std::sync::Arc;

use model::workload::Job;
use model::workload::job::{JobCondition, JobConditionKind, JobReason};
use model::{
    DeviceSet, EndReason, Event, EvictionCause, GpuRequest, Object, ObjectChange, PodCreated,
    PodName, PodOwner, PodRef,
};
use units::{Instant, ObjectId, TenantId};

use crate::record::setup::Setup;
use crate::record::window::Window;
use crate::recorder::Recorder;
use crate::tests::fixture::{Bench, check, node, spec};

const HOUR: i64 = 3_600;

fn job(id: u32) -> Job {
    Job {
        name: format!("train-{id}").into(),
        template: spec(1_000, 1 << 30, GpuRequest::default()),
        suspend: true,
        ..Job::default()
    }
}

fn created(id: u32) -> Event {
    Event::Object(ObjectChange::Created {
        id: ObjectId(id),
        owner: None,
        object: Object::Job(Arc::new(job(id))),
    })
}

fn ended(id: u32, kind: JobConditionKind) -> Event {
    let mut job = job(id);
    job.status.conditions.push(JobCondition {
        kind,
        holds: true,
        reason: JobReason::CompletionsReached,
        changed: Instant::ZERO,
    });
    Event::Object(ObjectChange::Updated {
        id: ObjectId(id),
        object: Object::Job(Arc::new(job)),
    })
}

/// A pod of the first object that runs ten seconds after its creation.
fn pod(bench: &mut Bench<'_>, from: i64) -> PodRef {
    let pod = made(bench, from);
    start(bench, from + 10, pod);
    pod
}

fn start(bench: &mut Bench<'_>, at: i64, pod: PodRef) {
    bench.bind(at, pod, 0, DeviceSet::EMPTY);
    bench.apply(at, &Event::PodRunning { pod });
}

/// A pod of the first object.
fn made(bench: &mut Bench<'_>, from: i64) -> PodRef {
    let template = job(0).template;
    if let Some(event) = bench.store.class_added(&template) {
        bench.apply(from, &event);
    }
    let pod = bench.store.pods().next();
    bench.apply(
        from,
        &Event::PodCreated(PodCreated {
            pod,
            class: bench.store.class_of(&template).expect("just added"),
            name: PodName::Job(u64::from(pod.id.0)),
            tenant: TenantId(0),
            gang: None,
            time_limit: None,
            estimate: None,
            found: None,
            owner: Some(PodOwner::new(ObjectId(0), 0)),
        }),
    );
    pod
}

#[test]
fn a_job_that_is_stopped_and_goes_on_is_one_job() {
    let mut bench = Bench::new(Recorder::new(&Setup::default()));
    bench.add_node(0, node("n", 8_000, 8 << 30, 0));
    bench.apply(0, &created(0));
    bench.apply(0, &created(1));
    let first = pod(&mut bench, 100);
    let evicted = EndReason::Evicted(EvictionCause::Drain);
    bench.end(100 + 10 + HOUR, first, evicted);
    let second = pod(&mut bench, 100 + 2 * HOUR);
    bench.end(100 + 10 + 4 * HOUR, second, EndReason::Completed);
    bench.apply(100 + 11 + 4 * HOUR, &ended(0, JobConditionKind::Complete));
    let metrics = bench.finish(5 * HOUR);
    check(
        &metrics,
        &[
            ("jobs.measured", Some(2.0)),
            ("jobs.succeeded", Some(1.0)),
            ("jobs.evicted", Some(0.0)),
            ("jobs.waiting_at_end", Some(1.0)),
            ("start_skew.max", None),
            ("first_wait.p50", Some(110.0)),
            ("turnaround.p50", Some(110.0 + 4.0 * HOUR as f64)),
        ],
    );
}

#[test]
fn a_job_whose_last_pod_succeeded_is_over() {
    let mut bench = Bench::new(Recorder::new(&Setup::default()));
    bench.add_node(0, node("n", 8_000, 8 << 30, 0));
    bench.apply(0, &created(0));
    let only = pod(&mut bench, 100);
    bench.end(200, only, EndReason::Completed);
    let metrics = bench.finish(300);
    check(
        &metrics,
        &[
            ("jobs.succeeded", Some(1.0)),
            ("turnaround.max", Some(200.0)),
        ],
    );
}

#[test]
fn a_window_of_jobs_counts_objects() {
    let setup = Setup {
        window: Window::Jobs { from: 1, until: 2 },
        ..Setup::default()
    };
    let mut bench = Bench::new(Recorder::new(&setup));
    for (id, at) in [(0, 0), (1, 50), (2, 70)] {
        bench.apply(at, &created(id));
    }
    bench.apply(90, &ended(1, JobConditionKind::Failed));
    let metrics = bench.finish(HOUR);
    check(
        &metrics,
        &[
            ("jobs.measured", Some(1.0)),
            ("jobs.failed", Some(1.0)),
            ("jobs.waiting_at_end", Some(0.0)),
        ],
    );
}

#[test]
fn starts_of_the_pods_of_a_job_are_apart() {
    let mut bench = Bench::new(Recorder::new(&Setup::default()));
    bench.add_node(0, node("n", 8_000, 8 << 30, 0));
    let two = Job {
        parallelism: 2,
        completions: Some(3),
        ..job(0)
    };
    bench.apply(
        0,
        &Event::Object(ObjectChange::Created {
            id: ObjectId(0),
            owner: None,
            object: Object::Job(Arc::new(two)),
        }),
    );
    let [first, second] = [made(&mut bench, 5), made(&mut bench, 5)];
    start(&mut bench, 10, first);
    start(&mut bench, 70, second);
    bench.end(80, first, EndReason::Completed);
    // A third completion is no member of the first round.
    let third = made(&mut bench, 90);
    start(&mut bench, 500, third);
    let metrics = bench.finish(600);
    check(
        &metrics,
        &[
            ("start_skew.max", Some(60.0)),
            ("jobs.started_apart", Some(1.0)),
        ],
    );
}
